"""The published systems under one protocol: rows to run, their results, and the tables.

`rows/` holds one TOML file for each section of the literature; `rows.py` reads them, `run.py` runs
one, `results.py` keeps what came out, `report.py` writes it down. `baselines/` has the systems that
are not trained by updates: classifiers on computed features.
"""
