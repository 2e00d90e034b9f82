"""Random bodies of create, sent to a dockerd and to a Skiff, and where their answers differ.

`python -m tests.conformance wild DOCKERD SKIFF [SEED [COUNT]]`: both are sockets. What is found once becomes a case of
a scenario. Bodies come from the API's own document, each with a few fields set: to values that somebody might give,
to values at the edges of their types, and to values of other types.
"""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

from compat_api.openapi.document import document
from tests.conformance import normalise, runner
from tests.conformance.comparing import differ
from tests.conformance.session import IMAGE, Session

NAME = "conf-wild"
VERSIONS = ("v1.51",) * 6 + ("v1.24", "v1.30", "v1.40", "v1.43", "v1.44", "v1.47")
NETWORKS = ("bridge", "none", "host", "default", "conf-nowhere", "")
NUMBERS = (0, 1, -1, 2, 10, 100, 1024, 4 << 20, 8 << 20, 10**9, 1 << 31, (1 << 63) - 1, 1 << 63, -(1 << 63), 1.5, 1e30)
OTHERS: tuple[Any, ...] = (None, "", 0, -1, True, "x", [], {}, [None], [""], [1], {"": ""}, {"a": None}, [[]], 1.5)
TEXTS = """
|a|A|/|/tmp|relative|../x|a b|a=b|=b|a:b|a:b:ro|/tmp:/m|/tmp:/m:ro|/tmp:/m:bad|vol:/m|host|none|bridge|private
|shareable|default|container:|container:nope|always|on-failure|no|0|1|-1|1:2|root|nobody|1000:1000|json-file|local
|10m|1.5g|é|\0|a,b|tcp|80|80/tcp|80-82/tcp|80/x|99999/tcp|127.0.0.1|::1|02:42:ac:11:00:02|SIGTERM|9|RTMIN+1|0-1|0,1
|CAP_SYS_ADMIN|net_admin|ALL|no-new-privileges|seccomp=unconfined|apparmor=x|label=disable|volume|bind|tmpfs|image
|rprivate|rshared|slave|a.b.c|-a|host-gateway|h:1.2.3.4|h=1.2.3.4|kernel.shmmax|net.ipv4.ip_forward|max-size|windows
|linux/arm64|c 1:3 rwm|b *:* m|/dev/null|/dev/nope|rwm|CMD|CMD-SHELL|NONE|true|sleep|nofile|core
""".replace("\n", "").split("|")
# What engines may choose, and what the runtimes' own words tell.
OWN = re.compile(r"\.inspect\..*(GraphDriver|SizeRootFs|Source|MaskedPaths|AppArmor)|.*(logging plugin|runtime name)")


class Bodies:
    """Random values of the document's types."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._schemas: dict[str, Any] = document()["components"]["schemas"]

    def version(self) -> str:
        """Return a version of the API, mostly the newest."""
        return self._random.choice(VERSIONS)

    def create(self) -> dict[str, Any]:
        """Return a body of create that could be right but for a few fields."""
        pick = self._random.random
        body: dict[str, Any] = {"Image": IMAGE, "Cmd": ["true"]}
        body |= self._some("CreateBody", (0, 0, 1, 1, 2), without=("Image", "HostConfig", "NetworkingConfig"))
        host = self._some("HostConfig", (0, 1, 1, 2, 3))
        if host:
            body["HostConfig"] = host if pick() < 0.98 else self._random.choice(OTHERS)
        if pick() < 0.3:
            ends = {self._random.choice(NETWORKS): self._some("Endpoint", (1, 2, 14))}
            body["NetworkingConfig"] = {"EndpointsConfig": ends}
        return body

    def _some(self, name: str, counts: tuple[int, ...], without: tuple[str, ...] = ()) -> dict[str, Any]:
        fields = self._schemas[name]["properties"]
        names = [each for each in fields if each not in without]
        chosen = self._random.sample(names, min(self._random.choice(counts), len(names)))
        return {self._spelled(each): self._value(fields[each]) for each in chosen}

    def _spelled(self, name: str) -> str:
        """Return a key in one of the spellings that Go takes for the same, or beside it."""
        return self._random.choice([*[name] * 20, name.lower(), name.upper(), name + "x"])

    def _value(self, schema: dict[str, Any], depth: int = 0) -> Any:
        pick, choose = self._random.random, self._random.choice
        if pick() < 0.06:
            return copy.deepcopy(choose(OTHERS))
        if "$ref" in schema:
            return self._value(self._schemas[schema["$ref"].rpartition("/")[2]], depth)
        if inner := schema.get("anyOf") or schema.get("oneOf"):
            return self._value(choose(inner), depth)
        kinds = schema.get("type", "string")
        kind = choose(kinds) if isinstance(kinds, list) else kinds
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return [self._value(schema.get("items", {}), depth + 1) for _ in range(choose((0, 1, 1, 2, 3)))]
        if kind in ("integer", "number"):
            return choose(NUMBERS)
        return {"boolean": pick() < 0.5, "null": None}.get(kind, choose(TEXTS))

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        found = {}
        if fields := schema.get("properties"):
            many = self._random.choice((1, 2, len(fields))) if depth < 3 else 1
            for name in self._random.sample(list(fields), min(many, len(fields))):
                found[self._spelled(name)] = self._value(fields[name], depth + 1)
        elif "additionalProperties" in schema:
            values = schema["additionalProperties"]
            for _ in range(self._random.choice((0, 1, 1, 2))):
                found[self._random.choice(TEXTS)] = self._value(values if isinstance(values, dict) else {}, depth + 1)
        return found


def answers(socket: Path, body: dict[str, Any], version: str) -> dict[str, Any]:
    """Return what a server says to a body, and what it shows of the container."""
    s = Session(socket)
    s.remove(NAME)
    said = s.quietly("POST", "/containers/create", body, query={"name": NAME}, version=version)
    if "Id" not in said:
        return {"create": normalise.value(said, s.ids)}
    s.ids[said["Id"]] = NAME
    s.call("GET", f"/containers/{NAME}/json", version=version)
    s.remove(NAME)
    return {"create": normalise.value(said, s.ids), "inspect": s.records[0]["body"]}


def compare(theirs: Path, ours: Path, seed: str, count: int) -> int:
    """Print each kind of difference once, with the body that showed it; returns how many there are."""
    for socket in (theirs, ours):
        runner.load_image(socket)
    bodies, seen = Bodies(seed), set[str]()
    for _ in range(count):
        body, version = bodies.create(), bodies.version()
        lines = differ(answers(theirs, body, version), answers(ours, body, version), "")
        lines = [line for line in lines if not OWN.match(line)]
        kind = re.sub(r"\d+", "N", " ".join(lines))[:150]
        if lines and kind not in seen:
            seen.add(kind)
            print("\n".join([f"{version} {json.dumps(body)}", *(f"    {line}" for line in lines)]), flush=True)
    print(f"seed {seed}: {count} bodies, {len(seen)} kinds of difference")
    return len(seen)
