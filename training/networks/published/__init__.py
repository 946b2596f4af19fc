"""Systems of the literature, one file each, as their papers describe them.

Each docstring names the source, and where the description is silent what was chosen.
"""
