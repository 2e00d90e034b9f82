"""The routes by which BuildKit would be reached."""

from __future__ import annotations

from compat_api.routes.route import Route

_NEVER: dict[int, str] = {501: "this engine has no BuildKit"}

ROUTES: tuple[Route, ...] = (
    Route("POST", "/session", "buildkit:refuse", "Open a session of BuildKit", statuses=_NEVER),
    Route("POST", "/grpc", "buildkit:refuse", "Speak gRPC with BuildKit", statuses=_NEVER),
)
