"""Teachers: pretrained taggers whose opinion a network learns beside the labels (`teach`).

`hear` runs them over a data set, `genres` turns what they say into soft genres, `tags` chooses what
is learnt from them besides; `make` puts a file of lessons together. None of their weights is kept.
"""
