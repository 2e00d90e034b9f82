"""The sockets that a server begins with: passed by systemd, or made by itself for --listen.

The protocol is sd_listen_fds(3): LISTEN_FDS descriptors from number 3 on, meant for the process LISTEN_PID. A passed
descriptor is either a listening socket (one server for all) or a connected one (a server per connection);
which of the two, the descriptor itself says. Readiness is told as in sd_notify(3).
"""

from __future__ import annotations

import os
import socket

FIRST_FD = 3
SOCKET_MODE = 0o660
SOCKET_GROUP = "docker"
BACKLOG = 4096

_notify_address: str | None = None  # None until it is taken from the environment


class CannotListen(Exception):
    """There is no socket to serve; the text says why."""


class Sockets:
    """What to serve. own is the path of a socket that we made, identity its device and inode."""

    __slots__ = ("connected", "identity", "listeners", "own")

    def __init__(self, own: str = "", identity: tuple[int, int] = (0, 0)) -> None:
        self.listeners: list[socket.socket] = []
        self.connected: list[socket.socket] = []
        self.own, self.identity = own, identity

    def unlink_own(self) -> None:
        """Remove the socket's file, if it is still the one that we made."""
        if not self.own:
            return
        try:
            found = os.lstat(self.own)
            if (found.st_dev, found.st_ino) == self.identity:
                os.unlink(self.own)
        except FileNotFoundError:
            pass


def inherited() -> Sockets:
    """Take the sockets that systemd passed; none are passed twice, nor on to children. Raises CannotListen."""
    count, meant_for = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if not count.isdigit() or (meant_for and meant_for != str(os.getpid())):
        return Sockets()
    sockets = Sockets()
    for number in range(FIRST_FD, FIRST_FD + int(count)):
        os.set_inheritable(number, False)
        try:
            each = socket.socket(fileno=number)
            if each.type != socket.SOCK_STREAM:
                raise CannotListen(f"the passed descriptor {number} is no stream socket")
            listening = each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise CannotListen(f"the passed descriptor {number} is no socket: {error.strerror}") from None
        (sockets.listeners if listening else sockets.connected).append(each)
    return sockets


def listen(address: str) -> Sockets:
    """Make a listening socket at unix:///path: mode 0660, the group docker where there is one; or at tcp://host:port.

    A socket that nobody serves any more is replaced; one that is served is left alone. Raises CannotListen.
    """
    scheme, separator, path = address.partition("://")
    if separator and scheme == "tcp":
        return _listen_tcp(address, path)
    if not separator or scheme != "unix":
        raise CannotListen(f"cannot listen on {address}: must be unix:///path or tcp://host:port")
    if not path.startswith("/"):
        raise CannotListen(f"cannot listen on {address}: the path must be absolute")
    _refuse_living(path)
    temporary = f"{path}.{os.getpid()}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        mask = os.umask(0o777)  # nobody connects before the owner is right
        try:
            listener.bind(temporary)
        finally:
            os.umask(mask)
        _own(temporary)
        listener.listen(BACKLOG)
        found = os.lstat(temporary)
        os.rename(temporary, path)
    except OSError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {address}: {error.strerror}") from None
    sockets = Sockets(path, (found.st_dev, found.st_ino))
    sockets.listeners.append(listener)
    return sockets


def _listen_tcp(address: str, place: str) -> Sockets:
    host, _, port = place.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or int(port) > 65535:
        raise CannotListen(f"cannot listen on {address}: must be tcp://host:port")
    sockets = Sockets()
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        raise CannotListen(f"cannot listen on {address}: {error.strerror}") from None
    sockets.listeners.append(listener)
    return sockets


def check_access(sockets: Sockets, *, tls: bool, insecure: bool) -> None:
    """Raise CannotListen when a socket of the network would be served to whoever reaches it, unasked."""
    for each in (*sockets.listeners, *sockets.connected):
        if each.family != socket.AF_UNIX and not tls and not insecure:
            raise CannotListen(
                "refusing to serve the network in clear: whoever reaches this socket is root on this machine; "
                "give --tlsverify with its files, or --insecure-no-auth"
            )


def _refuse_living(path: str) -> None:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            probe.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        return
    except BlockingIOError:
        pass  # its queue is full: it lives
    except OSError as error:
        raise CannotListen(f"cannot listen on unix://{path}: {error.strerror}") from None
    raise CannotListen(f"cannot listen on unix://{path}: another server answers there")


def _own(path: str) -> None:
    """Give the socket its group and mode; without the right to change the group it stays as it is."""
    import grp

    try:
        os.chown(path, -1, grp.getgrnam(SOCKET_GROUP).gr_gid)
    except (KeyError, PermissionError):
        pass
    os.chmod(path, SOCKET_MODE)


def notify(state: str) -> None:
    """Tell systemd of a state such as READY=1; does nothing where nobody asked for it.

    The address leaves the environment: a runtime that found it there would take it for its container's.
    """
    global _notify_address
    if _notify_address is None:
        _notify_address = os.environ.pop("NOTIFY_SOCKET", "")
    address = _notify_address
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(state.encode(), address)
    except OSError:
        pass  # whoever asked is gone
