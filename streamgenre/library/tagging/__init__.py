"""Genres of a scan in the tags of its files: planned, written, and undone."""
