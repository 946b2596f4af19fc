"""Published systems under one protocol: their configurations, results, tables and charts.

`rows/` contains a TOML file for each section of the literature. `rows.py` reads them, `run.py`
trains and measures a row, `results.py` stores the results, and `report/` writes tables and charts.
`baselines/` contains the classifiers on computed features.
"""
