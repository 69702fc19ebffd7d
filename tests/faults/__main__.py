"""``python -m tests.faults``: the soak; see soak.py."""

import sys

from tests.faults.soak import main

if __name__ == "__main__":
    sys.exit(main())
