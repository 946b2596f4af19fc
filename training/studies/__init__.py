"""Experiments on the networks of this project."""
