"""Finding out whether a registry accepts a user's credentials, as `docker login` asks.

The registry's /v2/ is asked; it answers 200, or 401 with a challenge that says how to prove oneself: by basic
authentication, or with a token from the server that the challenge names (distribution specification, token auth).
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import json
import re
import socket
import urllib.parse

from engine.errors import EngineError, InvalidParameter
from engine.records import dataclass
from engine.version import DOCKER_VERSION

OFFICIAL = "index.docker.io"
OFFICIAL_HOST = "registry-1.docker.io"
SECONDS = 15.0
ANSWER_BYTES = 1 << 20
REDIRECTS = 5
CLIENT_ID = "docker"
_PARAMETER = re.compile(r'\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*,?')


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a user proves itself with: name and password, or a token that a registry gave before.

    An identity token is for the registry's token server, a registry token for the registry itself.
    """

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""


class BadRegistryAddress(InvalidParameter):
    """A text that names no registry; cause is in dockerd's words."""

    def __init__(self, address: str, cause: str) -> None:
        super().__init__(f"unable to parse server address: {cause}")
        self.address = address


class RegistryUnreachable(EngineError):
    """A registry could not be asked; str() is in dockerd's words."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(f'Get "{url}": {cause}')
        self.url = url
        self.cause = cause


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
    challenges: list[str]
    location: str
    body: bytes


def login(address: str, credentials: Credentials) -> str:
    """Prove oneself to the registry at address ("" is Docker Hub); returns the identity token it gives, or "".

    Registries on this machine may speak HTTP. Raises BadRegistryAddress, RegistryUnreachable, LoginRefused,
    LoginFailed.
    """
    host = registry_host(address)
    last: EngineError | None = None
    for scheme in ("https", "http") if is_local(host) else ("https",):
        try:
            return _login(f"{scheme}://{host}/v2/", credentials)
        except (RegistryUnreachable, LoginFailed) as error:
            last = error
    assert last is not None
    raise last


def registry_host(address: str) -> str:
    """Return the host and port of a registry's address, which may be a URL. Raises BadRegistryAddress."""
    if not address:
        return OFFICIAL_HOST
    if not address.startswith(("https://", "http://")):
        address = f"https://{address}"
    try:
        parts = urllib.parse.urlsplit(address)
        parts.port  # noqa: B018  # raises for one that is none
    except ValueError as error:
        raise BadRegistryAddress(address, f'parse "{address}": {error}') from None
    host = parts.netloc.rpartition("@")[2]
    if not host or any(char <= " " for char in host):
        raise BadRegistryAddress(address, f'parse "{address}": invalid character in host name')
    return OFFICIAL_HOST if host in ("docker.io", OFFICIAL) else host


def is_local(host: str) -> bool:
    """Tell whether a registry is on this machine's loopback, where HTTP is good enough."""
    name = urllib.parse.urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _login(url: str, credentials: Credentials) -> str:
    answer = _get(url)
    if answer.status == 200:
        return ""
    if answer.status != 401:
        raise LoginFailed(url, answer.status, answer.reason)
    for text in answer.challenges:
        scheme, _, rest = text.strip().partition(" ")
        if scheme.lower() == "bearer":
            return _by_token(url, parameters(rest), credentials)
        if scheme.lower() == "basic":
            _finish(url, _get(url, {"Authorization": _basic(credentials)}))
            return ""
    raise LoginFailed(url, answer.status, answer.reason)


