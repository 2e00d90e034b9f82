"""What a client leaves to the engine when it creates a container, filled in as dockerd does after validation.

Pure. The result is what inspect shows and what start builds the runtime spec from.
"""

from __future__ import annotations

from engine.containers import log_drivers
from engine.containers.config import HostConfig
from engine.lean_dataclasses import replace
from engine.runtime.cgroups import V2
from engine.runtime.facts import HostFacts
from engine.runtime.limits import discard_unsupported
from engine.runtime.spec import masked_paths, readonly_paths

SHM_SIZE = 64 << 20  # bytes
LABEL_DISABLE = "label=disable"


def complete(host: HostConfig, facts: HostFacts) -> HostConfig:
    """Return the host configuration with every default in its place, without the limits the machine cannot keep."""
    host = discard_unsupported(host, facts.support)
    private_cgroups = facts.cgroups.mode == V2
    security = list(host.security_opt or ())
    shares_host = host.ipc_mode == "host" or host.pid_mode == "host" or host.privileged
    if shares_host and not any(option.partition("=")[0] == "label" for option in security):
        security.append(LABEL_DISABLE)
    return replace(
        host,
        log_config=log_drivers.complete(host.log_config),
        memory_swap=_wrapped(host.memory * 2) if host.memory > 0 and host.memory_swap == 0 else host.memory_swap,
        shm_size=host.shm_size or SHM_SIZE,
        ipc_mode=host.ipc_mode or "private",
        cgroupns_mode=host.cgroupns_mode or ("private" if private_cgroups else "host"),
        restart_policy=host.restart_policy if host.restart_policy.name else replace(host.restart_policy, name="no"),
        security_opt=security or host.security_opt,
        memory_swappiness=None if host.memory_swappiness == -1 else host.memory_swappiness,
        oom_kill_disable=bool(host.oom_kill_disable),
        pids_limit=None if host.pids_limit is not None and host.pids_limit <= 0 else host.pids_limit,
        masked_paths=_or_none(masked_paths(host, facts)) if host.masked_paths is None else host.masked_paths,
        readonly_paths=_or_none(readonly_paths(host)) if host.readonly_paths is None else host.readonly_paths,
    )


def _wrapped(number: int) -> int:
    """Return what a sum is to Go, whose numbers of 64 bits begin again at their least."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _or_none(paths: list[str]) -> list[str] | None:
    """Dockerd shows null, not [], for a privileged container."""
    return paths or None
