"""What a start lays ready for the runtime: the files, volumes and folders, and the spec that names them all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.containers import folders, image_mounts, links, mount_points, mounts, sharing, skeleton
from engine.containers.working_directory import make_working_directory
from engine.network.name_files import NO_FILES
from engine.network.record import NONE
from engine.runtime import apparmor, capabilities, devices, facts, init, proc_safety, propagation, spec, users
from engine.runtime.security import parse_security_options

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from engine import Engine
    from engine.containers.config import MountPoint
    from engine.containers.execs import ExecConfig
    from engine.containers.record import Container
    from engine.network import NetworkRequest
    from engine.network.connect import ContainerNetwork


def prepare(engine: Engine, container: Container, rootfs: Path, network: ContainerNetwork) -> dict[str, Any]:
    """Make everything that the container's mounts need, and return its runtime spec."""
    config, host = container.config, container.host
    known = facts.gather()
    points = mounts.prepare_sources(container.definition.mounts)
    engine.volumes.make_ready(points)
    image_mounts.mount(engine, points)
    proc_safety.check(points, host.tmpfs or (), str(rootfs))
    points = propagation.check_propagation(points)
    if any(point.subpath for point in points):
        from engine.volumes.subpath import hold_subpaths

        points = mounts.files_once(hold_subpaths(points, folders.run(engine.settings, container.id)))
    points = mounts.with_source_flags(points)
    if container.state.run == 0:
        skeleton.make(rootfs)
    make_working_dir(container, rootfs)
    persistent = folders.persistent(engine.settings, container.id)
    names = NO_FILES if config.network_disabled else network.write_files(persistent)
    request = spec.SpecRequest(
        container_id=container.id,
        config=config,
        host=host,
        args=[container.definition.path, *container.definition.args],
        rootfs=str(rootfs),
        user=users.look_up(str(rootfs), config.user, host.group_add),
        mounts=points,
        tmpfs_modes=mounts.tmpfs_modes(rootfs, host, points),
        hosts_path=names.hosts,
        hostname_path=names.hostname,
        resolv_conf_path=names.resolv_conf,
        network_namespace=network.namespace,
        pid_namespace=sharing.namespace(engine, host.pid_mode, "pid"),
        ipc_namespace=sharing.namespace(engine, host.ipc_mode, "ipc"),
        shm_path=sharing.shared_memory(engine, container),
        init_path=init.find_init() if init.wants_init(host.init, host.pid_mode) else "",
        link_env=links.environment(engine, container) if host.links else (),
        devices=devices.look_up(host),
        facts=known,
    )
    made = spec.build_spec(request)
    spec.give_home(made["process"], request.user)
    spec.limit_open_files(made["process"], engine.settings.open_files)
    if request.devices.cdi:
        from engine.runtime.cdi import inject

        inject(made, request.devices.cdi)
    if made["process"].get("apparmorProfile") == apparmor.NAME:
        apparmor.ensure_loaded()
    if points or host.tmpfs or request.init_path:
        mount_points.make(rootfs, made["mounts"])
    return made


def network_request(engine: Engine, container: Container) -> NetworkRequest:
    """Return how a container wants to be connected. Raises NoSuchContainer and JoinOfStopped for a donor."""
    from engine.network import NetworkRequest

    config, host = container.config, container.host
    return NetworkRequest(
        name=container.name,
        hostname=config.hostname,
        domainname=config.domainname,
        short_id=container.id[:12],
        mode=NONE if config.network_disabled else host.network_mode,
        donor=None if config.network_disabled else sharing.network_donor(engine, host.network_mode, container.id),
        endpoints={} if config.network_disabled else container.definition.endpoints,
        known={name: end.network_id for name, end in container.network.endpoints.items() if end.network_id},
        unconnected=container.definition.unconnected,
        ports={port: bindings or [] for port, bindings in (host.port_bindings or {}).items()},
        exposed=config.exposed_ports or [],
        publish_all=host.publish_all_ports,
        dns=host.dns or [],
        dns_search=host.dns_search or [],
        dns_options=host.dns_options or [],
        extra_hosts=[*(host.extra_hosts or ()), *(links.hosts(engine, container) if host.links else ())],
    )


def exec_process(
    engine: Engine, container: Container, config: ExecConfig, terminal: bool, console_size: list[int] | None
) -> dict[str, Any]:
    """Return the OCI process of an exec session: the container's own, with what the session changes.

    Raises LinkUnusable, and what the look for the user does.
    """
    from engine.lean_dataclasses import replace

    known = facts.gather()
    host = container.host
    # Through the first process, so that what was mounted after the start is seen as the container sees it.
    user = users.look_up(f"/proc/{container.state.pid}/root", config.user or container.config.user, host.group_add)
    security = parse_security_options(host.security_opt)
    if config.privileged or host.privileged:
        held = list(capabilities.effective(None, None, True, known.capabilities))
    else:
        held = capabilities.effective(host.cap_add, host.cap_drop, False, known.capabilities)
    link_env = links.environment(engine, container) if host.links else ()
    inherited = spec.environment(container.config, terminal, link_env)
    made = spec.process(
        replace(container.config, tty=terminal, working_dir=config.working_dir or container.config.working_dir),
        replace(host, console_size=list(console_size or [0, 0])),
        config.cmd or [],
        user,
        held,
        security,
        known,
        env=spec.merge_environment(inherited, config.env),
    )
    spec.give_home(made, user)
    spec.limit_open_files(made, engine.settings.open_files)
    return made


def make_working_dir(container: Container, rootfs: Path) -> None:
    """Make the container's working directory where the image has none."""
    if container.config.working_dir not in ("", "/"):
        make_working_directory(rootfs, container.config.working_dir)


def fill_volumes(points: Sequence[MountPoint], rootfs: Path, own: Collection[str]) -> None:
    """Fill empty volumes with what the image has at their places; own are those that the configuration names."""
    if points:
        from engine.volumes.copy_up import ImageVolumeOverFile, VolumeBelowFile, VolumeOverFile, copy_up

        for point in points:
            try:
                copy_up(rootfs, point.destination, Path(point.source), point.subpath)
            except VolumeOverFile as error:
                if point.destination in own and not isinstance(error, VolumeBelowFile):
                    raise ImageVolumeOverFile(error.path) from error
                raise
