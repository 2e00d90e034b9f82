"""Why a container's ports cannot be published, in dockerd's words.

dockerd answers the start with status 500 and these words behind the place where it happened (PortFailure.whole).
engine.network.connect, which knows the endpoint, adds its name and id.
"""

from __future__ import annotations

import errno
import os

from engine.errors import EngineError, InvalidParameter


class InvalidHostPort(InvalidParameter):
    """A binding's host port that is neither a port nor a range; create refuses it before, with other words."""

    def __init__(self, text: str, cause: str) -> None:
        super().__init__(f"Error parsing HostPort value({text}):{cause}")
        self.text = text
        self.cause = cause


class PortFailure(EngineError):
    """A port that cannot be published; str() is dockerd's inner text.

    endpoint_name is the container's name, endpoint_id the endpoint's id; both empty until they are added.
    """

    endpoint_name = ""
    endpoint_id = ""

    def at(self, endpoint_name: str, endpoint_id: str) -> PortFailure:
        """Add the endpoint that the port was for; returns the error itself."""
        self.endpoint_name, self.endpoint_id = endpoint_name, endpoint_id
        return self

    @property
    def whole(self) -> str:
        """The whole of what dockerd answers."""
        return (
            "failed to set up container networking: driver failed programming external connectivity "
            f"on endpoint {self.endpoint_name} ({self.endpoint_id}): {self}"
        )


class PortAllocated(PortFailure):
    """Another container, or another port of this one, has it; host_ip is the address that it is published on."""

    def __init__(self, host_ip: str, port: int) -> None:
        super().__init__(f"Bind for {host_ip}:{port} failed: port is already allocated")
        self.host_ip = host_ip
        self.port = port


class AllPortsAllocated(PortFailure):
    """Containers have every port of the range."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__("all ports are allocated")
        self.first = first
        self.last = last


class InvalidPortRange(PortFailure):
    """A range that begins with no port."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(f"invalid port range: {first}-{last}")
        self.first = first
        self.last = last


class UnknownPortProtocol(PortFailure):
    """A protocol that has no ports to publish; only tcp, udp and sctp have."""

    def __init__(self, protocol: str) -> None:
        super().__init__("unknown protocol")
        self.protocol = protocol


class ListenedTwice(PortFailure):
    """One container asks for the same port of the same address twice."""

    def __init__(self, host_ip: str, port: int) -> None:
        super().__init__("failed to listen on TCP socket: address already in use")
        self.host_ip = host_ip
        self.port = port


class PortNotBound(PortFailure):
    """The kernel does not give the port; number is its error, port the one that was tried, 0 in no range."""

    def __init__(
        self,
        number: int,
        host_ip: str,
        port: int,
        protocol: str,
        container_ip: str,
        container_port: int,
        wanted: tuple[int, int],
    ) -> None:
        self.number = number
        self.host_ip = host_ip
        self.port = port
        self.protocol = protocol
        self.container_ip = container_ip
        self.container_port = container_port
        self.first, self.last = wanted
        super().__init__(self._words())

    def _words(self) -> str:
        reason = os.strerror(self.number)
        reason = reason[:1].lower() + reason[1:]
        host = f"[{self.host_ip}]" if ":" in self.host_ip else self.host_ip
        if self.protocol == "sctp":
            return f"error starting userland proxy: failed to listen on {host}:{self.port}: {reason}"
        inside = f"[{self.container_ip}]" if ":" in self.container_ip else self.container_ip
        wanted, tried = "", ""
        if self.first:
            wanted = str(self.first)
        if self.last != self.first:
            wanted, tried = f"{wanted}-{self.last}", f"{self.port} "
        target = f"{host}:{wanted}:{inside}:{self.container_port}/{self.protocol}"
        return f"failed to bind host port {tried}for {target}: {reason}"


class PortInUse(PortNotBound):
    """A process of this machine has the port."""


class CannotAssign(PortNotBound):
    """The address is none of this machine's."""


def not_bound(
    number: int,
    host_ip: str,
    port: int,
    *,
    protocol: str,
    container_ip: str,
    container_port: int,
    wanted: tuple[int, int],
) -> PortNotBound:
    """Return the error for what bind answered; wanted is the range that was asked for, (0, 0) for any port."""
    kind = {errno.EADDRINUSE: PortInUse, errno.EADDRNOTAVAIL: CannotAssign}.get(number, PortNotBound)
    return kind(number, host_ip, port, protocol, container_ip, container_port, wanted)
