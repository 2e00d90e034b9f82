"""Which containers a list request names: the filters, as pure functions of the records.

Owns no format. engine.containers calls select with every record; compat_api makes the ListQuery. The words of
the errors are dockerd's, since they are shown as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from engine.containers import record
from engine.containers.record import Container
from engine.errors import EngineError, InvalidFilter, NoSuchContainer
from engine.filters import has_labels, matches, truth
from engine.lean_dataclasses import dataclass, field

FILTERS = frozenset(
    (
        "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name",
        "network", "publish", "since", "status", "volume",
    )
)  # fmt: skip
STATUSES = (
    record.CREATED, record.RUNNING, record.PAUSED, record.RESTARTING, record.REMOVING, record.EXITED, record.DEAD,
)  # fmt: skip
HEALTHS = ("none", "starting", "healthy", "unhealthy")
_UP = (record.RUNNING, record.PAUSED, record.RESTARTING)

ResolveImage = Callable[[str], Collection[str]]
Test = Callable[[Container], bool]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a client wants to see; filters are by name, each with the values of which one must match."""

    all: bool = False
    limit: int = 0  # 0 or less: no limit; more: of the newest ones, stopped ones too
    filters: dict[str, list[str]] = field(default_factory=dict)


def select(containers: Iterable[Container], query: ListQuery, resolve: ResolveImage) -> list[Container]:
    """Return the containers that the query names, the newest first.

    resolve gives the ids (hex) of an image and of those built on it, none for an unknown one; it is called only
    for the filter ancestor. Raises InvalidFilter, NoSuchContainer (before, since) and EngineError.
    """
    filters = query.filters
    for name in filters:
        if name not in FILTERS:
            raise InvalidFilter(name)
    everyone = sorted(containers, key=lambda each: each.created, reverse=True)
    tests = list(_tests(filters, resolve))
    before = _named(everyone, filters.get("before"))
    since = _named(everyone, filters.get("since"))
    shows_stopped = query.all or query.limit > 0 or bool(filters.get("status"))
    found: list[Container] = []
    for each in _candidates(everyone, filters):
        if before is not None:
            if each.id == before.id:
                before = None
            continue
        if since is not None and each.id == since.id:
            break
        if 0 < query.limit == len(found):
            break
        if (shows_stopped or each.state.status in _UP) and all(test(each) for test in tests):
            found.append(each)
    return found


def port_keys(container: Container) -> Iterator[tuple[str, str]]:
    """Yield (published, exposed) for each side of each port, as "8080/tcp", "80/tcp"; published 0 where it is not."""
    for port, bindings in container.network.ports.items():
        number, _, protocol = port.partition("/")
        if not bindings:
            yield f"0/{protocol}", f"{number}/{protocol}"
        for _, host_port in bindings or ():
            yield f"{host_port}/{protocol}", f"{number}/{protocol}"


def network_names(container: Container) -> list[str]:
    """Return the names of the networks that a container belongs to, running or not, in the order of their names."""
    if container.config.network_disabled or container.definition.unconnected:
        return []
    names = {*container.definition.endpoints, *container.network.endpoints}
    mode = container.host.network_mode
    if not names and mode and not container.network.sandbox_id and not mode.startswith("container:"):
        names.add("bridge" if mode == "default" else mode)
    return sorted(names)


def _candidates(everyone: list[Container], filters: dict[str, list[str]]) -> list[Container]:
    """Narrow down to the ids asked for; an id is a prefix that stands for one container alone."""
    if not filters.get("id"):
        return everyone
    wanted = set()
    for prefix in filters["id"]:
        owners = [each.id for each in everyone if each.id.startswith(prefix)]
        if len(owners) == 1 and prefix:
            wanted.add(owners[0])
    return [each for each in everyone if each.id in wanted]


def _named(everyone: list[Container], values: list[str] | None) -> Container | None:
    """Return the container that before or since names by full id or name."""
    found = None
    for value in values or ():
        name = value.removeprefix("/")
        found = next((each for each in everyone if each.id == value or each.name == name), None)
        if found is None:
            raise NoSuchContainer(value)
    return found


