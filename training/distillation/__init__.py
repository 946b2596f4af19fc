"""Soft targets: outputs of pretrained taggers, for training beside the labels (`teach`).

`hear` runs the taggers over a data set, `genres` turns their outputs into soft genres, `tags`
chooses what else is learned from them, `make` assembles the file, and `soft_targets` reads and
writes it. None of the taggers' weights are kept.
"""
