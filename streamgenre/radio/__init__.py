"""Monitor many radio stations at once, log what they play, and write a page from the log."""
