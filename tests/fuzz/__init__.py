"""Fuzzing of everything that reads data from outside.

    python tests/fuzz files --cpu-seconds 3600 --record

A target defines seeds and a check. The check may raise StreamgenreError, because bad input is
reported that way; any other exception, a failed assertion, a crash of the process, an input that
needs more than 30 s of CPU time, or memory beyond the limit is a finding. Findings are saved as
files; once mended, they stay in `findings/` as regression tests. `counts.csv` sums up all runs that
were recorded.
"""
