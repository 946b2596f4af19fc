"""Scan a library of recordings: list files, classify them in several processes, store a table."""
