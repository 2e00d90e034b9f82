"""Making a container: its record, its layer and its folders, from an image and what the client asks for.

The row is written first with the intent to create and shows nowhere; when all is there the intent goes and the
event is written. What a killed creation leaves is removed by the next look (engine.containers.settle).
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import defaults, folders, image_mounts, links, log_drivers, mounts, names, rows
from engine.containers.config import ContainerConfig, EndpointRequest, HostConfig, MountPoint
from engine.containers.merge import command, merge
from engine.containers.record import ConnectedEndpoint, Container, Definition, NetworkState, State
from engine.containers.remove import check_name
from engine.containers.settle import INTENT_CREATE, demolish
from engine.containers.validate import check_security, normalise_config, validate
from engine.errors import InvalidParameter, NameInUse, NoSuchContainer
from engine.images.platform import Platform, check, of_document, runs_on, unfitting
from engine.images.record import Image
from engine.lean_dataclasses import dataclass, field, replace
from engine.runtime import facts, oci
from engine.storage.store import Unrecorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine import Engine


class NoDonor(InvalidParameter):
    """The container whose namespace is to be shared does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such container: {name}")
        self.name = name


# dockerd makes a container of nothing, if it is told what to run.
NO_IMAGE = Image("", [], None, ContainerConfig(), {})


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What a client asks for; endpoints is by network name or id, build the one that the container goes with.

    told: what the client says that the networks gave, to be shown until the container starts.
    """

    name: str = ""
    config: ContainerConfig = field(default_factory=ContainerConfig)
    host: HostConfig = field(default_factory=HostConfig)
    endpoints: dict[str, EndpointRequest] = field(default_factory=dict)
    platform: str = ""
    build: str = ""
    told: dict[str, ConnectedEndpoint] = field(default_factory=dict)
    read_only_once: bool = False  # read-only binds leave what is mounted in them writable, as before API 1.44


@dataclass(frozen=True, slots=True)
class Created:
    """A container's id, and what the client should know though it was made."""

    id: str
    warnings: list[str] = field(default_factory=list)


def create(engine: Engine, request: CreateRequest, unrecorded: Image | None = None) -> Created:
    """Make a container from an image; unrecorded is that of a build that has not recorded it yet.

    The checks are in dockerd's order, so that of several things that are wrong it is the same one that is told.

    Raises NoSuchImage, NameInUse, InvalidName, NoCommand, UnknownRuntime and the errors of validate and of mounts.
    """
    settings = engine.settings
    warnings = validate(request.config, request.host)
    runtime = oci.find(request.host.runtime, default=settings.default_runtime, run_root=settings.run_root)
    named = request.config.image
    image = unrecorded or (engine.images.resolve(named) if named else NO_IMAGE)
    warnings += _check_platform(request, image)
    engine.networks.check(request.endpoints)
    container_id = new_id()
    host = _with_donors(engine, defaults.complete(request.host, facts.gather()))
    config = normalise_config(merge(request.config, image.config))
    path, arguments = command(config)
    log_drivers.check(request.host.log_config)
    if request.name:
        check_name(request.name)
    check_security(request.host)
    mounted = image_mounts.find_images(engine, request.host)
    warnings += [image_mounts.WARNING] if mounted else []
    config = _with_hostname(engine, config, host, container_id)
    container = Container(
        id=container_id,
        name="",
        created=time.time_ns(),
        image_id=image.id,
        definition=Definition(
            config=config,
            host=replace(host, runtime=runtime.name),
            endpoints=request.endpoints,
            path=path,
            args=arguments,
            runtime=runtime.name,
        ),
        state=State(intent=INTENT_CREATE),
        network=NetworkState(endpoints=request.told),
    )
    engine.database.reserve.refuse_if_low()
    with locks.locked(settings.locks, folders.lock_name(container_id)):
        container = _claim_name(engine, container, request, mounted)
        try:
            engine.store.create_container(
                container_id,
                image.id,
                container.name,
                volatile=host.auto_remove,
                unrecorded=None if unrecorded is None else Unrecorded(image.layer),
            )
            container = image_mounts.make(engine, container) if mounted else container
            folders.persistent(settings, container_id).mkdir(parents=True, mode=0o710)
            folders.run(settings, container_id).mkdir(parents=True, mode=0o700)
            engine.volumes.make_folders(container.definition.mounts)
            _prepare_root(engine, container)
        except BaseException:
            demolish(engine, container, volumes=True)
            raise
        with engine.database.transaction() as tx:
            rows.change(tx, container_id, intent="")
            if mounted:
                rows.redefine(tx, container_id, container.definition)
            rows.event(tx, container, "create")
    return Created(container_id, warnings)


