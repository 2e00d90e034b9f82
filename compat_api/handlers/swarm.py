"""Swarm, of which this engine is never part: what dockerd checks before it says so, as data.

A row of CHECKS is what is looked at, in dockerd's order; then every route answers the same. What cannot be answered
so, because dockerd would begin or join a swarm, is refused as not supported.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

from compat_api.answers import Answer
from compat_api.problems import BadRequest, Problem
from compat_api.query import go_bool

if TYPE_CHECKING:
    from compat_api.request import Request

NOT_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)
CHECKS: dict[tuple[str, str], tuple[str, ...]] = {
    ("POST", "/swarm/init"): ("addressed", "listens", "unsupported"),
    ("POST", "/swarm/join"): ("addressed", "remotes", "listens", "unsupported"),
    ("POST", "/swarm/update"): (
        "version of swarm",
        "flag rotateWorkerToken",
        "flag rotateManagerToken",
        "flag rotateManagerUnlockKey",
    ),
    ("POST", "/nodes/{id}/update"): ("version of node",),
    ("POST", "/services/{id}/update"): ("version of service",),
    ("POST", "/secrets/{id}/update"): ("version secret",),
    ("POST", "/configs/{id}/update"): ("version config",),
    ("GET", "/services"): ("flag status",),
    ("GET", "/services/{id}"): ("flag insertDefaults",),
    ("GET", "/services/{id}/logs"): ("streams",),
    ("GET", "/tasks/{id}/logs"): ("streams",),
}


async def refuse(request: Request) -> Answer:
    """Say that this node manages no swarm, unless the request itself is wrong."""
    route = request.route
    body = await _body(request)
    if "filters" in route.query:
        request.query.filters()
    for check in CHECKS.get((route.method, route.path), ()):
        _check(check, request, body)
    raise Problem(NOT_MANAGER, status=503)


async def leave(request: Request) -> Answer:
    """Say that this node is in no swarm."""
    raise Problem("This node is not part of a swarm", status=503)


async def update_volume(request: Request) -> Answer:
    """Say that only a swarm's volumes can be changed."""
    raise Problem("volume update only valid for cluster volumes, but swarm is unavailable", status=503)


async def _body(request: Request) -> object:
    return await request.body() if request.route.body else None


def _check(what: str, request: Request, body: object) -> None:
    kind, _, name = what.partition(" ")
    if kind == "version":
        _check_version(request.query.get("version"), name)
    elif kind == "flag":
        _check_flag(request.query.get(name), name)
    elif kind == "streams":
        if not (request.query.flag("stdout") or request.query.flag("stderr")):
            raise Problem("Bad parameters: you must choose at least one stream")
    elif kind == "addressed":
        if not getattr(body, "listen_addr", ""):
            raise BadRequest('invalid ListenAddr "": invalid empty address')
    elif kind == "listens":
        _check_address(getattr(body, "listen_addr", ""))
    elif kind == "remotes":
        if not getattr(body, "remote_addrs", None):
            raise BadRequest("at least 1 RemoteAddr is required to join")
    elif kind == "unsupported":
        raise Problem("swarm mode is not supported", status=501)


def _check_version(text: str, name: str) -> None:
    """Raise BadRequest unless text is a version; secrets and configs have words of their own."""
    from engine.go_text import go_quote

    problem = ""
    if not (text.isascii() and text.isdigit()):
        problem = "invalid syntax"
    elif len(text.lstrip("0")) > 20 or int(text) >= 1 << 64:
        problem = "value out of range"
    if not problem:
        return
    if not name.startswith("of "):
        raise BadRequest(f"invalid {name} version")
    cause = f"strconv.ParseUint: parsing {go_quote(text)}: {problem}"
    raise BadRequest(f"invalid {name.removeprefix('of ')} version '{text}': {cause}")


def _check_flag(text: str, name: str) -> None:
    if not text:
        return
    try:
        go_bool(text)
    except BadRequest as problem:
        cause = "" if name.startswith("rotate") else f": {problem.message}"
        raise BadRequest(f"invalid value for {name}: {text}{cause}") from None


def _check_address(text: str) -> None:
    host = text.rpartition(":")[0] if text.count(":") == 1 or text.startswith("[") else text
    host = host.strip("[]")
    try:
        ip_address(host)
    except ValueError:
        if host not in (name for _, name in socket.if_nameindex()):
            words = "listen address must be an IP address or network interface (with optional port number)"
            raise BadRequest(words) from None
