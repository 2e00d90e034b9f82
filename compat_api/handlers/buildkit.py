"""BuildKit's two doors, which lead nowhere here: Dockerfiles are built by POST /build.

buildx looks whether /grpc lets it upgrade, and where it does not, goes on with its docker-container driver; the docker
command's own builder never knocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat_api.answers import Answer
from compat_api.problems import Problem

if TYPE_CHECKING:
    from compat_api.request import Request


async def refuse(request: Request) -> Answer:
    """Refuse to become a BuildKit."""
    if not request.header("Upgrade"):
        raise Problem("no upgrade proto in request", status=400 if request.route.path == "/session" else 500)
    raise Problem("this engine has no BuildKit", status=501)