def _by_token(url: str, challenge: dict[str, str], credentials: Credentials) -> str:
    """Fetch a token where the challenge says, and use it; returns the refresh token if one was given."""
    realm = challenge.get("realm", "")
    if not realm.startswith(("https://", "http://")):
        raise LoginRefused(url, "no usable realm in the registry's challenge")
    asked = {"service": challenge.get("service", ""), "client_id": CLIENT_ID, "offline_token": "true"}
    if credentials.username:
        asked["account"] = credentials.username
    if challenge.get("scope"):
        asked["scope"] = challenge["scope"]
    token_url = f"{realm}{'&' if '?' in realm else '?'}{urllib.parse.urlencode(asked)}"
    headers = {"Authorization": _basic(credentials)} if credentials.username else {}
    answer = _get(token_url, headers)
    if answer.status in (401, 403):
        raise LoginRefused(url, "unauthorized: incorrect username or password")
    try:
        found = json.loads(answer.body) if answer.status == 200 else {}
        token = str(found.get("token") or found.get("access_token") or "")
        refresh = str(found.get("refresh_token") or "")
    except (ValueError, AttributeError):
        token = refresh = ""
    if not token:
        raise LoginFailed(token_url, answer.status, answer.reason)
    _finish(url, _get(url, {"Authorization": f"Bearer {token}"}))
    return refresh


def _finish(url: str, answer: _Answer) -> None:
    if answer.status in (401, 403):
        raise LoginRefused(url, "unauthorized: incorrect username or password")
    if answer.status != 200:
        raise LoginFailed(url, answer.status, answer.reason)


def parameters(text: str) -> dict[str, str]:
    """Return the parameters of a challenge: realm="https://...",service="..."."""
    found = {}
    for name, quoted, plain in _PARAMETER.findall(text):
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) or plain
    return found


def _basic(credentials: Credentials) -> str:
    return "Basic " + base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()


def _get(url: str, headers: dict[str, str] | None = None) -> _Answer:
    """Fetch a URL, following redirections without the credentials where they lead to another host."""
    sent = {"User-Agent": f"docker/{DOCKER_VERSION}", **(headers or {})}
    asked = url
    for _ in range(REDIRECTS):
        answer = _fetch(asked, sent)
        if answer.status not in (301, 302, 303, 307, 308) or not answer.location:
            return answer
        target = urllib.parse.urljoin(asked, answer.location)
        if urllib.parse.urlsplit(target).netloc != urllib.parse.urlsplit(asked).netloc:
            sent.pop("Authorization", None)
        asked = target
    raise RegistryUnreachable(url, f"stopped after {REDIRECTS} redirects")


def _fetch(url: str, headers: dict[str, str]) -> _Answer:
    parts = urllib.parse.urlsplit(url)
    secure = parts.scheme == "https"
    connection = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(parts.netloc, timeout=SECONDS)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", headers=headers)
        response = connection.getresponse()
        return _Answer(
            response.status,
            response.reason,
            response.headers.get_all("WWW-Authenticate") or [],
            response.headers.get("Location") or "",
            response.read(ANSWER_BYTES),
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        port = parts.port or (443 if secure else 80)
        raise RegistryUnreachable(url, explain(error, parts.hostname or "", port)) from None
    finally:
        connection.close()


def explain(error: Exception, host: str, port: int) -> str:
    """Return why a registry could not be asked, in the words of Go's net package."""
    if isinstance(error, socket.gaierror):
        cause = "server misbehaving" if error.errno == socket.EAI_AGAIN else "no such host"
        return f"dial tcp: lookup {host}: {cause}"
    if isinstance(error, TimeoutError):
        return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    if isinstance(error, ConnectionRefusedError):
        return f"dial tcp {_first_address(host, port)}: connect: connection refused"
    if type(error).__name__ == "SSLCertVerificationError":
        return f"tls: failed to verify certificate: x509: {getattr(error, 'verify_message', error)}"
    if type(error).__module__ == "ssl":
        return f"tls: {error}"
    if isinstance(error, http.client.RemoteDisconnected | http.client.BadStatusLine | ConnectionResetError):
        return "EOF"
    if isinstance(error, OSError) and error.strerror:
        return f"dial tcp {_first_address(host, port)}: connect: {error.strerror.lower()}"
    return str(error)


def _first_address(host: str, port: int) -> str:
    """Return the address that a connection to a host tries first, as Go writes it."""
    try:
        address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        address = host
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
