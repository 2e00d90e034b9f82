"""Taking out of an answer what is another one each time or on each machine, and nothing else. Pure."""

from __future__ import annotations

import re
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_NEVER = "0001-01-01T00:00:00Z"
_DURATION = re.compile(r"(Up|ago|\)) ?(Less than a second|About a minute|\d+ (second|minute)s?)")
_HEX = re.compile(r"\b[0-9a-f]{64}\b")
_ID_LENGTH = 64
_VOLUMES = re.compile(r"/[^ ]*/volumes/(?=[^ /]+/_data)")
_MERGED = re.compile(r"/[^ ]*/merged\b")
_ENDPOINT = re.compile(r'\bid:"[0-9a-f]{12}"')
_VOLUMES = re.compile(r"(/[\w.-]+){2,}/volumes/")  # the folder that an engine keeps them in
_MAC = re.compile(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b")

_NUMBER = re.compile(r"^(\d+|\d+\.\d|\d\d:\d\d)$")
COUNTED = {"pids_stats", "blkio_stats", "cpu_stats", "precpu_stats", "memory_stats", "networks"}

# Machine and engine decide on these: whether there is a value counts, not which.
OPAQUE = {
    "EndpointID", "Gateway", "GlobalIPv6Address", "IPAddress", "IPv6Gateway", "NetworkID", "SandboxID", "SandboxKey",
}  # fmt: skip
ASKED = ("198.", "2001:db8:", "2001:DB8:")  # begin the addresses that scenarios ask for
FIRST_PREFIX, LATER_PREFIX = (
    16,
    20,
)  # of the subnets that engines choose: smaller ones where a machine has many networks
UNORDERED = {"ContainersDeleted", "ExecIDs", "Mounts", "NetworksDeleted", "Ports"}
FILES = {"ResolvConfPath", "HostnamePath", "HostsPath", "LogPath"}
HEADERS = ("content-type", "content-length", "transfer-encoding", "connection", "upgrade", "api-version", "ostype")


def headers(found: dict[str, str], status: int) -> dict[str, str]:
    """Keep the headers that clients act on; a length only where it cannot vary."""
    kept = {name: found[name] for name in HEADERS if name in found}
    if kept.get("connection") == "close":
        del kept["connection"]
    # dockerd sends small answers with a length and larger ones in chunks; no client can tell.
    if kept.get("content-length") != "0":
        kept.pop("content-length", None)
    if kept.get("content-type") in ("application/json", "application/x-tar") and status == 200:
        kept.pop("transfer-encoding", None)
    return kept


def value(found: Any, ids: dict[str, str], key: str = "") -> Any:
    """Return JSON with what varies replaced; ids gives names to the ids that the scenario knows."""
    if key in COUNTED:
        return counted(found)
    if key == "Processes" and isinstance(found, list):
        return [[_NUMBER.sub("<number>", field) for field in process] for process in found]
    if isinstance(found, dict):
        if key == "GraphDriver":
            return {**found, "Data": sorted(found["Data"] or {})}
        kept = {name: each for name, each in found.items() if name != "KernelMemoryTCP"}
        return {
            _HEX.sub(lambda match: ids.get(match[0], match[0]), name): value(kept[name], ids, name) for name in kept
        }
    if isinstance(found, list):
        if found and all(isinstance(each, dict) and each.keys() == {"Path", "Kind"} for each in found):
            return sorted(found, key=lambda each: str(each["Path"]))  # dockerd walks a map for these, too
        items = [value(each, ids, key) for each in found]
        # dockerd walks a map for these, in an order that is another one each time.
        return sorted(items, key=repr) if key in UNORDERED else items
    if key in ("Pid", "Created", "SizeRootFs") and isinstance(found, int):
        return "<number>" if found else 0
    if key in ("SizeRw", "SpaceReclaimed"):  # what the engine itself put into the layer counts with some
        return "<number>"
    if key == "IPPrefixLen" and found == LATER_PREFIX:
        return FIRST_PREFIX
    if not isinstance(found, str):
        return found
    if key in ("Subnet", "Gateway") and not found.startswith(ASKED):  # chosen by the engine
        return "<set>" if found else ""
    if key in OPAQUE and not found.startswith(ASKED):
        return "<set>" if found else ""
    if key in FILES:
        return "<path>" if found else ""
    if key == "Runtime":
        return "<runtime>"
    if key in ("Source", "Mountpoint") and "/volumes/" in found:
        return "<volume>"
    return text(found, ids)


def counted(found: Any) -> Any:
    """Return what stats counts with its shape only: which counts there are, and which lists."""
    if isinstance(found, dict):
        return {name: counted(each) for name, each in found.items()}
    return found if found is None else "<list>" if isinstance(found, list) else "<number>"


def text(found: str, ids: dict[str, str]) -> str:
    """Return a text with ids, times, durations and addresses replaced."""
    for each, name in ids.items():
        found = found.replace(each, f"<{name}>")
        if len(each) == _ID_LENGTH:  # an address has no short form, which might be another one's beginning
            found = found.replace(each[:12], f"<{name} short>")
        found = found.replace(each.upper(), f"<{name} in capitals>")
    found = _ENDPOINT.sub('id:"<hex>"', _HEX.sub("<hex>", found))
    found = _MERGED.sub("<root>", _VOLUMES.sub("<volumes>/", found))
    found = _TIME.sub(lambda match: match[0] if match[0] == _NEVER else "<time>", found)
    found = _VOLUMES.sub("<volumes>/", _MAC.sub("<mac>", found))
    return _DURATION.sub(lambda match: f"{match[1]} <duration>".replace(") ", ") "), found)
