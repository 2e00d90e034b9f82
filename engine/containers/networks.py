"""Connecting a container to a network and disconnecting it, whether it runs or not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders, rows
from engine.containers.config import EndpointRequest
from engine.containers.record import DEAD, REMOVING, ConnectedEndpoint, Container
from engine.containers.settle import settled
from engine.errors import (
    AmbiguousId,
    Conflict,
    EmptyName,
    EngineError,
    Forbidden,
    InvalidParameter,
    NoSuchContainer,
    NotFound,
)
from engine.lean_dataclasses import replace
from engine.network.create import InvalidNetworkName
from engine.network.record import CONTAINER_PREFIX, HOST, NONE, Network
from engine.state.codec import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine import Engine
    from engine.network import Endpoint


_SHARED = "container sharing network namespace with another container or host cannot be connected to any other network"


class AlreadyConnected(Forbidden):
    """The container is in the network; in dockerd's words."""

    def __init__(self, name: str, network: str) -> None:
        super().__init__(f"endpoint with name {name} already exists in network {network}")
        self.name = name
        self.network = network


class NotConnected(EngineError):
    """The container is not in the network; for dockerd its own failure, and with other words for a stopped one."""

    def __init__(self, container_id: str, network: str, *, alive: bool) -> None:
        super().__init__(f"container {container_id} is not connected to {'' if alive else 'the '}network {network}")
        self.container_id = container_id
        self.network = network


class NoEndpoint(NotFound):
    """No container of this name is in the network, though it was to be forced out of it; in dockerd's words."""

    def __init__(self, name: str) -> None:
        super().__init__(f"endpoint {name} not found")
        self.name = name


class NetworksOfRemoved(Conflict):
    """The container is being removed; in dockerd's words."""

    def __init__(self, container_id: str) -> None:
        words = "is marked for removal and cannot be connected or disconnected to the network"
        super().__init__(f"container {container_id} {words}")
        self.container_id = container_id


class CannotConnect(InvalidParameter):
    """A network that the container can never be in beside the others; in dockerd's words."""


class CannotDisconnect(InvalidParameter):
    """A container that has the machine's network is to leave it; in dockerd's words."""


def connect(engine: Engine, network_name: str, name: str, wants: EndpointRequest) -> None:
    """Put a container into a network, at once when it runs, else at its next start.

    The network of one that does not run need not be there yet. Raises NoSuchContainer, AlreadyConnected, CannotConnect,
    NetworksOfRemoved and, for one that runs, NoSuchNetwork, AmbiguousNetwork and what a start raises for its networks.
    """
    container_id = rows.find_id(engine.database, name)
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        container = settled(engine, container_id)
        if not container.state.alive:
            _check_there(container)
            _join_later(engine, container, network_name, wants)
            return
        if container.host.network_mode.startswith(CONTAINER_PREFIX):
            raise CannotConnect(_SHARED)
        network = engine.networks.resolve(network_name)
        _check(container, network, wants)
        if network.name in container.network.endpoints:
            raise AlreadyConnected(container.name, network.name)
        _join(engine, container, network, wants)


def disconnect(engine: Engine, network_name: str, name: str, *, force: bool = False) -> None:
    """Take a container out of a network; with force also out of one that is not there.

    Raises NoSuchContainer, NoSuchNetwork, AmbiguousNetwork, NotConnected, NoEndpoint, NetworksOfRemoved,
    CannotDisconnect, NetlinkFailed, FirewallFailed, FirewallMissing and OSError.
    """
    try:
        container_id = rows.find_id(engine.database, name)
    except (NoSuchContainer, AmbiguousId, EmptyName) as error:
        if not force:
            raise
        engine.networks.resolve(network_name)
        raise (NoEndpoint(name) if name else InvalidNetworkName()) from error
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        container = settled(engine, container_id)
        network = engine.networks.find(network_name)
        if not container.state.alive or (network is None and force):
            _check_there(container)
            _leave_later(engine, container, network_name if network is None else network.name)
            return
        if network is None:
            network = engine.networks.resolve(network_name)  # which says what is wrong
        if network.name == HOST == container.host.network_mode:
            raise CannotDisconnect(
                "cannot disconnect container from host network - container was created in host network mode"
            )
        asked = _asked(container)
        if asked.pop(network.name, None) is None:
            raise NotConnected(container_id, network.name, alive=True)
        with engine.database.on_disk_at_end():
            _leave(engine, container, network, asked)


