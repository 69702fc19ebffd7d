"""``python -m salus.cli`` is the same program as ``salus``."""

from salus.cli import main

main()
