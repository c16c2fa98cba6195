"""``python -m consent_sync``: the command line for those who operate the service."""

from __future__ import annotations

import sys

from consent_sync import bootstrap
from consent_sync.operate.cli.app import main

if __name__ == "__main__":
    sys.exit(main(bootstrap))