def _check_platform(request: CreateRequest, image: Image) -> list[str]:
    """Return a warning for an image that is not for this machine; raises WrongPlatform for one that was not meant."""
    from engine.images.platform_text import own_platform, parse_any_platform, whole_own_platform

    if request.platform:
        check(image, request.config.image, Platform(*parse_any_platform(request.platform)))
        return []
    if not image.id or runs_on(of_document(image.document), Platform(*own_platform())):
        return []
    warning = unfitting(image, whole_own_platform())
    return [warning] if warning else []


def new_id() -> str:
    """Return a new random id; one whose short form could be taken for a number is not used."""
    while True:
        found = os.urandom(32).hex()
        if not found[:12].isdigit():
            return found


def _with_donors(engine: Engine, host: HostConfig) -> HostConfig:
    """Name the containers whose namespaces are shared by their ids, which stay when they are renamed.

    Raises NoDonor for processes and IPC; a missing donor of the network is left to start.
    """

    def by_id(mode: str, *, required: bool) -> str:
        kind, _, name = mode.partition(":")
        if kind != "container" or not name:
            return mode
        try:
            return f"container:{rows.find_id(engine.database, name)}"
        except NoSuchContainer as error:
            if required:
                raise NoDonor(name) from error
            return mode

    return replace(
        host,
        network_mode=by_id(host.network_mode, required=False),
        pid_mode=by_id(host.pid_mode, required=True),
        ipc_mode=by_id(host.ipc_mode, required=True),
    )


def _with_hostname(engine: Engine, config: ContainerConfig, host: HostConfig, container_id: str) -> ContainerConfig:
    if host.network_mode.startswith("container:"):
        try:
            other = engine.containers.get(host.network_mode.partition(":")[2])
        except NoSuchContainer:
            return config
        return replace(config, hostname=other.config.hostname, domainname=other.config.domainname)
    if config.hostname:
        return config
    own = socket.gethostname() if "host" in (host.network_mode, host.uts_mode) else container_id[:12]
    return replace(config, hostname=own)


def _mounts_of(engine: Engine, name: str) -> Sequence[MountPoint]:
    return engine.containers.get(name).definition.mounts


def _claim_name(engine: Engine, container: Container, request: CreateRequest, mounted: dict[str, str]) -> Container:
    """Write the container's row under its name, or the first free one that we can think of, with its volumes."""
    name = request.name.removeprefix("/")
    for candidate in [name] if name else names.candidates(os.urandom(6)):
        try:
            with engine.database.transaction() as tx:
                points = mounts.resolve(
                    engine.volumes,
                    tx,
                    container.config,
                    container.host,
                    lambda other: _mounts_of(engine, other),
                    root=str(engine.settings.root),
                    read_only_non_recursive=request.read_only_once,
                )
                points = image_mounts.owned(container.id, points, mounted)
                host = links.resolved(engine, container.host)
                definition = replace(container.definition, mounts=points, host=host)
                named = replace(container, name=candidate, definition=definition)
                rows.insert(tx, named)
                if request.build:
                    values = (container.id, request.build)
                    tx.execute("INSERT INTO build_containers (container_id, build) VALUES (?, ?)", values)
                engine.volumes.use(tx, container.id, points)
            return named
        except NameInUse:
            if name:
                raise
    last = replace(request, name=f"container_{container.id[:12]}")
    return _claim_name(engine, container, last, mounted)


def _prepare_root(engine: Engine, container: Container) -> None:
    """Make the working directory and fill new volumes from the image, where either is asked for."""
    from engine.containers.bundle import fill_volumes, make_working_dir

    filling = mounts.needs_filling(container.definition.mounts)
    working_dir = container.config.working_dir
    if not filling and working_dir in ("", "/"):
        return
    rootfs = engine.store.mount(container.id, volatile=container.host.auto_remove)
    try:
        make_working_dir(container, rootfs)
        fill_volumes(filling, rootfs, container.config.volumes or ())
    finally:
        engine.store.unmount(container.id)
