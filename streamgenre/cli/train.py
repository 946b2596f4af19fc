"""`streamgenre train`: train a network on a data set."""

from __future__ import annotations

from .trainer import training_command

command = training_command("train")
