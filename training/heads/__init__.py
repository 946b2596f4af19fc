"""Classifiers on frozen embeddings: the start of a pooled network's head, and the baseline.

A perceptron on the mean embedding of a clip trains in a minute. A network that does not beat it on
the same tracks is not worth its cost, so every evaluation can stand beside it.
"""
