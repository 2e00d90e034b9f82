"""Proving to a registry who we are: the Authorization header of each request, as its challenges ask for it.

Source: distribution specification, token authentication. A token is kept for its life, a scope at a time; credentials
go to the registry's own host and to the token server that it names, and nowhere else.
"""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.parse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from engine.registry.hosts import CLIENT_ID, Credentials
from engine.registry.refusals import BadContent, NoCredentials, RegistryRefused, TokenRefused, refusal

_SHORTEST_LIFE = 60.0  # seconds, for tokens that do not say how long they live
_MARGIN = 5.0
_PARAMETER = re.compile(r'\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*,?')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry asks for: basic or bearer, and the parameters."""

    scheme: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request to a token server; body is "" for a GET."""

    url: str
    headers: dict[str, str]
    body: str = ""


Fetch = Callable[[TokenRequest], Awaitable[tuple[int, bytes]]]


def challenges(headers: list[str]) -> list[Challenge]:
    """Return the challenges in the WWW-Authenticate headers of an answer."""
    found = []
    for text in headers:
        scheme, _, rest = text.strip().partition(" ")
        found.append(Challenge(scheme.lower(), parameters(rest)))
    return found


def parameters(text: str) -> dict[str, str]:
    """Return the parameters of a challenge: realm="https://...",service="..."."""
    found = {}
    for name, quoted, plain in _PARAMETER.findall(text):
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) or plain
    return found


@dataclass
class Authorization:
    """The credentials for one registry and the tokens that they gave."""

    credentials: Credentials
    challenges: list[Challenge] = field(default_factory=list)
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def header(self, method: str, url: str, scopes: tuple[str, ...], fetch: Fetch) -> str:
        """Return the Authorization header for a request, "" for none. Raises NoCredentials, TokenRefused."""
        if self.credentials.registry_token:
            return f"Bearer {self.credentials.registry_token}"
        for challenge in self.challenges:
            if challenge.scheme == "bearer":
                try:
                    return f"Bearer {await self._token(challenge, scopes, fetch)}"
                except RegistryRefused as error:
                    raise TokenRefused(method, url, error) from None
            if challenge.scheme == "basic":
                if not self.credentials.username:
                    raise NoCredentials(method, url)
                return basic(self.credentials)
        return ""

    def forget(self, scopes: tuple[str, ...]) -> None:
        """Give up a token that the registry does not take any more."""
        self._tokens.pop(" ".join(scopes), None)

    async def _token(self, challenge: Challenge, scopes: tuple[str, ...], fetch: Fetch) -> str:
        key = " ".join(scopes)
        token, until = self._tokens.get(key, ("", 0.0))
        if token and time.monotonic() < until:
            return token
        status, body = await fetch(token_request(challenge, scopes, self.credentials))
        if status >= 400:
            raise refusal(status, body)
        token, life = parse_token(body)
        self._tokens[key] = (token, time.monotonic() + life - _MARGIN)
        return token


def token_request(challenge: Challenge, scopes: tuple[str, ...], credentials: Credentials) -> TokenRequest:
    """Return what to ask a token server. Raises BadContent for a challenge without a usable realm."""
    realm = challenge.parameters.get("realm", "")
    if not realm.startswith(("https://", "http://")):
        raise BadContent("no realm specified for token auth challenge")
    service = challenge.parameters.get("service", "")
    if credentials.identity_token:
        form = {
            "grant_type": "refresh_token",
            "service": service,
            "client_id": CLIENT_ID,
            "scope": " ".join(scopes),
            "refresh_token": credentials.identity_token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return TokenRequest(realm, headers, urllib.parse.urlencode(form))
    asked = [("service", service)] if service else []
    asked += [("scope", scope) for scope in scopes]
    if credentials.username:
        asked.append(("account", credentials.username))
    url = f"{realm}{'&' if '?' in realm else '?'}{urllib.parse.urlencode(asked)}" if asked else realm
    return TokenRequest(url, {"Authorization": basic(credentials)} if credentials.username else {})


def parse_token(body: bytes) -> tuple[str, float]:
    """Return a token server's token and its life in seconds. Raises BadContent."""
    try:
        document = json.loads(body)
        token = str(document.get("token") or document.get("access_token") or "")
        life = float(document.get("expires_in") or 0)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadContent(f"unable to decode token response: {error}") from None
    if not token:
        raise BadContent("authorization server did not include a token in the response")
    return token, max(life, _SHORTEST_LIFE)


def basic(credentials: Credentials) -> str:
    """Return the header of basic authentication."""
    return "Basic " + base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()
