"""How each kind of row is measured: one module a kind, with `measure(bench, row, seed)`."""
