"""Codec robustness."""

from __future__ import annotations

import shutil

import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.paths import EXAMPLES
from support.tones import Tones

from streamgenre.model.model import Model
from training.evaluation.probes import codec
from training.evaluation.probes.codec import FORMS, ORIGINAL


def test_every_form_is_compared_with_the_opus_one(tmp_path):
    shutil.copy(EXAMPLES / "rock-lucky-13.ogg", tmp_path)
    (tmp_path / "cover.txt").write_text("no music")
    found = codec.measure(Model(Tones()), tmp_path, 2.5)
    assert found.files == 1 and found.skipped == ("cover.txt",)
    assert set(found.forms) == {ORIGINAL, *FORMS} - {found.reference}
    for form in found.forms.values():
        assert form.steps >= 4 and form.mean_absolute_difference[0] < 0.2
