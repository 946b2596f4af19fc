"""Listening to what plays now."""
