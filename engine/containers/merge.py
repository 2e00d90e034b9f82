"""What a container's configuration becomes when the image's is put under it: dockerd's rules. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.containers.config import ContainerConfig, Healthcheck
from engine.errors import InvalidParameter
from engine.lean_dataclasses import replace


class NoCommand(InvalidParameter):
    """Neither the client nor the image says what to run."""

    def __init__(self) -> None:
        super().__init__("no command specified")


def merge(config: ContainerConfig, image: ContainerConfig) -> ContainerConfig:
    """Return the client's configuration completed by the image's. Raises NoCommand."""
    entrypoint, cmd, escaped = config.entrypoint, config.cmd, config.args_escaped
    if not entrypoint:
        if not cmd:
            cmd, escaped = image.cmd, image.args_escaped
        if entrypoint is None:
            entrypoint = image.entrypoint
    if entrypoint == [""]:
        entrypoint = None  # how a client takes an image's entrypoint away
    if not entrypoint and not cmd:
        raise NoCommand
    return replace(
        config,
        user=config.user or image.user,
        exposed_ports=_union(config.exposed_ports, image.exposed_ports),
        env=merge_env(config.env, image.env),
        labels={**(image.labels or {}), **(config.labels or {})},
        entrypoint=entrypoint,
        cmd=cmd,
        args_escaped=escaped,
        working_dir=config.working_dir or image.working_dir,
        volumes=_union(config.volumes, image.volumes),
        stop_signal=config.stop_signal or image.stop_signal,
        shell=config.shell or image.shell,
        on_build=config.on_build,
        healthcheck=_healthcheck(config.healthcheck, image.healthcheck),
    )


def merge_env(own: Sequence[str] | None, under: Sequence[str] | None) -> list[str] | None:
    """Return own variables, then those of under that own does not name."""
    if not own:
        return None if under is None else list(under)
    names = {entry.partition("=")[0] for entry in own}
    return [*own, *(entry for entry in under or () if entry.partition("=")[0] not in names)]


def command(config: ContainerConfig) -> tuple[str, list[str]]:
    """Return the program and its arguments."""
    words = [*(config.entrypoint or ()), *(config.cmd or ())]
    return words[0], words[1:]


def _union(own: Sequence[str] | None, under: Sequence[str] | None) -> list[str] | None:
    if not own:
        return None if under is None else list(under)
    return list(dict.fromkeys([*(own or ()), *(under or ())]))


def _healthcheck(own: Healthcheck | None, under: Healthcheck | None) -> Healthcheck | None:
    if own is None or under is None:
        return own if under is None else under
    return Healthcheck(
        test=own.test or under.test,
        interval=own.interval or under.interval,
        timeout=own.timeout or under.timeout,
        start_period=own.start_period or under.start_period,
        start_interval=own.start_interval or under.start_interval,
        retries=own.retries or under.retries,
    )
