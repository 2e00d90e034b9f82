"""Links of the default bridge, as docker's --link makes them: names in /etc/hosts, variables, and names of containers.

A link leads from the container that has it to another one, its child, under an alias. HostConfig.Links is kept as
"ID:alias" with the child's full id, which stays when it is renamed; of a child that is gone nothing is told any more.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.containers import folders, rows
from engine.errors import AmbiguousId, EngineError, InvalidParameter, NoSuchContainer
from engine.lean_dataclasses import dataclass, replace
from engine.network.record import BRIDGE, BUILT_IN, CONTAINER_PREFIX, DEFAULT, HOST

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.config import HostConfig
    from engine.containers.record import Container

NOT_TOLD = ("HOME", "PATH")  # of the child's environment


class InvalidLink(EngineError):
    """A text that is no link; no InvalidParameter, since dockerd takes it for a failure of its own."""

    def __init__(self, link: str) -> None:
        super().__init__(f"bad format for links: {link}" if link else "empty string specified for links")
        self.link = link


class LinkToNobody(InvalidParameter):
    """A link to a container that does not exist."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"could not get container for {name}: {cause}")
        self.name = name
        self.cause = cause


class LinkToHost(InvalidParameter):
    """A link to a container that has the machine's network."""

    def __init__(self) -> None:
        super().__init__(
            "conflicting options: host type networking can't be used with links. "
            "This would result in undefined behavior"
        )


class LinkUnusable(EngineError):
    """A link to a container that cannot be reached at the start of the one that has it; in dockerd's words."""


class DefaultName(EngineError):
    """A container's own name cannot be removed as a link."""

    def __init__(self) -> None:
        super().__init__("Conflict, cannot remove the default link name of the container")


@dataclass(frozen=True, slots=True)
class Link:
    """A way from one container to another; child is the other one's full id."""

    child: str
    alias: str


def parse(text: str) -> tuple[str, str]:
    """Return the container and the alias of "name:alias" or "name", or of what inspect shows. Raises InvalidLink."""
    name, colon, alias = text.partition(":")
    if not text or ":" in alias:
        raise InvalidLink(text)
    if not colon:
        return name, name
    if name.startswith("/"):
        return name[1:], posixpath.basename(alias)
    return name, posixpath.normpath(f"/{alias}").lstrip("/")


def resolved(engine: Engine, host: HostConfig) -> HostConfig:
    """Return a host configuration whose links name their children by id; where they mean nothing it has none.

    A child that shares a network is the container whose network that is. Raises InvalidLink, LinkToNobody, LinkToHost.
    """
    if not host.links:
        return host
    found = []
    for text in host.links if _takes_links(host.network_mode) else ():
        name, alias = parse(text)
        child, seen = _child(engine, name), set[str]()
        while child.host.network_mode.startswith(CONTAINER_PREFIX) and child.id not in seen:
            seen.add(child.id)
            child = _child(engine, child.host.network_mode.removeprefix(CONTAINER_PREFIX))
        if child.host.network_mode == HOST:
            raise LinkToHost
        found.append(f"{child.id}:{alias}")
    return replace(host, links=list(dict.fromkeys(found)) or None)


def _takes_links(mode: str) -> bool:
    """Whether dockerd registers links in a network mode: in a network of the user's they are those of its endpoint."""
    return mode in ("", DEFAULT, *BUILT_IN) or mode.startswith(CONTAINER_PREFIX)


def _child(engine: Engine, name: str) -> Container:
    if not name:
        raise LinkToNobody(name, 'invalid name or ID supplied: ""')
    try:
        return rows.find(engine.database, name)
    except (NoSuchContainer, AmbiguousId) as error:
        raise LinkToNobody(name, f"No such container: {name}") from error


def links_of(container: Container) -> list[Link]:
    """Return a container's links."""
    return [Link(child, alias) for child, _, alias in (each.partition(":") for each in container.host.links or ())]


def told(engine: Engine, container: Container) -> list[tuple[str, str]]:
    """Return (the child's name, alias) of each link whose child is there."""
    return [(child.name, link.alias) for link, child in _children(engine, container)]


def names(containers: Iterable[Container]) -> dict[str, list[str]]:
    """Return the names that links give containers, "parent/alias", by the children's ids."""
    found: dict[str, list[str]] = {}
    for parent in containers:
        for link in links_of(parent):
            found.setdefault(link.child, []).append(f"{parent.name}/{link.alias}")
    return found


def remove(engine: Engine, name: str) -> None:
    """Take a link away by its name, "parent/alias"; a running parent keeps what it knows of it until its next start.

    Raises NoSuchContainer, AmbiguousId and DefaultName, for what names the container itself.
    """
    child = rows.find_id(engine.database, name)
    parent_name, slash, alias = name.removeprefix("/").partition("/")
    if not slash:
        raise DefaultName
    parent = rows.find(engine.database, parent_name)
    kept = [f"{link.child}:{link.alias}" for link in links_of(parent) if link != Link(child, alias)]
    with engine.database.transaction() as tx:
        host = replace(parent.host, links=kept or None)
        rows.redefine(tx, parent.id, replace(parent.definition, host=host))


