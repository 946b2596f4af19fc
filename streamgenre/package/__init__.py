"""The embedded package: one step of a model as files that run without streamgenre."""
