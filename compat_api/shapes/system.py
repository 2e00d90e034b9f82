"""version and info as Docker's JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat_api import versions
from compat_api.shapes.times import rfc3339_nano
from engine.version import API_VERSION, DOCKER_VERSION, MIN_API_VERSION, VERSION

if TYPE_CHECKING:
    from engine.system import Facts, Versions

Json = dict[str, Any]
INDEX = "https://index.docker.io/v1/"


def version(versions: Versions) -> Json:
    """Return the answer to version: as the dockerd that we stand in for, with the tools that do our work."""
    details = {
        "ApiVersion": API_VERSION,
        "Arch": versions.architecture,
        "BuildTime": "",
        "Experimental": "false",
        "GitCommit": "",
        "GoVersion": "",
        "KernelVersion": versions.kernel,
        "MinAPIVersion": MIN_API_VERSION,
        "Os": "linux",
    }
    tools = [{"Name": each.name, "Version": each.version, "Details": {"GitCommit": ""}} for each in versions.tools]
    return {
        "Platform": {"Name": f"Skiff {VERSION}"},
        "Components": [{"Name": "Engine", "Version": DOCKER_VERSION, "Details": details}, *tools],
        "Version": DOCKER_VERSION,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MIN_API_VERSION,
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": versions.architecture,
        "KernelVersion": versions.kernel,
    }


def info(facts: Facts, now: int, api: tuple[int, ...]) -> Json:
    """Return the answer to info for a client of this API version."""
    support, states = facts.support, facts.containers
    running = states.get("running", 0) + states.get("restarting", 0)
    found: Json = {
        "ID": facts.id,
        "Containers": sum(states.values()),
        "ContainersRunning": running,
        "ContainersPaused": states.get("paused", 0),
        "ContainersStopped": sum(states.values()) - running - states.get("paused", 0),
        "Images": facts.images,
        "Driver": "overlay2",
        "DriverStatus": [
            ["Backing Filesystem", facts.file_system],
            ["Supports d_type", "true"],
            ["Using metacopy", "false"],
            ["Native Overlay Diff", "true"],
            ["userxattr", "false"],
        ],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": None,
            "Log": ["journald", "json-file", "local"],
        },
        "MemoryLimit": support.memory,
        "SwapLimit": support.swap,
    }
    if api < versions.NO_KERNEL_MEMORY and facts.cgroup_version == "1":
        found["KernelMemory"] = True
    if support.kernel_memory_tcp:
        found["KernelMemoryTCP"] = True
    found |= {
        "CpuCfsPeriod": support.cpu_quota,
        "CpuCfsQuota": support.cpu_quota,
        "CPUShares": support.cpu_shares,
        "CPUSet": support.cpuset,
        "PidsLimit": support.pids,
        "IPv4Forwarding": facts.ipv4_forwarding,
        "Debug": False,
        "NFd": facts.open_files,
        "OomKillDisable": support.oom_kill_disable,
        "NGoroutines": 0,
        "SystemTime": rfc3339_nano(now),
        "LoggingDriver": "json-file",
        "CgroupDriver": facts.cgroup_driver,
        "CgroupVersion": facts.cgroup_version,
        "NEventsListener": 0,
        "KernelVersion": facts.kernel,
        "OperatingSystem": facts.operating_system,
        "OSVersion": facts.os_version,
        "OSType": "linux",
        "Architecture": facts.machine,
        "IndexServerAddress": INDEX,
        "RegistryConfig": _registries(api),
        "NCPU": facts.processors,
        "MemTotal": facts.memory,
        "GenericResources": None,
        "DockerRootDir": facts.root,
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": facts.hostname,
        "Labels": [],
        "ExperimentalBuild": False,
        "ServerVersion": DOCKER_VERSION,
        "Runtimes": {name: {"path": path} for name, path in sorted(facts.runtimes.items())},
        "DefaultRuntime": facts.default_runtime,
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        },
        "LiveRestoreEnabled": True,  # containers live on without a server
        "Isolation": "",
        "InitBinary": facts.init,
        "ContainerdCommit": _commit(api),
        "RuncCommit": _commit(api),
        "InitCommit": _commit(api),
        "SecurityOptions": _security(facts, api),
    }
    if api >= versions.FIREWALL_IN_INFO:
        found["FirewallBackend"] = {"Driver": "nftables"}
    if api < versions.NO_BRIDGE_FILTERS:
        found |= {"BridgeNfIptables": False, "BridgeNfIp6tables": False}
    found |= {"CDISpecDirs": [], "Warnings": facts.warnings or None}
    return found


def _registries(api: tuple[int, ...]) -> Json:
    old = {"AllowNondistributableArtifactsCIDRs": None, "AllowNondistributableArtifactsHostnames": None}
    return {
        **(old if api < versions.NO_NONDISTRIBUTABLE else {}),
        "IndexConfigs": {"docker.io": {"Mirrors": [], "Name": "docker.io", "Official": True, "Secure": True}},
        "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"],
        "Mirrors": None,
    }


def _commit(api: tuple[int, ...]) -> Json:
    return {"ID": "", "Expected": ""} if api < versions.FIREWALL_IN_INFO else {"ID": ""}


def _security(facts: Facts, api: tuple[int, ...]) -> list[str]:
    """Return what confines containers; the oldest clients know the names alone."""
    found = []
    if facts.apparmor:
        found.append("name=apparmor")
    if facts.seccomp:
        found.append("name=seccomp,profile=builtin")
    if facts.cgroup_version == "2":
        found.append("name=cgroupns")
    if api < versions.SECURITY_OPTIONS_HAVE_NAMES:
        return [each.partition(",")[0].removeprefix("name=") for each in found]
    return found
