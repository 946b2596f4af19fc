"""Published systems of computed features and a classical model."""
