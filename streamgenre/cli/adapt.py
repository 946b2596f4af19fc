"""`streamgenre adapt`: a model for genres of your own."""

from __future__ import annotations

from .trainer import training_command

command = training_command("adapt")
