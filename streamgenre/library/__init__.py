"""A whole library of recordings: found, classified in several processes, kept as a table."""
