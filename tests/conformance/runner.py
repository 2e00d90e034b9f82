"""Running scenarios and comparing what was written down."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from tests.conformance.comparing import differ
from tests.conformance.differences import unexpected
from tests.conformance.scenarios import SCENARIOS
from tests.conformance.session import IMAGE, Record, Session
from tests.conformance.wire import Exchange
from tests.harness.busybox_image import busybox_archive

GOLDEN = Path(__file__).parent / "golden"


def load_image(socket: Path) -> None:
    """Give a server the scenarios' image."""
    headers = {"Content-Type": "application/x-tar"}
    exchange = Exchange(socket, "POST", "/v1.51/images/load?quiet=1", busybox_archive([IMAGE]), headers)
    head, said = exchange.read_head(), exchange.finish()
    assert head.status == 200, said
    assert b"error" not in said, said


def drop_image(socket: Path) -> None:
    """Take the scenarios' image away again."""
    Exchange(socket, "DELETE", f"/v1.51/images/{quote(IMAGE)}", None, {}).finish()


def remove_containers(socket: Path) -> None:
    """Remove the containers and anonymous volumes that a scenario left, so that the next one does not meet them."""
    session = Session(socket)
    for each in session.quietly("GET", "/containers/json", query={"all": "1"}):
        session.remove(each["Id"])
    session.quietly("POST", "/volumes/prune")


def run(name: str, socket: Path) -> list[Record]:
    """Run one scenario."""
    session = Session(socket)
    SCENARIOS[name](session)
    return session.records


def golden(name: str) -> list[Record]:
    """Return what dockerd answered."""
    found: list[Record] = json.loads((GOLDEN / f"{name}.json").read_text())
    return found


def keep(name: str, records: list[Record]) -> None:
    """Write down what dockerd answered."""
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / f"{name}.json").write_text(json.dumps(records, indent=1, sort_keys=False) + "\n")


def differences(name: str, expected: list[Record], found: list[Record]) -> list[str]:
    """Return a line for each value that differs, under the request that it answers, but for those that may."""
    lines: list[tuple[str, list[str]]] = []
    for number, (theirs, ours) in enumerate(zip(expected, found, strict=False)):
        inner = list(differ(theirs, ours, ""))
        if inner:
            lines.append((f"{number}. {theirs['request']}", inner))
    if len(expected) != len(found):
        lines.append((f"{len(found)} calls instead of {len(expected)}", [""]))
    return unexpected(name, lines)
