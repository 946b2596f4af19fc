"""Experiments on the project's own networks."""
