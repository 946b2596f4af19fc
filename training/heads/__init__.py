"""Classifiers on frozen embeddings: the start of a pooled network's head, and the baseline.

A perceptron on the mean embedding of a clip trains in a minute. It is the baseline of every
evaluation, because a network that is not better is not worth its cost.
"""
