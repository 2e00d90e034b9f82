"""The platform parameter of the image endpoints: the OCI platform object as JSON. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from compat_api.problems import BadRequest
from engine import go_json

if TYPE_CHECKING:
    from compat_api.request import Request
    from compat_api.versions import Version
    from engine.images.platform import Platform


def wanted(request: Request, since: Version) -> Platform | None:
    """Return the platform that a request names, None when it names none or speaks an older API version.

    Raises BadRequest.
    """
    text = request.query.get("platform")
    return parse(text) if text and request.since(since) else None


def wanted_once(request: Request, since: Version) -> Platform | None:
    """Do the same where dockerd minds a parameter that is given twice."""
    if request.since(since) and len(request.query.all("platform")) > 1:
        raise BadRequest("multiple platform parameters not supported")
    return wanted(request, since)


def parse(text: str) -> Platform:
    """Read the JSON; raises BadRequest in dockerd's words."""
    from pydantic import ValidationError

    from compat_api.go_types import type_problem
    from compat_api.models.images import PlatformObject
    from engine.images.platform import Platform

    try:
        value = go_json.loads(text)
    except go_json.SyntaxProblem as problem:
        words = "unexpected end of JSON input" if problem.end else str(problem)
        raise BadRequest(f"failed to parse platform: {words}") from None
    except go_json.TrailingContent:
        rest = text.lstrip()[json.JSONDecoder().raw_decode(text.lstrip())[1] :].lstrip()
        words = f"invalid character {go_json.quote_char(rest[0])} after top-level value"
        raise BadRequest(f"failed to parse platform: {words}") from None
    try:
        found = PlatformObject.model_validate({} if value is None else value)
    except ValidationError as error:
        raise BadRequest(f"failed to parse platform: {type_problem(PlatformObject, value, error)}") from None
    optional = found.variant or found.os_version or found.os_features
    if not found.os and not found.architecture and optional:
        raise BadRequest("optional platform fields provided, but OS and Architecture are missing")
    if not found.os or not found.architecture:
        raise BadRequest("both OS and Architecture must be provided")
    return Platform(found.os, found.architecture, found.variant, found.os_version)
