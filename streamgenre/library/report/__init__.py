"""Reports of a scanned library: tables, CSV files and an HTML page."""
