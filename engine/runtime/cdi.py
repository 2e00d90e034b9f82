"""Devices of the Container Device Interface: what vendors' files say that a container with one of them needs.

A file in /etc/cdi or /var/run/cdi (JSON or YAML; the latter folder counts more) describes devices of a kind,
"vendor.example/class", and what each changes in a runtime spec. A device is asked for as "vendor.example/class=name".
One that two files of a folder describe counts as unknown, and so does a file that cannot be read: the specification
(container-device-interface, SPEC.md) has it so. The edits of the files that the devices are from come before theirs.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.errors import EngineError
from engine.lean_dataclasses import dataclass
from engine.runtime.cdi_yaml import read_yaml

FOLDERS = ("/etc/cdi", "/var/run/cdi")
HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
_KINDS = {stat.S_IFBLK: "b", stat.S_IFCHR: "c", stat.S_IFIFO: "p"}

Json = dict[str, Any]


class CdiFailed(EngineError):
    """A device cannot be given; in dockerd's words."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"CDI device injection failed: {cause}")
        self.cause = cause


@dataclass(frozen=True, slots=True)
class CdiDevice:
    """One device: the edits of the file that describes it, which all its devices share, and its own."""

    file: str
    shared: Json
    own: Json


def inject(spec: Json, names: Sequence[str], folders: Sequence[str] = FOLDERS) -> None:
    """Change a runtime spec so that its container has these devices. Raises CdiFailed."""
    if not names:
        return
    known = find(folders)
    missing = [name for name in names if name not in known]
    if missing:
        raise CdiFailed(f"unresolvable CDI devices {', '.join(missing)}")
    devices = [known[name] for name in dict.fromkeys(names)]
    for edits in {device.file: device.shared for device in devices}.values():
        apply(spec, edits)
    for device in devices:
        apply(spec, device.own)


def find(folders: Sequence[str]) -> dict[str, CdiDevice]:
    """Return every device that the folders' files describe, by its whole name."""
    found: dict[str, CdiDevice] = {}
    for folder in folders:
        here: dict[str, CdiDevice] = {}
        twice: set[str] = set()
        for path in _files(folder):
            for name, device in _devices(path):
                twice |= {name} if name in here else set()
                here[name] = device
        found |= {name: device for name, device in here.items() if name not in twice}
        found = {name: device for name, device in found.items() if name not in twice}
    return found


def apply(spec: Json, edits: Json) -> None:
    """Make the changes of one containerEdits. Raises CdiFailed for a device node that is not there."""
    process, linux = spec["process"], spec["linux"]
    for entry in edits.get("env") or ():
        name = entry.partition("=")[0]
        process["env"] = [other for other in process["env"] if other.partition("=")[0] != name] + [entry]
    for node in edits.get("deviceNodes") or ():
        made = _node(node, process["user"])
        linux["devices"] = [other for other in linux.get("devices") or () if other["path"] != made["path"]] + [made]
        if made["type"] in ("b", "c"):
            rule = {"allow": True, "type": made["type"], "major": made["major"], "minor": made["minor"]}
            linux["resources"]["devices"].append(rule | {"access": node.get("permissions") or "rwm"})
    for mount in edits.get("mounts") or ():
        target = mount["containerPath"]
        made = {"destination": target, "type": mount.get("type") or "bind", "source": mount["hostPath"]}
        made["options"] = list(mount.get("options") or ["rbind"])
        others = [other for other in spec["mounts"] if other["destination"] != target]
        spec["mounts"] = sorted([*others, made], key=lambda each: str(each["destination"]).count("/"))
    for hook in edits.get("hooks") or ():
        wanted = {key: hook[key] for key in ("path", "args", "env", "timeout") if hook.get(key)}
        spec.setdefault("hooks", {}).setdefault(hook["hookName"], []).append(wanted)
    groups = process["user"].setdefault("additionalGids", [])
    groups += [gid for gid in edits.get("additionalGids") or () if gid and gid not in groups]


def _files(folder: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    yield from (f"{folder}/{name}" for name in names if name.endswith((".json", ".yaml", ".yml")))


def _devices(path: str) -> Iterator[tuple[str, CdiDevice]]:
    """Yield the devices of a file; one that is no specification has none."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        document = json.loads(text) if path.endswith(".json") else read_yaml(text)
        if not isinstance(document, Mapping) or not document.get("cdiVersion"):
            return
        kind, shared = str(document["kind"]), dict(document.get("containerEdits") or {})
        for device in document.get("devices") or ():
            own = dict(device.get("containerEdits") or {})
            yield f"{kind}={device['name']}", CdiDevice(path, _checked(shared), _checked(own))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def _checked(edits: Json) -> Json:
    """Return edits in which what apply needs is there. Raises ValueError."""
    for key, needed in (("deviceNodes", ("path",)), ("mounts", ("hostPath", "containerPath")), ("hooks", ("path",))):
        for entry in edits.get(key) or ():
            if not all(isinstance(entry.get(name), str) and entry[name] for name in needed):
                raise ValueError(f"{key} without {' or '.join(needed)}")
    if any(hook.get("hookName") not in HOOKS for hook in edits.get("hooks") or ()):
        raise ValueError("an unknown hook")
    if not all(isinstance(entry, str) and entry.partition("=")[1] for entry in edits.get("env") or ()):
        raise ValueError("an environment entry without =")
    return edits


def _node(node: Json, user: Json) -> Json:
    """Return a node of linux.devices; what the file leaves out is the host's."""
    path, host = node["path"], node.get("hostPath") or node["path"]
    made: Json = {"path": path, "type": node.get("type"), "major": node.get("major"), "minor": node.get("minor")}
    if not made["type"] or (made["type"] != "p" and made["major"] is None):
        try:
            found = os.stat(host)
        except OSError as error:
            cause = (error.strerror or "").lower()
            raise CdiFailed(f'failed to inject devices: failed to stat CDI host device "{host}": {cause}') from error
        kind = _KINDS.get(stat.S_IFMT(found.st_mode))
        if kind is None or made["type"] not in (None, "", kind):
            raise CdiFailed(f'failed to inject devices: CDI device "{path}", host path "{host}" is no such device')
        made |= {"type": kind, "major": os.major(found.st_rdev), "minor": os.minor(found.st_rdev)}
    made["minor"] = made["minor"] or 0
    made["uid"] = node["uid"] if node.get("uid") is not None else user.get("uid", 0)
    made["gid"] = node["gid"] if node.get("gid") is not None else user.get("gid", 0)
    if node.get("fileMode") is not None:
        made["fileMode"] = node["fileMode"]
    return made
