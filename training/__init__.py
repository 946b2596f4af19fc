"""Training, measuring and exporting streaming networks."""
