"""One module a probe: its measurement, its result, its section of the report and its picture."""