def _tests(filters: dict[str, list[str]], resolve: ResolveImage) -> Iterator[Test]:
    """Yield a test per filter that was given a value, in the order in which dockerd checks their values."""
    if exited := filters.get("exited"):
        codes = {_exit_code(value) for value in exited}
        yield lambda each: each.state.status not in _UP and each.state.started != 0 and each.state.exit_code in codes
    if statuses := filters.get("status"):
        for value in statuses:
            _one_of("status", value, "state", STATUSES)
        yield lambda each: matches(statuses, each.state.status)
    if "is-task" in filters and truth("is-task", filters["is-task"]):
        yield lambda each: False
    if healths := filters.get("health"):
        for value in healths:
            _one_of("health", value, "health", HEALTHS)
        yield lambda each: health_status(each) in healths
    if "ancestor" in filters:
        images = {image for value in filters["ancestor"] for image in resolve(value)}
        yield lambda each: each.image_id in images
    published = _ports("publish", filters.get("publish"))
    exposed = _ports("expose", filters.get("expose"))
    if published or exposed:
        yield lambda each: any(out in published or inside in exposed for out, inside in port_keys(each))
    if names := filters.get("name"):
        yield lambda each: matches(names, "/" + each.name) or matches(names, each.name)
    if labels := filters.get("label"):
        yield lambda each: has_labels(each.config.labels or {}, labels)
    if "volume" in filters:
        yield lambda each: any(_is_mounted(each, value) for value in filters["volume"])
    if "network" in filters:
        yield lambda each: any(_is_connected(each, value) for value in filters["network"])


def health_status(container: Container) -> str:
    """Return what a container's health check says of it; none where there is no check."""
    return container.state.health or HEALTHS[0]


def _is_mounted(container: Container, value: str) -> bool:
    return any(
        value == (mount.name or mount.source) or value == mount.destination != ""
        for mount in container.definition.mounts
    )


def _is_connected(container: Container, value: str) -> bool:
    if value in network_names(container) or (not value and network_names(container)):
        return True
    return any(end.network_id.startswith(value) for end in container.network.endpoints.values())


def _exit_code(value: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", value, re.ASCII):
        raise InvalidFilter("exited", value, f'strconv.Atoi: parsing "{value}": invalid syntax')
    if len(value.lstrip("+-0")) > 19 or not -(1 << 63) <= int(value) < 1 << 63:
        raise InvalidFilter("exited", value, f'strconv.Atoi: parsing "{value}": value out of range')
    return int(value)


def _one_of(name: str, value: str, noun: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        cause = f"invalid value for {noun} ({value}): must be one of {', '.join(allowed)}"
        raise InvalidFilter(name, value, cause)


def _ports(name: str, values: list[str] | None) -> set[str]:
    """Return "80/tcp" for each port of "80", "80/udp" or "80-90/tcp"; dockerd calls a bad one its own failure."""
    found: set[str] = set()
    for value in values or ():
        if ":" in value:
            raise EngineError(f"filter for '{name}' should not contain ':': {value}")
        numbers, _, protocol = value.partition("/")
        protocol = protocol.partition("/")[0] or "tcp"
        try:
            first, last = _port_range(numbers)
        except ValueError as error:
            raise EngineError(f"error while looking up for {name} {value}: {error}") from None
        found.update(f"{port}/{protocol}" for port in range(first, last + 1))
    return found


def _port_range(text: str) -> tuple[int, int]:
    if not text:
        raise ValueError("Empty string specified for ports.")
    parts = text.split("-")
    first = _port(parts[0])
    last = _port(parts[1]) if len(parts) > 1 else first
    if last < first:
        raise ValueError(f"Invalid range specified for the Port: {text}")
    return first, last


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text, re.ASCII):
        raise ValueError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if len(text.lstrip("0")) > 5 or int(text) > 65535:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)