def _check_there(container: Container) -> None:
    if container.state.status in (DEAD, REMOVING):
        raise NetworksOfRemoved(container.id)


def _join_later(engine: Engine, container: Container, network_name: str, wants: EndpointRequest) -> None:
    """Note a network for the next start; one that the container is to be in stays as it was asked for."""
    network = engine.networks.find(network_name)
    asked = _asked(container)
    if network is None:
        _remember(engine, container, {**asked, network_name: wants}, {network_name: ConnectedEndpoint()})
        return
    _check(container, network, wants)
    if network.name not in asked:
        end = ConnectedEndpoint(dns_names=names_in(container, network, wants) or None)
        _remember(engine, container, {**asked, network.name: wants}, {network.name: end})


def _leave_later(engine: Engine, container: Container, network_name: str) -> None:
    asked = _asked(container)
    if asked.pop(network_name, None) is None:
        raise NotConnected(container.id, network_name, alive=False)
    _remember(engine, container, asked)


def undo_unfinished(engine: Engine) -> list[str]:
    """Take away places in networks that running containers were about to be given when a process was killed.

    Returns the ids of containers that somebody is at work on, which are left to that. Raises as disconnect does.
    """
    from engine.network import join

    rows_of = engine.database.rows(
        "SELECT containers.id AS id, network, endpoints.id AS endpoint FROM endpoints "
        "JOIN containers ON containers.id = container_id WHERE status IN ('running', 'paused') AND intent = ''"
    )
    left = []
    for container_id in {row["id"] for row in rows_of if row["endpoint"] not in row["network"]}:
        with locks.free_or_orphaned(engine.settings.locks, folders.lock_name(container_id)) as free:
            if not free:
                left.append(container_id)
                continue
            container = settled(engine, container_id)
            shown = {end.endpoint_id for end in container.network.endpoints.values()}
            priorities = {name: wants.gw_priority for name, wants in _asked(container).items()}
            for _, endpoint in join.places(engine.networks, container_id) if container.state.alive else ():
                if endpoint.id not in shown:
                    _undo(engine, endpoint, priorities)
    return left


def _check(container: Container, network: Network, wants: EndpointRequest) -> None:
    from engine.network.endpoint_settings import InvalidEndpoint, InvalidMacAddress, check

    try:
        check(network.name, network, wants)
    except (InvalidEndpoint, InvalidMacAddress) as error:
        raise CannotConnect(error.cause) from error
    if network.name == HOST != container.host.network_mode:
        raise CannotConnect("cannot connect container to host network - container must be created in host network mode")
    others = {name for name in _asked(container) if name != network.name}
    if others and HOST in {network.name, *others}:
        raise CannotConnect(_SHARED)
    if others and NONE in {network.name, *others}:
        raise CannotConnect(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )


def _asked(container: Container) -> dict[str, EndpointRequest]:
    """Return what is asked for of each network that the container is, or at its start will be, in."""
    from engine.containers.listing import network_names

    return {name: container.definition.endpoints.get(name, EndpointRequest()) for name in network_names(container)}


def _connected_to(container: Container, asked: dict[str, EndpointRequest]) -> str:
    """Return the container's definition, as the database keeps it, with other networks, perhaps none."""
    return encode(replace(container.definition, endpoints=asked, unconnected=not asked))


def names_in(container: Container, network: Network, wants: EndpointRequest) -> list[str]:
    """Return the names that a container has in a network."""
    from engine.network.endpoint_settings import dns_names

    short, hostname = container.id[:12], container.config.hostname
    return dns_names(network, wants, [container.name, short, hostname if hostname != short else ""])


def _remember(
    engine: Engine,
    container: Container,
    asked: dict[str, EndpointRequest],
    new: Mapping[str, ConnectedEndpoint] | None = None,
) -> None:
    kept = {name: end for name, end in container.network.endpoints.items() if name in asked} | dict(new or {})
    with engine.database.transaction() as tx:
        rows.change(
            tx,
            container.id,
            definition=_connected_to(container, asked),
            network=encode(replace(container.network, endpoints=kept)),
        )


