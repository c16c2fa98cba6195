"""An explanation as plain text, for a terminal or a ticket."""

from __future__ import annotations

from collections.abc import Iterator

from .view import ExplainView, PlaceView, ScopeView
from .words import moment


def as_text(view: ExplainView) -> str:
    """Give an explanation as lines of text, the answer first."""
    return "\n".join(_lines(view)) + "\n"


def _lines(view: ExplainView) -> Iterator[str]:
    yield f"Consent of {view.asked}, read {moment(view.read)}"
    for point in view.points:
        yield ""
        yield f"{point.name} ({point.key[:20]}...)"
        for scope in point.scopes:
            yield from _scope(scope)
    yield ""
    yield "Places"
    for place in view.places:
        yield f"  {_place(place)}"
    if view.waiting:
        yield ""
        yield "Waiting for a person"
        for hold in view.waiting:
            named = f" ({hold.id})" if hold.id else ""
            yield f"  {hold.where} says {hold.says}, kept {hold.stands}: {hold.explanation}{named}"
    yield ""
    yield "What was recorded"
    if not view.history:
        yield "  nothing yet"
    for line in view.history:
        by = f", by {line.by}" if line.by else ""
        yield f"  {moment(line.at)}  {line.of}: {line.text}{f' [{line.rule}]' if line.rule else ''}{by}"


def _scope(scope: ScopeView) -> Iterator[str]:
    since = f" since {moment(scope.since)}" if scope.since else ""
    yield f"  {scope.stands.upper():7}{scope.name}{since}"
    if scope.stands == "silent":
        return
    yield f"         {scope.because}"
    yield f"         Would change it: {scope.change}"
    for said in scope.said:
        latest = [f"{name} {moment(at)}" for name, at in (("L", said.latest_in), ("U", said.latest_out)) if at]
        yield f"         {said.of}: {', '.join(latest)}"


def _place(place: PlaceView) -> str:
    by = f" by {place.changed_by}" if place.changed_by else ""
    changed = f", changed {moment(place.changed)}{by}" if place.changed else ""
    source = f", {place.source}" if place.source else ""
    ours = ", written by this service" if place.ours else ""
    should = "" if place.in_step or not place.should else f"; should say {place.should}"
    rule = f" [{place.rule}: {place.why}]" if place.rule else ""
    return f"{place.where} of {place.of} says {place.says}{changed}{source}{ours}{should}{rule}"
