"""The terminal display of `streamgenre live`."""
