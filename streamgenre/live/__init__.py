"""Classify live audio, and show it on a terminal."""
