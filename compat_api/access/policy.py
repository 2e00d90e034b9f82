"""What a socket's policy allows: decisions over what was asked and what it names. Pure; knows no socket and no engine.

A policy is made of the server's options. `read-only`: nothing is changed. `label=KEY=VALUE`: only objects of that
label are seen and touched, and what is made carries it; images without the key are everybody's. A label alone would
be walked around through the host, so it brings the three denials with it: `privileged` (whatever gives a container
more than the default), `host-mounts`, `host-network`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.lean_dataclasses import dataclass
from engine.runtime.capabilities import DEFAULT
from engine.runtime.spec import MASKED_PATHS, READONLY_PATHS

if TYPE_CHECKING:
    from engine.containers.config import ContainerConfig, EndpointRequest, HostConfig, MountPoint

PRIVILEGED, HOST_MOUNTS, HOST_NETWORK = "privileged", "host-mounts", "host-network"
DENIALS = (PRIVILEGED, HOST_MOUNTS, HOST_NETWORK)
BUILT_IN = ("bridge", "none")  # networks that are everybody's
PLUGIN = "skiff-policy"

# Attributes that events have of themselves: a label of that name could not be told from them.
RESERVED = frozenset(
    "comment container destination driver execDuration execID exitCode image imageID imageRef name oldName propagation "
    "read/write reclaimed signal size type".split()
)
_MODE = "container:"
_SPEAKING = ("run.oci.", "org.systemd.property.")  # annotations by which a runtime is told to do more
_PRIORITIES = ("rtprio", "nice")  # limits that let a process be more urgent than the machine's own
_SAFE_VOLUMES = ("tmpfs", "nfs", "nfs4", "cifs")
_SAFE_TMPFS = ("size", "mode", "uid", "gid", "nr_inodes", "ro", "rw", "noexec", "nosuid", "nodev")


class BadPolicy(Exception):
    """A policy that cannot be meant; the text says why."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that a request names. use: join (a container's namespace or volumes), connect, run, mount."""

    kind: str
    name: str
    use: str


@dataclass(frozen=True, slots=True)
class Policy:
    """One socket's policy; label is a key and a value."""

    read_only: bool = False
    label: tuple[str, str] | None = None
    denied: frozenset[str] = frozenset()

    @property
    def scoped(self) -> bool:
        """Whether objects are told apart by a label."""
        return self.label is not None

    def owner(self, labels: Mapping[str, str] | None) -> str:
        """Tell whose an object is: "own", "common" (nobody's) or "foreign"."""
        if self.label is None:
            return "own"
        key, value = self.label
        found = (labels or {}).get(key)
        return "common" if found is None else "own" if found == value else "foreign"

    def labelled(self, labels: Mapping[str, str] | None) -> dict[str, str] | None:
        """Return the labels of what is to be made, with the policy's own; None when they belong to another."""
        if self.label is None or self.owner(labels) == "own":
            return dict(labels or {})
        return None if self.owner(labels) == "foreign" else {**(labels or {}), self.label[0]: self.label[1]}

    @property
    def filter(self) -> str:
        """What the label filter of lists is for this policy."""
        assert self.label is not None
        return "=".join(self.label)


def parse(policies: Sequence[str], deny: str) -> Policy:
    """Make a policy of what --policy (each time it was given) and --deny say. Raises BadPolicy."""
    read_only, label = False, None
    for text in policies:
        if text == "read-only":
            read_only = True
            continue
        kind, _, rest = text.partition("=")
        key, equals, value = rest.partition("=")
        if kind != "label" or not (key and equals and value):
            raise BadPolicy(f"--policy {text}: must be read-only or label=KEY=VALUE")
        if key in RESERVED:
            raise BadPolicy(f"--policy {text}: events have an attribute {key} of their own; take another label")
        if label is not None:
            raise BadPolicy(f"--policy {text}: there can be one label only")
        label = (key, value)
    denied = frozenset(deny.split(",")) if deny else frozenset()
    if unknown := sorted(denied - set(DENIALS)):
        raise BadPolicy(f"--deny {unknown[0]}: must be among {', '.join(DENIALS)}")
    return Policy(read_only, label, frozenset(DENIALS) if label else denied)


# -- what containers have, whether they are to be made or are there already


def problem_of(policy: Policy, host: HostConfig, mounts: Sequence[MountPoint] = (), *, made: bool = False) -> str:
    """Return why a container with this configuration is denied, "" when it is not.

    made: it is there already, so the engine has put its defaults into host, and mounts are as they were resolved.
    """
    if PRIVILEGED in policy.denied and (more := next(_more_than_default(host, made=made), "")):
        return f"{more} is denied"
    if HOST_NETWORK in policy.denied and host.network_mode == "host":
        return "the host's network is denied"
    if HOST_MOUNTS in policy.denied:
        return next(_host_mounts(host, mounts), "")
    return ""


