"""Training, evaluation and export of streaming networks."""
