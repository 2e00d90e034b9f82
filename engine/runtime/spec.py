"""The OCI runtime spec (config.json) of a container: what dockerd 28.5 would hand to its runtime for the same.

Pure: everything that depends on the machine comes in SpecRequest. Written against OCI runtime-spec 1.0, which
crun 1.8 and every runc of these years take. Called by the start verb; exec uses process() alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.containers.config import ContainerConfig, HostConfig, MountPoint
from engine.lean_dataclasses import dataclass, field
from engine.runtime import apparmor, capabilities, seccomp
from engine.runtime.devices import HostDevices
from engine.runtime.facts import HostFacts
from engine.runtime.resources import resources
from engine.runtime.security import SecurityOptions, parse_security_options
from engine.runtime.spec_mounts import INIT_PATH, all_mounts, root_propagation
from engine.runtime.users import ProcessUser

VERSION = "1.0.2"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_MASKED_IN_PROC = "asound acpi interrupts kcore keys latency_stats timer_list timer_stats sched_debug scsi"
MASKED_PATHS: tuple[str, ...] = (
    *(f"/proc/{name}" for name in _MASKED_IN_PROC.split()),
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS: tuple[str, ...] = tuple(f"/proc/{name}" for name in ("bus", "fs", "irq", "sys", "sysrq-trigger"))


@dataclass(frozen=True, slots=True)
class SpecRequest:
    """All that a spec is made from. Paths are the host's unless said otherwise."""

    container_id: str
    config: ContainerConfig  # merged with the image's
    host: HostConfig  # after engine.containers.defaults
    args: Sequence[str]  # the program and its arguments
    rootfs: str  # where the container's root is mounted
    user: ProcessUser = field(default_factory=ProcessUser)
    mounts: Sequence[MountPoint] = ()
    tmpfs_modes: Mapping[str, int] = field(default_factory=dict)  # see engine.containers.mounts.tmpfs_modes
    hosts_path: str = ""  # these three: empty for none
    hostname_path: str = ""
    resolv_conf_path: str = ""
    network_namespace: str | None = ""  # a namespace's file; "" for a new one; None for the host's
    pid_namespace: str = ""  # of the container that PidMode container: names
    ipc_namespace: str = ""  # of the container that IpcMode container: names
    shm_path: str = ""  # the folder that is /dev/shm in IpcMode shareable, host and container:
    init_path: str = ""  # of the init program when one is asked for; see engine.runtime.init
    link_env: Sequence[str] = ()  # variables for --link
    devices: HostDevices = field(default_factory=HostDevices)
    facts: HostFacts = field(default_factory=HostFacts)


def build_spec(request: SpecRequest) -> dict[str, Any]:
    """Return config.json as a dict.

    Raises InvalidParameter subclasses for values that create lets through: capabilities, security options,
    seccomp profiles, tmpfs options, device rules.
    """
    config, host = request.config, request.host
    security = parse_security_options(host.security_opt)
    held = capabilities.effective(host.cap_add, host.cap_drop, host.privileged, request.facts.capabilities)
    writable_cgroups = host.privileged if security.writable_cgroups is None else security.writable_cgroups
    spec: dict[str, Any] = {
        "ociVersion": VERSION,
        "process": process(
            config,
            host,
            request.args,
            request.user,
            held,
            security,
            request.facts,
            env=environment(request.config, request.config.tty, request.link_env),
        ),
        "root": {"path": request.rootfs},
        "mounts": all_mounts(
            host,
            request.mounts,
            request.tmpfs_modes,
            (
                ("/etc/resolv.conf", request.resolv_conf_path),
                ("/etc/hostname", request.hostname_path),
                ("/etc/hosts", request.hosts_path),
            ),
            shm_path=request.shm_path,
            init_path=request.init_path,
            recursive_read_only=request.facts.recursive_read_only,
            writable_cgroups=writable_cgroups,
        ),
        "linux": linux(request, held, security),
    }
    if request.init_path:
        spec["process"]["args"] = [INIT_PATH, "--", *request.args]
    if host.readonly_rootfs:
        spec["root"]["readonly"] = True
    if host.uts_mode != "host":
        spec["hostname"] = config.hostname
    if host.annotations:
        spec["annotations"] = dict(host.annotations)
    return spec


def process(
    config: ContainerConfig,
    host: HostConfig,
    args: Sequence[str],
    user: ProcessUser,
    held: Sequence[str],
    security: SecurityOptions,
    facts: HostFacts,
    *,
    env: Sequence[str],
) -> dict[str, Any]:
    """Return the process section."""
    made: dict[str, Any] = {
        "user": {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups)},
        "args": list(args),
        "env": list(env),
        "cwd": config.working_dir or "/",
        "capabilities": {kind: list(held) for kind in ("bounding", "effective", "permitted")},
        "oomScoreAdj": host.oom_score_adj,
    }
    if config.tty:
        made["terminal"] = True
        height, width = (*host.console_size, 0, 0)[:2]
        if height or width:
            made["consoleSize"] = {"height": height, "width": width}
    if host.ulimits:
        made["rlimits"] = [
            {"type": f"RLIMIT_{limit.name.upper()}", "hard": _unsigned(limit.hard), "soft": _unsigned(limit.soft)}
            for limit in host.ulimits
        ]
    if security.no_new_privileges:
        made["noNewPrivileges"] = True
    if facts.apparmor:
        made["apparmorProfile"] = security.apparmor or (apparmor.UNCONFINED if host.privileged else apparmor.NAME)
    return made