def hosts(engine: Engine, container: Container) -> list[str]:
    """Return the entries of /etc/hosts for a container that starts, as ExtraHosts has them. Raises LinkUnusable."""
    return [f"{_host_names(link, child)}:{address}" for link, child, address in _reached(engine, container)]


def environment(engine: Engine, container: Container) -> list[str]:
    """Return the variables that tell a container that starts of its links. Raises LinkUnusable."""
    return [
        entry
        for link, child, address in _reached(engine, container)
        for entry in variables(
            f"/{container.name}/{link.alias}", address, list(child.network.ports), child.config.env or ()
        )
    ]


def variables(name: str, address: str, ports: Sequence[str], env: Sequence[str]) -> list[str]:
    """Return the variables of one link: dockerd's, for "/parent/alias", the child's address, ports and environment."""
    prefix = posixpath.basename(name).upper().replace("-", "_")
    ordered = sorted(ports, key=_port_order)
    made = []
    if ordered:
        made.append(f"{prefix}_PORT={_url(ordered[0], address)}")
    for first, last in _ranges(ordered):
        key = _key(prefix, first)
        made += [f"{key}_START={_url(first, address)}", f"{key}_ADDR={address}", f"{key}_PROTO={_protocol(first)}"]
        made += [f"{key}_PORT_START={_number(first)}", f"{key}_END={_url(last, address)}"]
        made.append(f"{key}_PORT_END={_number(last)}")
    for port in ordered:
        key = _key(prefix, port)
        made += [f"{key}={_url(port, address)}", f"{key}_ADDR={address}", f"{key}_PORT={_number(port)}"]
        made.append(f"{key}_PROTO={_protocol(port)}")
    made.append(f"{prefix}_NAME={name}")
    given = (entry.partition("=") for entry in env)
    return made + [f"{prefix}_ENV_{key}={value}" for key, equals, value in given if equals and key not in NOT_TOLD]


def follow(engine: Engine, child: Container, address: str) -> None:
    """Tell the running containers that have a link to one that has just started where it is now."""
    if not address:
        return
    found = engine.database.rows(
        f"SELECT {rows.COLUMNS} FROM containers WHERE instr(definition, ?) > 0", (f'"{child.id}:',)
    )
    for parent in map(rows.from_row, found):
        lines = {_host_names(link, child) for link in links_of(parent) if link.child == child.id}
        if lines and parent.state.alive:
            _move(folders.persistent(engine.settings, parent.id) / "hosts", lines, address)


def _move(path: Path, lines: set[str], address: str) -> None:
    """Give lines of a hosts file another address, in place, since the file is mounted in a container."""
    with path.open("r+", encoding="utf-8", errors="surrogateescape") as file:
        entries = [line.partition("\t") for line in file.read().splitlines()]
        text = "".join(f"{address if name in lines else each}{tab}{name}\n" for each, tab, name in entries)
        file.seek(0)
        file.write(text)
        file.truncate()


def _children(engine: Engine, container: Container) -> Iterator[tuple[Link, Container]]:
    for link in links_of(container):
        try:
            yield link, rows.get(engine.database, link.child)
        except NoSuchContainer:
            continue


def _reached(engine: Engine, container: Container) -> Iterator[tuple[Link, Container, str]]:
    """Give each link of a container on the default bridge with its child's address there. Raises LinkUnusable."""
    if container.host.network_mode != BRIDGE or container.config.network_disabled:
        return
    for link, child in _children(engine, container):
        if not link.alias:
            continue
        if not child.state.alive:
            raise LinkUnusable(
                f"Cannot link to a non running container: /{child.name} AS /{container.name}/{link.alias}"
            )
        endpoint = child.network.endpoints.get(BRIDGE)
        if endpoint is None or not endpoint.ip_address:
            raise LinkUnusable(f"Cannot link to /{child.name}, as it does not belong to the default network")
        yield link, child, endpoint.ip_address


def _host_names(link: Link, child: Container) -> str:
    own = [child.name] if link.alias != child.name else []
    return " ".join([posixpath.basename(link.alias), child.config.hostname, *own])


def _port_order(port: str) -> tuple[bool, int]:
    return _protocol(port) != "tcp", _number(port)


def _ranges(ordered: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the first and the last of ports that follow each other."""
    start = 0
    for place, port in enumerate(ordered):
        following = ordered[place + 1] if place + 1 < len(ordered) else ""
        if following == f"{_number(port) + 1}/{_protocol(port)}":
            continue
        if place > start:
            yield ordered[start], port
        start = place + 1


def _key(prefix: str, port: str) -> str:
    return f"{prefix}_PORT_{_number(port)}_{_protocol(port).upper()}"


def _url(port: str, address: str) -> str:
    return f"{_protocol(port)}://{address}:{_number(port)}"


def _number(port: str) -> int:
    return int(port.partition("/")[0])


def _protocol(port: str) -> str:
    return port.partition("/")[2] or "tcp"
