"""One field of a container at a time: what create says to a value, what inspect shows, what is seen inside.

The tables of the fields are in the modules beside this one; each row is made, looked at and removed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.session import IMAGE, Session

NAME = "conf-field"
OUTSIDE = (
    "HostConfig", "NetworkSettings", "NetworkingConfig", "State", "Mounts", "Path", "Args", "Platform", "HostsPath",
    "HostnamePath", "ResolvConfPath",
)  # fmt: skip
SHOWN_AS = {"NetworkingConfig": "NetworkSettings", "EndpointsConfig": "Networks"}


@dataclass(frozen=True)
class Case:
    """A value of a field, given by its path in the body of create ("HostConfig.Memory").

    look is a line for the container's shell whose output is compared; without one the container is not started, but
    for starts, which says that the answer to start is of interest. more holds other parts of the body, show other
    parts of inspect's answer to compare than the field itself.
    """

    path: str
    value: Any
    look: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    show: tuple[str, ...] = ()
    starts: bool = False
    version: str = "v1.51"


def body_of(case: Case) -> dict[str, Any]:
    """Return the body of create."""
    body: dict[str, Any] = {"Image": IMAGE, "Cmd": ["sh", "-c", case.look] if case.look else ["true"]}
    for path, value in {**case.more, case.path: case.value}.items():
        *parents, name = path.split(".")
        inner = body
        for each in parents:
            inner = inner.setdefault(each, {})
        inner[name] = value
    return body


def try_all(s: Session, cases: Iterable[Case]) -> None:
    """Try each case with a container of its own."""
    for case in cases:
        attempt(s, case)


def attempt(s: Session, case: Case) -> None:
    """Make a container with one field set, and write down all that comes of it as one record."""
    s.remove(NAME)
    steps = _steps(s, case)
    title = f"{case.path} = {case.value!r:.200}"
    more = f" with {case.more!r:.200}" if case.more else ""
    s.records.append({"request": f"{case.version} {title}{more}", "body": steps})


def _steps(s: Session, case: Case) -> dict[str, Any]:
    answer = s.call("POST", "/containers/create", body_of(case), query={"name": NAME}, version=case.version)
    found = {"create": _taken(s)}
    if not isinstance(answer, dict) or "Id" not in answer:
        return found
    s.ids[answer["Id"]] = NAME
    if case.look or case.starts:
        s.call("POST", f"/containers/{NAME}/start")
        found["start"] = _taken(s)
        if found["start"][0] == 204:
            s.wait(NAME)
            s.call("GET", f"/containers/{NAME}/logs?stdout=1&stderr=1")
            found["look"] = _taken(s)
    s.call("GET", f"/containers/{NAME}/json")
    found["inspect"] = _parts(_taken(s)[1], case.show or (case.path,))
    s.remove(NAME)
    s.ids.pop(answer["Id"])
    return found


def _taken(s: Session) -> list[Any]:
    """Take the last record away again; returns its status and its body."""
    record = s.records.pop()
    return [record["status"], record["body"]]


def _parts(whole: dict[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return parts of what inspect shows by their paths."""
    shown = {}
    for path in paths:
        parts = path.split(".")
        found: Any = whole if parts[0] in OUTSIDE else whole["Config"]
        for part in parts:
            found = found.get(SHOWN_AS.get(part, part), "<absent>") if isinstance(found, dict) else "<absent>"
        shown[path] = found
    return shown
