"""A processor without the instructions that the libraries need."""

from __future__ import annotations

import platform
import sys

import pytest

from streamgenre.cli import processor
from streamgenre.cli.main import run

# As in a virtual machine with the default processor type of QEMU.
QEMU64 = """processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: QEMU Virtual CPU version 2.5+
flags\t\t: fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr \
sse sse2 ht syscall nx lm rep_good nopl cpuid extd_apicid tsc_known_freq pni cx16 x2apic \
hypervisor cmp_legacy svm 3dnowprefetch vmmcall
"""


@pytest.fixture
def linux(monkeypatch, tmp_path):
    def machine(cpuinfo, kind="x86_64"):
        (tmp_path / "cpuinfo").write_text(cpuinfo)
        monkeypatch.setattr(processor, "_CPUINFO", str(tmp_path / "cpuinfo"))
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(platform, "machine", lambda: kind)

    return machine


def test_missing_instructions_are_named(linux, capsys):
    linux(QEMU64)
    assert run(["info"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(
        "streamgenre: this processor lacks lahf_lm, popcnt, sse4_1, sse4_2, ssse3"
    )
    assert 'select the processor type "host"' in err and err.count("\n") == 1
    assert run(["--help"]) == 0


@pytest.mark.parametrize(
    ("cpuinfo", "kind"),
    [
        (QEMU64.replace("fpu", "fpu popcnt ssse3 sse4_1 sse4_2 lahf_lm"), "x86_64"),
        ("", "x86_64"),
        ("processor : 0\nFeatures : fp asimd\n", "aarch64"),
        (QEMU64, "i686"),
    ],
)
def test_other_processors_pass(linux, cpuinfo, kind):
    linux(cpuinfo, kind)
    processor.check()


def test_an_unreadable_list_passes(linux, monkeypatch, tmp_path):
    linux("")
    monkeypatch.setattr(processor, "_CPUINFO", str(tmp_path / "missing"))
    processor.check()
