"""A container as Docker's JSON: what inspect answers and what the list holds. Pure, but for the clock handed in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compat_api.shapes.host_config import container_config, host_config
from compat_api.shapes.networks_of import endpoint_summary, network_settings, port_list
from compat_api.shapes.times import SECOND, human_duration, rfc3339_nano
from engine.containers import record
from engine.containers.config import MountPoint
from engine.containers.listing import network_names
from engine.containers.record import Container, Probe, State
from engine.kept import Kept

Json = dict[str, Any]
DRIVER = "overlay2"


def inspect(
    container: Container,
    folder: Path,
    layers: dict[str, str],
    sizes: tuple[int, int] | None = None,
    links: Sequence[tuple[str, str]] = (),
) -> Json:
    """Return the answer to inspect.

    folder holds the container's files, layers are the overlay mount's folders, sizes the bytes of its own layer and
    of the whole root file system; links are (container, alias).
    """
    definition, state = container.definition, container.state
    # Whoever is to share a network has no files of names before it does.
    donorless = container.host.network_mode.startswith("container:") and "network namespace" in state.error
    named = bool(state.run or (state.error and not donorless)) and not container.config.network_disabled
    # A start makes a log before it connects the container.
    unconnected = state.error.startswith("failed to set up container networking")
    logged = bool(state.run or state.exit_code in (126, 127) or unconnected)
    logged = logged and container.host.log_config.type != "journald"  # which has no file
    found: Json = {
        "Id": container.id,
        "Created": rfc3339_nano(container.created),
        "Path": definition.path,
        "Args": definition.args,
        "State": state_of(state, container.probes),
        "Image": f"sha256:{container.image_id}" if container.image_id else "",
        "ResolvConfPath": str(folder / "resolv.conf") if named else "",
        "HostnamePath": str(folder / "hostname") if named else "",
        "HostsPath": str(folder / "hosts") if named else "",
        "LogPath": str(folder / "container.log") if logged else "",
        "Name": f"/{container.name}",
        "RestartCount": state.restart_count,
        "Driver": DRIVER,
        "Platform": definition.platform.partition("/")[0],
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": container.exec_ids or None,
        "HostConfig": host_config(container.host, container.name, links),
        "GraphDriver": {"Data": dict(sorted({"ID": container.id, **layers}.items())), "Name": DRIVER},
    }
    if sizes is not None:
        found["SizeRw"], found["SizeRootFs"] = sizes
    found["Mounts"] = [mount_point(each) for each in definition.mounts]
    found["Config"] = container_config(container.config, _asked_mac(container))
    found["NetworkSettings"] = network_settings(container)
    return found


_summaries: Kept[Json] = Kept(2048)


def summary(
    container: Container,
    image: str,
    now: int,
    sizes: tuple[int, int] | None = None,
    link_names: Sequence[str] = (),
) -> Json:
    """Return the list's entry for a container; image is its name while that still stands for the same image.

    What is in it is not to be changed: but for the status, the next list has the same where nothing else changes.
    """
    if sizes is not None:
        return _summary(container, image, now, sizes, link_names)
    sources = (container, image, link_names)
    kept = _summaries.of(container.id, sources, lambda: _summary(container, image, now, None, link_names))
    return {**kept, "Status": status_text(container.state, now)}


def _summary(
    container: Container, image: str, now: int, sizes: tuple[int, int] | None, link_names: Sequence[str]
) -> Json:
    found: Json = {
        "Id": container.id,
        "Names": [f"/{container.name}", *sorted(f"/{name}" for name in link_names)],
        "Image": image,
        "ImageID": f"sha256:{container.image_id}" if container.image_id else "",
        "Command": command_line(container.definition.path, container.definition.args),
        "Created": container.created // SECOND,
        "Ports": port_list(container),
    }
    if sizes is not None:
        found |= {key: size for key, size in zip(("SizeRw", "SizeRootFs"), sizes, strict=True) if size}
    host: Json = {"NetworkMode": container.host.network_mode}
    if container.host.annotations:
        host["Annotations"] = dict(sorted(container.host.annotations.items()))
    found |= {
        "Labels": dict(sorted((container.config.labels or {}).items())),
        "State": container.state.status,
        "Status": status_text(container.state, now),
        "HostConfig": host,
        "NetworkSettings": {
            "Networks": {name: endpoint_summary(container, name) for name in network_names(container)},
        },
        "Mounts": [
            {**mount_point(each), "Source": ""} if each.anonymous else mount_point(each)
            for each in container.definition.mounts
        ],
    }
    return found


def state_of(state: State, probes: list[Probe]) -> Json:
    """Return the State that inspect shows."""
    running = state.status in (record.RUNNING, record.PAUSED, record.RESTARTING)
    found: Json = {
        "Status": state.status,
        "Running": running,
        "Paused": state.status == record.PAUSED,
        "Restarting": state.status == record.RESTARTING,
        "OOMKilled": state.oom_killed,
        "Dead": state.status == record.DEAD,
        "Pid": state.pid if running else 0,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": rfc3339_nano(state.started),
        "FinishedAt": rfc3339_nano(state.finished),
    }
    if state.health:
        found["Health"] = {
            "Status": state.health,
            "FailingStreak": state.health_streak,
            "Log": [
                {
                    "Start": rfc3339_nano(probe.started),
                    "End": rfc3339_nano(probe.finished),
                    "ExitCode": probe.exit_code,
                    "Output": probe.output,
                }
                for probe in probes
            ],
        }
    return found


def status_text(state: State, now: int) -> str:
    """Return how a container stands in words: "Up 3 seconds", "Exited (0) 2 minutes ago", "Created"."""
    match state.status:
        case record.RUNNING:
            return f"Up {human_duration(now - state.started)}{_health_words(state.health)}"
        case record.PAUSED:
            return f"Up {human_duration(now - state.started)} (Paused)"
        case record.RESTARTING:
            return f"Restarting ({state.exit_code}) {human_duration(now - state.finished)} ago"
        case record.REMOVING:
            return "Removal In Progress"
        case record.DEAD:
            return "Dead"
        case _:
            pass
    if not state.started:
        return "Created"
    return f"Exited ({state.exit_code}) {human_duration(now - state.finished)} ago" if state.finished else ""


def _health_words(health: str) -> str:
    return f" ({'health: ' if health == 'starting' else ''}{health})" if health else ""


def command_line(path: str, arguments: list[str]) -> str:
    """Return a command as one text; what holds a space is quoted."""
    return " ".join([path, *(f"'{each}'" if " " in each else each for each in arguments)])


def mount_point(mount: MountPoint) -> Json:
    """Return a mount as inspect shows it."""
    found: Json = {"Type": mount.type}
    if mount.name:
        found["Name"] = mount.name
    found |= {"Source": mount.source, "Destination": mount.shown or mount.destination}
    if mount.driver:
        found["Driver"] = mount.driver
    return found | {"Mode": mount.mode, "RW": mount.read_write, "Propagation": mount.propagation}


def _asked_mac(container: Container) -> str:
    request = container.definition.endpoints.get(container.host.network_mode)
    return request.mac_address if request else ""
