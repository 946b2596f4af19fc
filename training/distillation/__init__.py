"""Soft targets: outputs of pretrained taggers as additional training targets (`teach`).

`outputs` runs the taggers over a data set, `genres` turns their outputs into genre distributions,
`tags` selects the tags to learn, `make` assembles the file, and `soft_targets` reads and writes it.
No weights of the taggers are stored.
"""
