"""Searching a registry by the v1 protocol, which Docker Hub still speaks: GET /v1/search. The words are dockerd's."""

from __future__ import annotations

import json
import os
import urllib.parse
from collections.abc import Mapping
from typing import Any

from engine.errors import EngineError, InvalidFilter, InvalidParameter
from engine.lean_dataclasses import dataclass
from engine.registry.connection import Connection, read_at_most
from engine.registry.hosts import OFFICIAL, Credentials, RegistryUnreachable
from engine.registry.refusals import BadContent

DEFAULT_LIMIT = 25
MOST = 100
ANSWER_BYTES = 8 << 20
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}
_FILTERS = ("is-automated", "is-official", "stars")


class InvalidLimit(InvalidParameter):
    """A number of results that is not given."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"limit {limit} is outside the range of [1, {MOST}]")
        self.limit = limit


class SchemeInName(InvalidParameter):
    """A term that begins as a URL."""

    def __init__(self, term: str) -> None:
        super().__init__(f"invalid repository name: repository name ({term}) should not have a scheme")


class InvalidEndpoint(InvalidParameter):
    """A registry that cannot be reached; str() is in dockerd's words."""


class SearchFailed(EngineError):
    """The registry does not search; str() is in dockerd's words."""


@dataclass(frozen=True, slots=True)
class Found:
    """One repository."""

    name: str
    description: str
    stars: int
    official: bool


async def search(
    term: str,
    limit: int = 0,
    filters: Mapping[str, list[str]] | None = None,
    credentials: Credentials | None = None,
    environment: Mapping[str, str] = os.environ,
) -> list[Found]:
    """Return the repositories that a registry finds, Docker Hub unless the term begins with another one's host.

    Raises InvalidLimit, InvalidFilter, SchemeInName, RegistryUnreachable, SearchFailed.
    """
    wanted = _checked(filters or {})
    limit = limit or DEFAULT_LIMIT
    if not 1 <= limit <= MOST:
        raise InvalidLimit(limit)
    if "://" in term:
        raise SchemeInName(term)
    host, words = split(term)
    connection = Connection(host, credentials or Credentials(), environment=environment)
    async with connection:
        base = await _base(connection)
        query = urllib.parse.urlencode({"q": words, "n": limit})
        headers = {"X-Docker-Token": "true"}
        async with connection.request("GET", f"{base}/v1/search?{query}", headers=headers, allowed=ERRORS) as response:
            if response.status != 200:
                raise SearchFailed(f"Unexpected status code {response.status}")
            found = _parsed(await read_at_most(response, ANSWER_BYTES))
    if wanted.get("is-automated"):
        return []  # Docker Hub calls nothing automated any more
    return [
        each
        for each in found
        if each.stars >= int(wanted.get("stars", 0)) and each.official == wanted.get("is-official", each.official)
    ]


ERRORS = tuple(range(400, 600))


def split(term: str) -> tuple[str, str]:
    """Return the registry's host and what is searched for there."""
    first, slash, rest = term.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return OFFICIAL, term.removeprefix("library/")
    if first in (OFFICIAL, "docker.io"):
        return OFFICIAL, rest.removeprefix("library/")
    return first, rest


async def _base(connection: Connection) -> str:
    """Return scheme and host; a local registry may be spoken with over HTTP, which is found out."""
    if not connection.insecure:
        connection.base = f"https://{connection.host}"
        return connection.base
    causes: list[str] = []
    for scheme in ("https", "http"):
        url = f"{scheme}://{connection.host}"
        try:
            async with connection.request("GET", f"{url}/v1/_ping", allowed=ERRORS):
                connection.base = url
                return url
        except RegistryUnreachable as error:
            causes.append(f"{scheme.upper()} attempt: {error}")
    raise InvalidEndpoint(f'invalid registry endpoint "http://{connection.host}/v1/". {". ".join(causes)}')


def _checked(filters: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return what the filters want. Raises InvalidFilter."""
    wanted: dict[str, Any] = {}
    for name, values in filters.items():
        if name not in _FILTERS:
            raise InvalidFilter(name)
        if name == "stars":
            for value in values:
                digits = value[1:] if value[:1] in ("+", "-") else value
                if not digits.isdecimal():
                    raise InvalidFilter(name, value, f"strconv.Atoi: parsing {json.dumps(value)}: invalid syntax")
                wanted[name] = max(wanted.get(name, 0), int(value))
        elif len(values) != 1 or values[0].lower() not in _BOOLEANS:
            raise InvalidFilter(name, f"[{' '.join(values)}]")
        else:
            wanted[name] = _BOOLEANS[values[0].lower()]
    return wanted


def _parsed(data: bytes) -> list[Found]:
    try:
        listed = json.loads(data).get("results") or []
        return [
            Found(
                str(each.get("name") or ""),
                str(each.get("description") or ""),
                int(each.get("star_count") or 0),
                bool(each.get("is_official")),
            )
            for each in listed
        ]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadContent(f"error decoding registry search results: {error}") from None
