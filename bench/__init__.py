"""How fast, how small: measurements of the whole command and of its parts."""
