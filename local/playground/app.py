"""The playground's HTTP: one page, the clicks, and what every place says now."""

from __future__ import annotations

import json
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from cheroot import wsgi
from jinja2 import Environment, PackageLoader, StrictUndefined
from werkzeug.wrappers import Request, Response

from local.demo.place import uncomplicated
from local.playground.board import BUTTONS, LEFT, RIGHT, SPOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.demo.dataverse import Dataverse
    from local.demo.host import FunctionsHost
    from local.demo.place import Person, State

SHOWN_PEOPLE = 12
_PAGES = Environment(
    loader=PackageLoader("local.playground"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


class Playground:
    """Lets a visitor act as one of a few people of the company, over `dataverse`, with `service` beside it."""

    def __init__(self, dataverse: Dataverse, service: FunctionsHost) -> None:
        self._dataverse, self._service = dataverse, service
        known = sorted(uncomplicated(dataverse.snapshot()).items(), key=lambda found: -_busy(found[1]))
        self._people = {person.contact: person for person, _ in known[:SHOWN_PEOPLE]}
        self._clicked: dict[str, float] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        person = self._people.get(request.values.get("person", next(iter(self._people))))
        if person is None:
            return Response("There is no such person on this page.", HTTPStatus.NOT_FOUND)
        match request.method, request.path:
            case "GET", "/":
                return Response(self._page(person), mimetype="text/html")
            case "GET", "/state":
                return Response(json.dumps(self._state(person)), mimetype="application/json")
            case "POST", "/click" if request.form.get("button") in BUTTONS:
                self._click(person, request.form["button"], lost="lost" in request.form)
            case "POST", "/sweep":
                self._service.fire("sweep")
            case _:
                return Response("There is nothing here.", HTTPStatus.NOT_FOUND)
        return Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"/?person={person.contact}"})

    def _page(self, person: Person) -> str:
        state = self._dataverse.state(person)
        people = list(self._people.values())
        return _PAGES.get_template("playground.html").render(
            person=person, people=people, state=state, left=LEFT, right=RIGHT
        )

    def _state(self, person: Person) -> dict[str, Any]:
        state = self._dataverse.state(person)
        clicked = self._clicked.get(person.contact)
        shown = {spot.name: [button.name for button in spot.shown(state)] for spot in SPOTS}
        seconds = None if clicked is None else round(time.monotonic() - clicked, 2)
        return {"places": state, "buttons": shown, "seconds_since_click": seconds}

    def _click(self, person: Person, button: str, *, lost: bool) -> None:
        self._dataverse.lose_webhooks(lost=lost)
        self._clicked[person.contact] = time.monotonic()
        BUTTONS[button].click(self._dataverse, person)
        if lost:
            self._dataverse.settle()  # until it is on its way no more, so that only this one gets lost
            self._dataverse.lose_webhooks(lost=False)


def serve(playground: Playground, port: int) -> wsgi.Server:
    """Serve the playground on a loopback port from a thread of its own; stop it with the server's `stop`."""
    server = wsgi.Server(("127.0.0.1", port), playground, numthreads=4)
    server.prepare()
    threading.Thread(target=server.serve, daemon=True).start()
    return server


def _busy(state: State) -> int:
    """How much there is to click away."""
    return sum(value in {"member", "opted in"} for value in state.values())
