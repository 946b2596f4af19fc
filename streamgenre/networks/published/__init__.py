"""Systems of the literature, one file each, as their papers describe them.

Each docstring names the source, and where the description is silent what was chosen. Optimiser,
rate, batch and length of training stand in the system's row of `literature/rows`; where the
description is silent on them, they were chosen there.
"""
