"""Plan, write and undo the genre tags of scanned files."""
