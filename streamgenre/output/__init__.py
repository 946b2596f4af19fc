"""Outputs: the timeline of a recording in several formats, and sinks for live updates."""
