"""Docker's field names from the engine's, which are the same in snake case.

A part of a name is capitalised unless Docker spells it in a way of its own. Pure; used by models and shapes.
"""

from __future__ import annotations

from functools import cache

_SPELLINGS = {
    "id": "ID",
    "ids": "IDs",
    "io": "IO",
    "iops": "IOps",
    "ips": "IPs",
    "ipv4": "IPv4",
    "ipv6": "IPv6",
    "tcp": "TCP",
    "uts": "UTS",
}


@cache
def docker_name(name: str) -> str:
    """Return the name that Docker's JSON gives a field: device_ids is DeviceIDs."""
    return "".join(_SPELLINGS.get(part) or part.capitalize() for part in name.split("_"))
