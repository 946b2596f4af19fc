"""What a scanned library holds, as tables and as a page."""
