"""Events as Docker's JSON, and which of them a client wants. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat_api.errors import familiar
from compat_api.query import go_integer

if TYPE_CHECKING:
    from engine.events import Event

SECOND = 1_000_000_000
_KINDS = ("daemon", "container", "plugin", "volume", "network", "service", "node", "secret", "config")
_WITH_DETAILS = {"health_status", "exec_create", "exec_start"}  # actions that go on after a colon


def message(event: Event) -> dict[str, Any]:
    """Return an event's message; containers' and images' repeat the fields that older clients read."""
    found: dict[str, Any] = {}
    if event.type in ("container", "image"):
        found = {"status": event.action} | ({"id": event.actor} if event.actor else {})
        if event.type == "container" and event.attributes.get("image"):
            found["from"] = event.attributes["image"]
    return found | {
        "Type": event.type,
        "Action": event.action,
        "Actor": {"ID": event.actor, "Attributes": dict(sorted(event.attributes.items()))},
        "scope": "local",
        "time": event.time // SECOND,
        "timeNano": event.time,
    }


def timestamp(text: str) -> int | None:
    """Return a time parameter, "seconds" or "seconds.fraction", in nanoseconds; None when empty.

    Raises BadRequest in dockerd's words.
    """
    if not text:
        return None
    seconds, dot, fraction = text.partition(".")
    whole = go_integer(seconds) * SECOND
    if not dot:
        return whole
    part = go_integer(fraction)
    return whole + int(part * 10.0 ** (9 - len(fraction)))


class Filter:
    """Which events a client asked for; filters that dockerd does not know are passed over, as it does."""

    def __init__(self, filters: dict[str, list[str]], *, images_are_created: bool = True) -> None:
        self._filters = {name: values for name, values in filters.items() if values}
        self._images_are_created = images_are_created

    def matches(self, event: Event) -> bool:
        """Tell whether the event is wanted."""
        if not self._images_are_created and event.type == "image" and event.action == "create":
            return False
        return not self._filters or (
            self._action(event.action)
            and self._exact("type", event.type)
            and self._exact("scope", "local")
            and all(self._named(kind, event) for kind in _KINDS)
            and self._image(event)
            and self._labels(event.attributes)
        )

    def _exact(self, name: str, value: str) -> bool:
        values = self._filters.get(name)
        return not values or value in values

    def _fuzzy(self, name: str, value: str) -> bool:
        return self._exact(name, value) or any(value.startswith(each) for each in self._filters[name])

    def _action(self, action: str) -> bool:
        if _WITH_DETAILS & set(self._filters.get("event", ())):
            return self._fuzzy("event", action)
        return self._exact("event", action)

    def _named(self, kind: str, event: Event) -> bool:
        return self._fuzzy(kind, event.actor) or self._fuzzy(kind, event.attributes.get("name", ""))

    def _image(self, event: Event) -> bool:
        name = event.attributes.get("name" if event.type == "image" else "image", "")
        return any(self._exact("image", each) for each in (event.actor, name, _untagged(event.actor), _untagged(name)))

    def _labels(self, attributes: dict[str, str]) -> bool:
        for wanted in self._filters.get("label", ()):
            key, equals, value = wanted.partition("=")
            if key not in attributes or (equals and attributes[key] != value):
                return False
        return True


def _untagged(name: str) -> str:
    """Return an image's name without tag and digest."""
    if not name or name.startswith("sha256:"):
        return "sha256" if name else ""
    name = familiar(name).partition("@")[0]
    path, colon, tag = name.rpartition(":")
    return path if colon and "/" not in tag else name