def _more_than_default(host: HostConfig, *, made: bool) -> Iterator[str]:
    """Yield what gives a container more than containers have by default."""
    if host.privileged:
        yield "Privileged"
    for name in host.cap_add or ():
        if f"CAP_{name.upper().removeprefix('CAP_')}" not in DEFAULT:
            yield f"CapAdd {name}"
    for option in host.security_opt or ():
        if option.replace("=", ":").split(":")[0] != "no-new-privileges":
            yield f"SecurityOpt {option}"
    for name in ("pid_mode", "ipc_mode", "uts_mode", "userns_mode", *(() if made else ("cgroupns_mode",))):
        if getattr(host, name) == "host":
            yield f"the host's {name.removesuffix('_mode')} namespace"
    for name in "devices device_cgroup_rules device_requests cgroup_parent cgroup".split():
        if getattr(host, name):
            yield name
    if not made and host.runtime not in ("", "crun", "runc"):
        yield f"the runtime {host.runtime}"
    above = any(each.name.lower() in _PRIORITIES and each.hard for each in host.ulimits or ())
    if host.oom_score_adj < 0 or host.cpu_realtime_runtime or above:
        yield "a priority above the default"
    for name, least in (("masked_paths", MASKED_PATHS), ("readonly_paths", READONLY_PATHS)):
        found = getattr(host, name)
        if found is not None and not set(least) <= set(found):
            yield f"less {name.replace('_', ' ')} than the default"
    for name in host.annotations or ():
        if name.startswith(_SPEAKING):
            yield f"the annotation {name}"


def _host_mounts(host: HostConfig, mounts: Sequence[MountPoint]) -> Iterator[str]:
    for text in host.binds or ():
        if text.startswith("/") and ":" in text:
            yield f"the host's {text.partition(':')[0]} is denied"
    for request in host.mounts or ():
        if request.type == "volume":
            driver = (request.volume_options or {}).get("DriverConfig")
            options = driver.get("Options") if isinstance(driver, dict) else None
            if options and (problem := _volume_over_host(options)):
                yield problem
        elif request.type not in ("tmpfs", "image"):
            yield f"a mount of type {request.type} is denied"
    for point in mounts:
        if point.type not in ("volume", "tmpfs", "image"):
            yield f"the container has the host's {point.source}"
    if host.volume_driver not in ("", "local"):
        yield f"the volume driver {host.volume_driver} is denied"


def volume_problem(policy: Policy, options: Mapping[str, str] | None) -> str:
    """Return why a volume with these options is denied, "" when it is not."""
    return _volume_over_host(options) if HOST_MOUNTS in policy.denied and options else ""


def _volume_over_host(options: Mapping[str, object]) -> str:
    """Tell what of the host a local volume's options lead to, "" for nothing that is known."""
    kind = str(options.get("type", ""))
    words = [each.partition("=")[0].strip() for each in str(options.get("o", "")).split(",") if each.strip()]
    if kind not in _SAFE_VOLUMES or {"bind", "rbind", "move", "remount"} & set(words):
        return "a volume over what the host has is denied"
    if kind == "tmpfs" and set(words) - set(_SAFE_TMPFS):
        return "the volume's mount options are denied"
    return ""


def network_problem(policy: Policy, driver: str, options: Mapping[str, str] | None) -> str:
    """Return why a network is denied, "" when it is not."""
    if HOST_NETWORK not in policy.denied:
        return ""
    if driver not in ("", "bridge", "default"):
        return f"a network of the driver {driver} is denied"
    for name in options or ():
        if name in ("com.docker.network.bridge.name", "parent"):
            return f"the network option {name} is denied"
    return ""


def build_problem(policy: Policy, network_mode: str, more: Mapping[str, str]) -> str:
    """Return why a build is denied, "" when it is not; more: parameters that give its containers more."""
    if HOST_NETWORK in policy.denied and network_mode not in ("", "default", "bridge", "none"):
        return f"building in the network {network_mode} is denied"
    if PRIVILEGED in policy.denied and (given := next((name for name, value in more.items() if value), "")):
        return f"building with {given} is denied"
    return ""


# -- what a request names


def named_by(config: ContainerConfig, host: HostConfig, endpoints: Mapping[str, EndpointRequest]) -> list[Reference]:
    """Return every object that a container to be made names."""
    found = [Reference("image", config.image, "run")] if config.image else []
    for mode in (host.network_mode, host.pid_mode, host.ipc_mode, host.uts_mode, host.userns_mode, host.cgroup):
        if mode.startswith(_MODE):
            found.append(Reference("container", mode.removeprefix(_MODE), "join"))
    mode = host.network_mode
    if mode not in ("", "default", "bridge", "none", "host") and not mode.startswith(_MODE):
        found.append(Reference("network", mode, "connect"))
    found += [Reference("network", name, "connect") for name in endpoints]
    links = [*(host.links or ()), *(link for end in endpoints.values() for link in end.links or ())]
    found += [Reference("container", link.partition(":")[0], "link") for link in links]
    found += [Reference("container", text.partition(":")[0], "join") for text in host.volumes_from or ()]
    for text in host.binds or ():
        source, colon, _ = text.partition(":")
        if colon and not source.startswith("/"):
            found.append(Reference("volume", source, "mount"))
    for request in host.mounts or ():
        if request.type == "volume" and request.source:
            found.append(Reference("volume", request.source, "mount"))
        if request.type == "image":
            found.append(Reference("image", request.source, "run"))
    return found