def _join(engine: Engine, container: Container, network: Network, wants: EndpointRequest) -> None:
    from engine.containers.bundle import network_request
    from engine.network import join
    from engine.network.connect import connected

    networks = engine.networks
    asked = {**_asked(container), network.name: wants}
    priorities = {name: each.gw_priority for name, each in asked.items()}
    for other, endpoint in join.places(networks, container.id):
        if other.id == network.id:  # left by a process that was killed
            _undo(engine, endpoint, priorities)
    with engine.database.telling() as tx:  # after a power cut there is no such place
        request = network_request(engine, container)
        endpoint = join.claim(networks, tx, network, container.id, request, wants)
        if not endpoint.names and _has_name_server(engine, container):
            endpoint = join.keep_asking(tx, endpoint, request)
    questions = join.Questions()
    try:
        try:
            questions = join.apply(networks, network, endpoint, priorities)
            if endpoint.addresses:
                _add_host(engine, container, endpoint)
            if endpoint.names:
                _use_name_server(engine, container)
        except BaseException:
            _undo(engine, endpoint, priorities)
            raise
        ends = {**container.network.endpoints, network.name: connected(endpoint)}
        with engine.database.transaction() as tx:
            moved = join.lead_ports(networks, tx, container.id, replace(request, endpoints=asked))
            rows.change(
                tx,
                container.id,
                definition=_connected_to(container, asked),
                network=encode(replace(container.network, endpoints=ends, ports=moved.shown)),
            )
            tx.event("network", "connect", network.id, _attributes(container, network))
        join.lead_there(networks, endpoint, moved, questions)
    finally:
        questions.close()


def _undo(engine: Engine, endpoint: Endpoint, priorities: dict[str, int]) -> None:
    from engine.network import join

    with engine.database.transaction() as tx:
        join.take_out(engine.networks, tx, endpoint)
    join.undo(engine.networks, endpoint, priorities)


def _leave(engine: Engine, container: Container, network: Network, asked: dict[str, EndpointRequest]) -> None:
    from engine.containers.bundle import network_request
    from engine.network import join

    found = next((end for other, end in join.places(engine.networks, container.id) if other.id == network.id), None)
    ends = {name: end for name, end in container.network.endpoints.items() if name != network.name}
    request = replace(network_request(engine, container), endpoints=asked)
    with engine.database.transaction() as tx:
        if found is not None:
            join.take_out(engine.networks, tx, found)
        moved = join.lead_ports(engine.networks, tx, container.id, request)
        rows.change(
            tx,
            container.id,
            definition=_connected_to(container, asked),
            network=encode(replace(container.network, endpoints=ends, ports=moved.shown)),
        )
        tx.event("network", "disconnect", network.id, _attributes(container, network))
    if found is not None:
        _remove_host(engine, container, found)
        join.undo(engine.networks, found, {name: each.gw_priority for name, each in asked.items()}, moved)


def _attributes(container: Container, network: Network) -> dict[str, str]:
    return {"container": container.id, "name": network.name, "type": network.driver}


def _add_host(engine: Engine, container: Container, endpoint: Endpoint) -> None:
    from engine.network.names import own_names

    own = own_names(container.config.hostname, container.config.domainname)
    with _hosts(engine, container).open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write("".join(f"{address}\t{own}\n" for address in endpoint.addresses))


def _remove_host(engine: Engine, container: Container, endpoint: Endpoint) -> None:
    """Take the lines of addresses out of the container's /etc/hosts, in place, since it is mounted there."""
    path = _hosts(engine, container)
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)
    gone = tuple(f"{address}\t" for address in endpoint.addresses)
    if gone:
        _overwrite(path, "".join(line for line in lines if not line.startswith(gone)))


def _use_name_server(engine: Engine, container: Container) -> None:
    from engine.containers.bundle import network_request
    from engine.network.container_files import internal_resolv_conf

    text = internal_resolv_conf(network_request(engine, container))
    _overwrite(folders.persistent(engine.settings, container.id) / "resolv.conf", text)


def _has_name_server(engine: Engine, container: Container) -> bool:
    """Tell whether the container asks the attendant, as one that was in a network with names goes on to do."""
    from engine.network.resolver import ADDRESS

    text = (folders.persistent(engine.settings, container.id) / "resolv.conf").read_text(errors="replace")
    return f"nameserver {ADDRESS}" in text.splitlines()


def _hosts(engine: Engine, container: Container) -> Path:
    return folders.persistent(engine.settings, container.id) / "hosts"


def _overwrite(path: Path, text: str) -> None:
    """Write a file anew in place, without a moment in which it is empty or says what is true no more."""
    data = text.encode("utf-8", errors="surrogateescape")
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # Lines with nothing in them to where it ended. A file that is emptied first is brought to the disk on closing.
        os.pwrite(fd, data.ljust(os.fstat(fd).st_size, b"\n"), 0)
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)
