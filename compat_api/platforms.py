"""The platform parameter of the image endpoints: JSON of the OCI platform object. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compat_api import go_json
from compat_api.problems import BadRequest

if TYPE_CHECKING:
    from compat_api.request import Request

_FIELDS = {"architecture", "os", "os.version", "variant"}


@dataclass(frozen=True, slots=True)
class Platform:
    """What a client wants an image to be for."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def parse(text: str) -> Platform:
    """Read the JSON; raises BadRequest in dockerd's words."""
    try:
        found = go_json.loads(text)
    except go_json.SyntaxProblem as problem:
        words = "unexpected end of JSON input" if problem.end else str(problem)
        raise BadRequest(f"failed to parse platform: {words}") from None
    except go_json.TrailingContent:
        raise BadRequest("failed to parse platform: invalid character after top-level value") from None
    if not isinstance(found, dict):
        raise BadRequest("failed to parse platform: json: cannot unmarshal into Go value of type v1.Platform")
    values = {key.lower(): value for key, value in found.items() if value is not None and key.lower() in _FIELDS}
    for key, value in values.items():
        if not isinstance(value, str):
            words = f"json: cannot unmarshal into Go struct field Platform.{key} of type string"
            raise BadRequest(f"failed to parse platform: {words}")
    system, architecture = values.get("os", ""), values.get("architecture", "")
    if not system and not architecture and (values.get("variant") or values.get("os.version")):
        raise BadRequest("optional platform fields provided, but OS and Architecture are missing")
    if not system or not architecture:
        raise BadRequest("both OS and Architecture must be provided")
    return Platform(system, architecture, values.get("variant", ""))


def wanted(request: Request, since: str) -> Platform | None:
    """Return the platform that a request names, None when it names none or speaks an older API version."""
    if not request.since(since):
        return None
    texts = request.query.all("platform")
    if len(texts) > 1:
        raise BadRequest("multiple platform parameters not supported")
    return parse(texts[0]) if texts and texts[0] else None
