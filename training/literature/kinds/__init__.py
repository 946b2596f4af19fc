"""Measurement of each kind of row: one module per kind, with `measure(bench, row, seed)`."""
