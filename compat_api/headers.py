"""The heads of our answers: what every one carries, and the whole answer to a ping.

A ping is answered by two programs: the front door, before there is an event loop, and the full server. Both take the
bytes from here, so that a client cannot tell which one it met. Pure, and imports next to nothing.
"""

from __future__ import annotations

from functools import lru_cache

from engine.version import API_VERSION, DOCKER_VERSION

SERVER = f"Docker/{DOCKER_VERSION} (linux)"

# What dockerd's version check sets, also on the errors that it raises itself.
IDENTITY = (("Api-Version", API_VERSION), ("Ostype", "linux"), ("Server", SERVER))
COMMON = (("Api-Version", API_VERSION), ("Docker-Experimental", "false"), ("Ostype", "linux"), ("Server", SERVER))

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


_REASONS = {101: "Switching Protocols", 200: "OK", 201: "Created", 204: "No Content", 404: "Not Found"}  # of most


def status_line(status: int) -> str:
    """Return a status with its reason: "200 OK"."""
    if status not in _REASONS:
        from http import HTTPStatus  # a class of 62 members takes a millisecond to make

        _REASONS[status] = HTTPStatus(status).phrase
    return f"{status} {_REASONS[status]}"


def http_date(seconds: float) -> str:
    """Return a time, in seconds since 1970, as HTTP writes it."""
    return _date(int(seconds))


@lru_cache(maxsize=2)
def _date(seconds: int) -> str:
    from time import gmtime

    at = gmtime(seconds)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year} "
        f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT"
    )


def ping(method: str, now: float) -> tuple[list[tuple[str, str]], bytes]:
    """Return the header lines and the body that answer a ping by GET or HEAD."""
    body = b"" if method == "HEAD" else b"OK"
    return [
        ("Api-Version", API_VERSION),
        ("Builder-Version", "1"),
        ("Cache-Control", "no-cache, no-store, must-revalidate"),
        ("Docker-Experimental", "false"),
        ("Ostype", "linux"),
        ("Pragma", "no-cache"),
        ("Server", SERVER),
        ("Swarm", "inactive"),
        ("Date", http_date(now)),
        ("Content-Length", str(len(body))),
        ("Content-Type", "text/plain; charset=utf-8"),
    ], body


def response(status_line: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """Return a whole HTTP/1.1 response; status_line is "200 OK"."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status_line}\r\n{lines}\r\n".encode("latin-1") + body


def version_text(path: str) -> tuple[str, str]:
    """Split a path into the API version that it names ("" when none) and the rest.

    "/v1.43/_ping" gives ("1.43", "/_ping").
    """
    if path.startswith("/v"):
        text, slash, rest = path[2:].partition("/")
        if slash and text and not text.strip("0123456789."):
            return text, f"/{rest}"
    return "", path


@lru_cache(maxsize=32)
def version_of(text: str) -> tuple[int, ...]:
    """Return a version's parts as numbers; a part that is empty counts as zero, one that is endless as very large."""
    return tuple(int(part.lstrip("0")[:20] or 0) for part in text.split("."))


OLDEST_VERSION = (1, 24)
NEWEST_VERSION = version_of(API_VERSION)


@lru_cache(maxsize=32)
def version_problem(text: str) -> str | None:
    """Return what dockerd says of a version that is not served, None when it is."""
    version = version_of(text)
    if version < OLDEST_VERSION:
        return (
            f"client version {text} is too old. Minimum supported API version is 1.24, "
            "please upgrade your client to a newer version"
        )
    if version[: len(NEWEST_VERSION)] > NEWEST_VERSION:
        return f"client version {text} is too new. Maximum supported API version is {API_VERSION}"
    return None
