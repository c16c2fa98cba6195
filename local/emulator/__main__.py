"""`python -m local.emulator`: serve until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import threading

from .emulator import Emulator


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m local.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--contacts", type=int, default=0, help="people of the sample company to load")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--token", help="the only accepted bearer token; any if not given")
    parser.add_argument("--certificate", help="PEM file with key and certificate: serve HTTPS")
    options = parser.parse_args()
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with Emulator(options.port, options.contacts, options.seed, options.token, options.certificate) as emulator:
        print(f"Dataverse emulator on {emulator.url}", flush=True)
        while not done.wait(0.5):  # a plain wait() would not see Ctrl-C on Windows
            pass


if __name__ == "__main__":
    main()
