"""The targets by name."""

from __future__ import annotations

from fuzz.target import Target
from fuzz.targets import (
    audio_files,
    command_line,
    journals,
    lists,
    model_files,
    network,
    raw_samples,
    ring_buffer,
)

TARGETS: dict[str, Target] = {
    module.TARGET.name: module.TARGET
    for module in (
        audio_files,
        raw_samples,
        ring_buffer,
        model_files,
        lists,
        journals,
        command_line,
        network,
    )
}
