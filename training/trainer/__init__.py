"""The trainer: one run in one folder, its loss, schedule, start, validation and averages."""
