"""The --mount flags of RUN. Pure; error texts are BuildKit's."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable

from engine.build.dockerfile.suggestion import did_you_mean
from engine.build.dockerfile.words import BadWords
from engine.lean_dataclasses import dataclass

BIND, CACHE, TMPFS, SECRET, SSH = "bind", "cache", "tmpfs", "secret", "ssh"
TYPES = (BIND, CACHE, TMPFS, SECRET, SSH)
SHARED, PRIVATE, LOCKED = "shared", "private", "locked"
_KEYS = (
    "type from source target readonly id sharing required size mode uid gid src dst destination ro rw readwrite env"
).split()
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kKmMgGtTpP])?([iI])?([bB])?")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")

Expand = Callable[[str], str]


@dataclass(slots=True)
class Mount:
    """One mount; identity is the id of a cache, secret or agent; env None: no variable is asked for."""

    type: str = BIND
    from_: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    size: int = 0
    identity: str = ""
    sharing: str = ""
    required: bool = False
    env: str | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


def parse(text: str, expand: Expand | None) -> Mount:
    """Return what a flag says; without expand only what needs no variables is looked at. Raises BadWords."""
    mount = Mount()
    said = False  # whether it may be written to
    for item in _fields(text):
        key, equals, value = item.partition("=")
        key = key.lower()
        if not equals:
            if expand is None:
                continue
            said = _switch(mount, key, item) or said
            continue
        if expand is None:
            if key != "from":
                continue
            at = value.find("$")
            if at >= 0 and at != len(value) - 1:
                raise BadWords("'from' doesn't support variable expansion, define alias stage instead")
        else:
            value = expand(value)
        said = _set(mount, key, value, item) or said
    if not said:
        mount.read_only = mount.type not in (CACHE, TMPFS)
    if expand is not None:
        _check(mount)
    return mount


def _fields(text: str) -> list[str]:
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise BadWords(f"failed to parse csv mounts: {error}") from None
    return rows[0] if rows else []


def _switch(mount: Mount, key: str, item: str) -> bool:
    """Take a key without a value; returns whether it says what may be written to."""
    if key in ("readonly", "ro", "readwrite", "rw"):
        mount.read_only = key in ("readonly", "ro")
        return True
    if key == "required":
        _only(mount, key, SECRET, SSH)
        mount.required = True
        return False
    raise BadWords(f"invalid field '{item}' must be a key=value pair")


def _only(mount: Mount, key: str, *types: str) -> None:
    if mount.type not in types:
        raise BadWords(f"unexpected key '{key}' for mount type '{mount.type}'")


def _set(mount: Mount, key: str, value: str, item: str) -> bool:
    """Take a key with its value; returns whether it says what may be written to."""
    match key:
        case "type":
            if value.lower() not in TYPES:
                raise BadWords(
                    did_you_mean(f"unsupported mount type {json.dumps(value)}", value, TYPES, case_counts=True)
                )
            mount.type = value.lower()
        case "from":
            mount.from_ = value
        case "source" | "src":
            mount.source = value
        case "target" | "dst" | "destination":
            mount.target = value
        case "readonly" | "ro" | "readwrite" | "rw":
            mount.read_only = _truth(key, value) == (key in ("readonly", "ro"))
            return True
        case "required":
            _only(mount, key, SECRET, SSH)
            mount.required = _truth(key, value)
        case "size":
            _only(mount, key, TMPFS)
            mount.size = _bytes(value)
        case "id":
            mount.identity = value
        case "sharing":
            modes = (SHARED, PRIVATE, LOCKED)
            if value.lower() not in modes:
                text = f"unsupported sharing value {json.dumps(value)}"
                raise BadWords(did_you_mean(text, value, modes, case_counts=True))
            mount.sharing = value.lower()
        case "mode":
            mount.mode = _number(key, value, 8)
        case "uid":
            mount.uid = _number(key, value, 10)
        case "gid":
            mount.gid = _number(key, value, 10)
        case "env":
            mount.env = value
        case _:
            raise BadWords(did_you_mean(f"unexpected key '{key}' in '{item}'", key, _KEYS, case_counts=True))
    return False


def _check(mount: Mount) -> None:
    if mount.type in (BIND, TMPFS):
        for name, value in (("mode", mount.mode), ("uid", mount.uid), ("gid", mount.gid)):
            if value is not None:
                raise BadWords(f'{name} not allowed for "{mount.type}" type mounts')
    if mount.type == SECRET:
        if mount.from_:
            raise BadWords("secret mount should not have a from")
        if mount.sharing:
            raise BadWords("secret mount should not define sharing")
        if not (mount.source or mount.target or mount.identity):
            raise BadWords("invalid secret mount. one of source, target required")
        if mount.source and mount.identity:
            raise BadWords("both source and id can't be set")
    if mount.sharing and mount.type != CACHE:
        raise BadWords(f"invalid cache sharing set for {mount.type} mount")


def _truth(key: str, value: str) -> bool:
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise BadWords(f"invalid value for {key}: {value}")


def _number(key: str, value: str, base: int) -> int:
    try:
        found = int(value, base) if value.isascii() and value.isdigit() else -1
    except ValueError:
        found = -1
    if not 0 <= found < 1 << 32:
        raise BadWords(f"invalid value {value} for {key}")
    return found


def _bytes(value: str) -> int:
    found = _SIZE.fullmatch(value)
    if found is None:
        raise BadWords(f"invalid value for size: {value}")
    return int(float(found[1]) * _UNITS[(found[2] or "").lower()])
