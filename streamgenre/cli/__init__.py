"""The command line: parses, calls the public API, prints. One file for each command."""
