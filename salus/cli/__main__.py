"""``python -m salus.cli`` is the same program as ``salus``."""

from . import main

main()
