"""Memory over hours of audio through a pipe: a curve, its peak, and its growth."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from streamgenre.timing import test_signal

_RATE = 16_000


def endless_pipe(hours: float, form: str) -> dict[str, Any]:
    """Stream samples into the command; resident memory (MB) at each minute of audio.

    Growth is from the tenth minute of audio, the first seconds of the run, to the last; the peak
    is the whole process's, its end included; bytes a row are those of the second half, when the
    allocator has settled. Linux.
    """
    command = [sys.executable, "-m", "streamgenre", "--format", form]
    command += ["--raw", "s16le", "--rate", str(_RATE), "-"]
    minute = (test_signal(60.0, _RATE) * 32767).astype("<i2").tobytes()
    curve: list[tuple[float, float]] = []
    rows = 0

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None and running.stdout is not None

        def count(stdout: Any) -> None:
            nonlocal rows
            while chunk := stdout.read1(1 << 16):
                rows += chunk.count(b'"time"')

        reader = threading.Thread(target=count, args=(running.stdout,))
        reader.start()
        began = time.monotonic()
        for done in range(1, max(1, round(hours * 60)) + 1):
            running.stdin.write(minute)
            running.stdin.flush()
            curve.append((done / 60, memory(running.pid, "VmRSS")))
        working = curve[-1][1]
        running.stdin.close()
        peak = 0.0
        while running.poll() is None:  # json writes its rows now
            peak = max(peak, memory(running.pid, "VmHWM"))
            time.sleep(0.01)
        reader.join()
        seconds = time.monotonic() - began
        if running.returncode:
            raise RuntimeError(f"streamgenre ended with {running.returncode}")
    values = np.array([value for _, value in curve])
    # The first minutes of audio pass within a second: start-up is still under way in them.
    settled = values[min(len(values) - 1, 10)]
    found = {
        "hours": hours,
        "format": form,
        "rows": rows,
        "peak_mb": peak,
        "settled_mb": float(settled),
        "growth_mb": float(working - settled),
        "bytes_a_row": float((working - values[len(values) // 2]) * 2**20 / max(1, rows / 2)),
        "curve": [[round(h, 3), round(v, 1)] for h, v in curve[:: max(1, len(curve) // 60)]],
        "times_real_time": hours * 3600 / seconds,
    }
    print(
        f"{hours:g} h through a pipe, {form}: peak {found['peak_mb']:.1f} MB, "
        f"after ten minutes {settled:.1f}, at the end {working:.1f}: growth "
        f"{working - settled:.2f} MB over {rows} updates; {hours * 3600 / seconds:.0f}x real time"
    )
    for hour, value in curve[:: max(1, len(curve) // 12)]:
        print(f"  {hour:6.2f} h {value:7.1f} MB")
    return found


def memory(pid: int, what: str) -> float:
    """VmRSS (resident now) or VmHWM (at most so far) in MB; 0 once the process is gone."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    return 0.0
