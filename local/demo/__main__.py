"""``python -m local.demo``: the show on sample data, in under a minute, leaving nothing behind."""

from __future__ import annotations

import argparse
import io
import signal
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import requests

from local.demo.acts import UNSUBSCRIBES, NobodyFitsError
from local.demo.dataverse import address_is
from local.demo.host import RunError
from local.demo.place import uncomplicated
from local.demo.servers import ServerError, free_port
from local.demo.show import Show
from local.demo.stage import PEOPLE_TOKEN, Stage
from local.playground.app import Playground, serve


def main() -> int:
    """Return the exit code: 0 if everything propagated and nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--contacts", type=int, help="contacts and leads together (default: 2000; 500 with Azurite)")
    parser.add_argument("--seed", type=int, default=1, help="another number, another company (default: 1)")
    parser.add_argument("--serve", action="store_true", help="no show: a page to click in, and both servers")
    parser.add_argument(
        "--storage",
        choices=("memory", "azurite"),
        default="memory",
        help="queues in the host and a ledger in a file, or both in Azure Storage, played by Azurite (default: memory)",
    )
    arguments = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # names have letters that some consoles lack
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="consent-sync-", ignore_cleanup_errors=True) as folder:
        try:
            azurite = arguments.storage == "azurite"
            contacts = arguments.contacts or (500 if azurite else 2000)  # each costs several round trips to Azurite
            with Stage(contacts, arguments.seed, Path(folder), azurite=azurite) as stage:
                try:
                    stage.register()
                    return _serve(stage) if arguments.serve else _show(stage)
                except (RunError, requests.RequestException, ServerError) as error:
                    print(f"\n{error}\n{stage.last_words()}")
        except ServerError as error:
            print(f"\n{error}")
        except NobodyFitsError as error:
            print(f"\n{error}")
        except KeyboardInterrupt:
            return 0 if arguments.serve else 1
    return 1


def _show(stage: Stage) -> int:
    show = Show(stage)
    good = show.play()
    if not good:
        print(stage.last_words(), file=sys.stderr)
    return 0 if good else 1


def _serve(stage: Stage) -> int:
    stage.run_service("")
    port = free_port()
    serve(Playground(stage.dataverse, stage.host), port)
    playground = f"http://127.0.0.1:{port}/"
    states = uncomplicated(stage.dataverse.snapshot())
    person = next(person for person, state in states.items() if UNSUBSCRIBES.fits(state))
    api, key = f"{stage.dataverse_url}/api/data/v9.2", f'-H "Authorization: Bearer {PEOPLE_TOKEN}"'
    rows = quote(f"$select=msdynmkt_value&$filter={address_is(person.address)}", safe="=&")
    print(
        f"Dataverse emulator  {stage.dataverse_url}  (bearer token {PEOPLE_TOKEN})\n"
        f"Functions host      {stage.host_url}  (key {stage.key})\n"
        f"Playground          {playground}  (open it in a browser)\n\n"
        f"Unsubscribe {person.name} from everything, then see the consent rows say 534120002, opted out:\n\n"
        f'curl -X PATCH "{api}/contacts({person.contact})" {key}'
        ' -H "Content-Type: application/json" -d "{\\"donotbulkemail\\": true}"\n'
        f'curl "{api}/msdynmkt_contactpointconsent4s?{rows}" {key}\n\n'
        "Ctrl-C stops them all.",
        flush=True,
    )
    while True:
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
