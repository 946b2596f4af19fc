"""The training loop: loss, schedule, initial weights, validation and weight averages."""
