"""`python -m streamgenre` is the `streamgenre` command."""

from .cli.main import main

main()
