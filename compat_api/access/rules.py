"""What each route means to a policy, as data. A route that is not here is denied wherever there is a policy."""

from __future__ import annotations

from engine.lean_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One route's meaning.

    reads: nothing is changed by it, so a read-only socket serves it. target: what the path's variable names.
    scope, of a socket with a label: "open" touches nobody's objects; "own" needs the target to be of the label;
    "listed" is answered for the label's objects only; "checked" is decided by what the request carries;
    "never" cannot be held to a label. enters: its client gets power over what the container has, so that what is
    denied to new containers is denied of old ones.
    """

    reads: bool = False
    target: str = ""
    scope: str = "own"
    enters: bool = False


_OPEN = Rule(reads=True, scope="open")
_REFUSED = Rule(scope="open")  # answered with a refusal in any case
_LISTED = Rule(reads=True, scope="listed")
_PRUNED = Rule(scope="listed")
_CHECKED = Rule(scope="checked")
_NEVER = Rule(scope="never")
_CONTAINER, _SEEN = Rule(target="container"), Rule(reads=True, target="container")
_ENTERED = Rule(target="container", enters=True)
_READ_OUT = Rule(reads=True, target="container", enters=True)  # files, which may be the host's
_IMAGE, _IMAGE_SEEN = Rule(target="image"), Rule(reads=True, target="image", scope="checked")

RULES: dict[str, Rule] = {
    "GET /_ping": _OPEN,
    "HEAD /_ping": _OPEN,
    "GET /version": _OPEN,
    "GET /info": _OPEN,
    "GET /openapi.json": _OPEN,
    "POST /auth": Rule(scope="open"),
    "GET /events": _LISTED,
    "GET /system/df": Rule(reads=True, scope="checked"),
    "GET /containers/json": _LISTED,
    "POST /containers/create": _CHECKED,
    "POST /containers/prune": _PRUNED,
    "GET /containers/{}/json": _SEEN,
    "GET /containers/{}/logs": _SEEN,
    "GET /containers/{}/top": _SEEN,
    "GET /containers/{}/stats": _SEEN,
    "GET /containers/{}/changes": _SEEN,
    "GET /containers/{}/export": _READ_OUT,
    "HEAD /containers/{}/archive": _READ_OUT,
    "GET /containers/{}/archive": _READ_OUT,
    "PUT /containers/{}/archive": _ENTERED,
    "POST /containers/{}/wait": _SEEN,
    "POST /containers/{}/kill": _CONTAINER,
    "POST /containers/{}/pause": _CONTAINER,
    "POST /containers/{}/unpause": _ENTERED,
    "POST /containers/{}/restart": _ENTERED,
    "POST /containers/{}/start": _ENTERED,
    "POST /containers/{}/stop": _CONTAINER,
    "POST /containers/{}/resize": _CONTAINER,
    "POST /containers/{}/attach": _ENTERED,
    "GET /containers/{}/attach/ws": _ENTERED,
    "POST /containers/{}/update": _ENTERED,
    "POST /containers/{}/rename": _CONTAINER,
    "DELETE /containers/{}": _CONTAINER,
    "POST /containers/{}/exec": _ENTERED,
    "POST /commit": _CHECKED,
    "POST /exec/{}/start": Rule(target="exec", enters=True),
    "POST /exec/{}/resize": Rule(target="exec"),
    "GET /exec/{}/json": Rule(reads=True, target="exec"),
    "GET /containers/{}/checkpoints": Rule(reads=True, target="container", scope="never"),
    "POST /containers/{}/checkpoints": Rule(target="container", scope="never", enters=True),
    "DELETE /containers/{}/checkpoints/{}": Rule(target="container", scope="never"),
    "GET /images/json": _LISTED,
    "GET /images/get": Rule(reads=True, scope="checked"),
    "GET /images/{}/get": _IMAGE_SEEN,
    "GET /images/{}/history": _IMAGE_SEEN,
    "GET /images/{}/json": _IMAGE_SEEN,
    "GET /images/search": _OPEN,
    "GET /distribution/{}/json": _OPEN,
    "POST /images/load": _CHECKED,
    "POST /images/create": _CHECKED,
    "POST /images/prune": _PRUNED,
    "POST /images/{}/tag": Rule(target="image", scope="checked"),
    "POST /images/{}/push": Rule(target="image", scope="checked"),
    "DELETE /images/{}": _IMAGE,
    "POST /build": _CHECKED,
    "POST /build/prune": _NEVER,
    "POST /build/cancel": _NEVER,
    "POST /session": _NEVER,
    "POST /grpc": _NEVER,
    "GET /networks": _LISTED,
    "GET /networks/": _LISTED,
    "GET /networks/{}": Rule(reads=True, target="network"),
    "POST /networks/create": _CHECKED,
    "POST /networks/prune": _PRUNED,
    "POST /networks/{}/connect": Rule(target="network", scope="checked"),
    "POST /networks/{}/disconnect": Rule(target="network", scope="checked"),
    "DELETE /networks/{}": Rule(target="network"),
    "GET /volumes": _LISTED,
    "POST /volumes/create": _CHECKED,
    "POST /volumes/prune": _PRUNED,
    "GET /volumes/{}": Rule(reads=True, target="volume"),
    "PUT /volumes/{}": Rule(target="volume"),
    "DELETE /volumes/{}": Rule(target="volume"),
}
_SWARM = ("/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs", "/plugins")


def rule_of(method: str, path: str) -> Rule | None:
    """Return the rule of a route, given as the table of routes has it; None: no policy knows it."""
    plain = "{}".join(part.rpartition("}")[2] if index else part for index, part in enumerate(path.split("{")))
    if plain.startswith(_SWARM):
        return _OPEN if method in ("GET", "HEAD") else _REFUSED
    return RULES.get(f"{method} {plain}")