def limit_open_files(process: dict[str, Any], limits: tuple[int, int] | None) -> None:
    """Give a process limits of open files, unless it has some or is to inherit them (None)."""
    given = process.setdefault("rlimits", []) if limits else []
    if limits and not any(each["type"] == "RLIMIT_NOFILE" for each in given):
        given.append({"type": "RLIMIT_NOFILE", "soft": limits[0], "hard": limits[1]})


def give_home(process: dict[str, Any], user: ProcessUser) -> None:
    """Set HOME where neither the client does nor crun, which looks only at users that are in the passwd file."""
    if "HOME=" in process["env"]:  # runc gives one in its place, crun leaves it
        process["env"].remove("HOME=")
    if user.home == "/" and not any(entry.startswith("HOME=") for entry in process["env"]):
        process["env"].append("HOME=/")


def linux(request: SpecRequest, held: Sequence[str], security: SecurityOptions) -> dict[str, Any]:
    """Return the linux section."""
    host, facts = request.host, request.facts
    made: dict[str, Any] = {
        "resources": resources(host, request.devices.rules, request.devices.block_numbers, facts.cgroups),
        "cgroupsPath": facts.cgroups.container_path(request.container_id, host.cgroup_parent),
        "namespaces": namespaces(request),
        "maskedPaths": masked_paths(host, facts),
        "readonlyPaths": readonly_paths(host),
    }
    optional = {
        "sysctl": sysctls(request),
        "devices": list(request.devices.nodes),
        "seccomp": seccomp_profile(host, security, held, facts),
        "rootfsPropagation": root_propagation(request.mounts),
    }
    return made | {name: value for name, value in optional.items() if value}


def namespaces(request: SpecRequest) -> list[dict[str, str]]:
    """Return the namespaces that the container gets or joins; those it shares with the host are left out."""
    host = request.host
    made: list[dict[str, str]] = [{"type": "mount"}]
    if request.network_namespace is not None:
        made.append(_namespace("network", request.network_namespace))
    if host.uts_mode != "host":
        made.append({"type": "uts"})
    if host.pid_mode != "host":
        made.append(_namespace("pid", request.pid_namespace))
    if host.ipc_mode != "host":
        made.append(_namespace("ipc", request.ipc_namespace))
    if host.cgroupns_mode == "private":
        made.append({"type": "cgroup"})
    return made


def masked_paths(host: HostConfig, facts: HostFacts) -> list[str]:
    """Return the paths that the container cannot read: the client's, else none for privileged, else dockerd's."""
    if host.masked_paths is not None:
        return list(host.masked_paths)
    return [] if host.privileged else [*MASKED_PATHS, *facts.throttle_paths]


def readonly_paths(host: HostConfig) -> list[str]:
    """Return the paths that the container cannot write: the client's, else none for privileged, else dockerd's."""
    if host.readonly_paths is not None:
        return list(host.readonly_paths)
    return [] if host.privileged else list(READONLY_PATHS)


def sysctls(request: SpecRequest) -> dict[str, str]:
    """Return the sysctls: dockerd's for a network of the container's own, its domain name, the client's."""
    host = request.host
    made: dict[str, str] = {}
    if host.network_mode != "host" and not host.network_mode.startswith("container:"):
        made |= request.facts.network_sysctls
    if request.config.domainname:  # the runtime refuses it where the host's name is shared, as dockerd's does
        made["kernel.domainname"] = request.config.domainname
    return made | (host.sysctls or {})


def seccomp_profile(
    host: HostConfig, security: SecurityOptions, held: Sequence[str], facts: HostFacts
) -> dict[str, Any] | None:
    """Return linux.seccomp, None for no filter. Raises seccomp.InvalidProfile."""
    wanted = security.seccomp
    if wanted == seccomp.UNCONFINED or (host.privileged and not wanted):
        return None
    if not facts.seccomp:
        if wanted not in ("", seccomp.BUILTIN):
            raise seccomp.InvalidProfile("seccomp is not enabled in your kernel, cannot run a custom seccomp profile")
        return None
    if wanted in ("", seccomp.BUILTIN):
        return seccomp.default_profile(held, facts)
    return seccomp.load_profile(wanted, held, facts)


def environment(config: ContainerConfig, terminal: bool, link_env: Sequence[str]) -> list[str]:
    """Return the variables of a process with or without a terminal: dockerd's own, replaced or followed by config's."""
    own = [f"PATH={DEFAULT_PATH}", f"HOSTNAME={config.hostname}"]
    if terminal:
        own.append("TERM=xterm")
    return merge_environment([*own, *link_env], config.env)


def merge_environment(base: Sequence[str], changes: Sequence[str] | None) -> list[str]:
    """Put changes over base, each variable staying where it was; a change without = takes its variable away."""
    made = {entry.partition("=")[0]: entry for entry in base}
    extra: list[str] = []
    for change in changes or ():
        name, equals, _ = change.partition("=")
        if not equals:
            made.pop(name, None)
        elif name in made:
            made[name] = change
        else:
            extra.append(change)
    return [*made.values(), *extra]


def _namespace(kind: str, path: str) -> dict[str, str]:
    return {"type": kind, "path": path} if path else {"type": kind}


def _unsigned(limit: int) -> int:
    """Return a limit as the kernel has it: -1 is the greatest number, which stands for no limit."""
    return limit % 2**64
