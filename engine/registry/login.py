"""Finding out whether a registry accepts a user's credentials, as `docker login` asks.

The registry's /v2/ is asked; it answers 200, or 401 with a challenge that says how to prove oneself: by basic
authentication, or with a token from the server that the challenge names (distribution specification, token auth).
"""

from __future__ import annotations

import json
import os
import urllib.parse
from collections.abc import Mapping

from engine.errors import EngineError
from engine.lean_dataclasses import dataclass
from engine.off_loop import off_loop
from engine.registry import configuration
from engine.registry.authorization import Challenge, basic, challenges, token_request
from engine.registry.connection import Connection, read_at_most
from engine.registry.hosts import CLIENT_ID, Credentials, RegistryUnreachable, registry_host
from engine.registry.refusals import BadContent

ANSWER_BYTES = 1 << 20


class LoginRefused(EngineError):
    """The registry does not accept the credentials."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(f'Get "{url}": {cause}')
        self.url = url
        self.cause = cause


class LoginFailed(EngineError):
    """The registry answered with something else than yes or no."""

    def __init__(self, url: str, status: int, reason: str) -> None:
        super().__init__(f"login attempt to {url} failed with status: {status} {reason}")
        self.url = url
        self.status = status


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    reason: str
    challenges: list[Challenge]
    body: bytes


async def login(address: str, credentials: Credentials, environment: Mapping[str, str] = os.environ) -> str:
    """Prove oneself to the registry at address ("" is Docker Hub); returns the identity token it gives, or "".

    Registries on this machine, and those that registries.conf calls insecure, may speak HTTP. Raises
    BadRegistryAddress, BadRegistriesConfiguration, RegistryUnreachable, LoginRefused, LoginFailed.
    """
    host = registry_host(address)
    rule = (await off_loop(configuration.load, environment)).rule(host)
    last: EngineError | None = None
    async with Connection(host, Credentials(), rule is not None and rule.location.insecure, environment) as connection:
        for scheme in connection.schemes:
            try:
                return await _login(connection, f"{scheme}://{host}/v2/", credentials)
            except (RegistryUnreachable, LoginFailed) as error:
                last = error
    assert last is not None
    raise last


async def _login(connection: Connection, url: str, credentials: Credentials) -> str:
    answer = await _get(connection, url)
    if answer.status == 200:
        return ""
    if answer.status != 401:
        raise LoginFailed(url, answer.status, answer.reason)
    for challenge in answer.challenges:
        if challenge.scheme == "bearer":
            return await _by_token(connection, url, challenge, credentials)
        if challenge.scheme == "basic":
            _finish(url, await _get(connection, url, {"Authorization": basic(credentials)}))
            return ""
    raise LoginFailed(url, answer.status, answer.reason)


async def _by_token(connection: Connection, url: str, challenge: Challenge, credentials: Credentials) -> str:
    """Fetch a token where the challenge says, and use it; returns the refresh token if one was given."""
    scope = challenge.parameters.get("scope", "")
    try:
        wanted = token_request(challenge, (scope,) if scope else (), credentials)
    except BadContent as error:
        raise LoginRefused(url, str(error)) from None
    if wanted.body:
        answer = await _get(connection, wanted.url, wanted.headers, wanted.body.encode())
    else:
        more = urllib.parse.urlencode({"client_id": CLIENT_ID, "offline_token": "true"})
        token_url = f"{wanted.url}{'&' if '?' in wanted.url else '?'}{more}"
        answer = await _get(connection, token_url, wanted.headers)
    if answer.status in (401, 403):
        raise LoginRefused(url, "unauthorized: incorrect username or password")
    try:
        found = json.loads(answer.body) if answer.status == 200 else {}
        token = str(found.get("token") or found.get("access_token") or "")
        refresh = str(found.get("refresh_token") or "")
    except (ValueError, AttributeError):
        token = refresh = ""
    if not token:
        raise LoginFailed(wanted.url, answer.status, answer.reason)
    _finish(url, await _get(connection, url, {"Authorization": f"Bearer {token}"}))
    return refresh


def _finish(url: str, answer: _Answer) -> None:
    if answer.status in (401, 403):
        raise LoginRefused(url, "unauthorized: incorrect username or password")
    if answer.status != 200:
        raise LoginFailed(url, answer.status, answer.reason)


async def _get(
    connection: Connection, url: str, headers: dict[str, str] | None = None, data: bytes | None = None
) -> _Answer:
    """Fetch a URL, or POST data there."""
    async with connection.exchange("POST" if data else "GET", url, headers or {}, data) as response:
        asked = challenges(response.headers.getall("WWW-Authenticate", []))
        return _Answer(response.status, response.reason or "", asked, await read_at_most(response, ANSWER_BYTES))
