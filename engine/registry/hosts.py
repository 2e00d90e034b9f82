"""Registries as users name them: their hosts, what one proves oneself with there, and why one could not be asked."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import urllib.parse

from engine.errors import EngineError, InvalidParameter
from engine.lean_dataclasses import dataclass

OFFICIAL = "index.docker.io"
OFFICIAL_HOST = "registry-1.docker.io"
CLIENT_ID = "docker"


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
    """Tell whether a registry is on this machine's loopback, where HTTP is good enough; asks who has its name."""
    name = urllib.parse.urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        addresses = [str(found[4][0]) for found in socket.getaddrinfo(name, None)]
    except (OSError, UnicodeError):
        return False
    return any(ipaddress.ip_address(address).is_loopback for address in addresses)


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
