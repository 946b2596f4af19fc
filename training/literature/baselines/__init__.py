"""Systems without a deep network, as published: features measured once, then a classical model."""
