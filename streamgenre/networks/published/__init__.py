"""Networks from the literature, one file each.

Each docstring cites the source and lists the details that the source does not specify, with the
choices made here. Optimiser, learning rate, batch size and length of training are in the rows of
`literature/rows`, including choices where the source does not specify them.
"""
