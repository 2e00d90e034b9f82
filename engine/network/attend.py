"""Handing to the attendant (engine.attendant) what it is to answer and to relay, and starting it when it is not there.

The state is made from the database: a container is part of it for as long as the file of its namespace is there. All
is called under the network lock. The attendant is told whenever that changes, and says which sockets it lacks: none as
a rule, all of them when it is new. What comes to a socket before the attendant has begun waits in it, so nobody waits
for an attendant that starts.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Unavailable
from engine.lean_dataclasses import dataclass
from engine.network import names, sandbox
from engine.network.attendant_state import DNS, Facts, text
from engine.network.container_files import read
from engine.network.ports import Held
from engine.network.record import endpoint_of
from engine.network.sandbox import namespace_path, namespaces

if TYPE_CHECKING:
    from engine.network import Networks

SOCKET, PID_FILE, LOG_FILE = "attendant", "attendant.pid", "attendant.log"
PATIENCE = 10.0  # seconds for an attendant to answer, also one that has only just been started; then it is replaced
AT_ONCE = 240  # descriptors of one message
BACKLOG = 16
LENGTH = 4

Sockets = Mapping[str, Sequence[int]]  # descriptors by key: three for a container's questions, one for a port


class AttendantFailed(Unavailable):
    """The process that answers for names and relays ports does not do so."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the network's attendant does not answer: {cause}")
        self.cause = cause


def key_of(protocol: str, host_ip: str, port: int) -> str:
    """Return the key of a port's socket."""
    return f"{protocol}/{host_ip}/{port}"


def questions_key(container_id: str) -> str:
    """Return the key of the sockets at which a container asks for names."""
    return DNS + container_id


def update(networks: Networks, fresh: Sockets | None = None) -> None:
    """Make known what containers have now; fresh are sockets that the attendant has not. They stay the caller's.

    Raises AttendantFailed and OSError.
    """
    with telling(networks, fresh):
        pass


@contextmanager
def telling(networks: Networks, fresh: Sockets | None = None) -> Iterator[None]:
    """Make known what containers have as the block begins; the attendant reads it while the block runs.

    It has it when the block ends. Raises as update does.
    """
    facts = _facts(networks)
    news = _News(networks, facts, text(facts), fresh or {})
    with _reached(networks, wanted=bool(news.state)) as (attendant, is_new):
        begun = attendant is None or news.begin(attendant, is_new=is_new)
        yield
        if begun and (attendant is None or news.finish(attendant, is_new=is_new)):
            return
    _end(networks)  # the next one gets everything
    with _reached(networks, wanted=bool(news.state)) as (attendant, is_new):
        if attendant is None or (news.begin(attendant, is_new=is_new) and news.finish(attendant, is_new=is_new)):
            return
    raise AttendantFailed("it ended twice")


def is_missing(networks: Networks) -> bool:
    """Tell whether containers need an attendant and there is none."""
    with _reached(networks, wanted=False) as (attendant, _):
        return attendant is None and bool(text(_facts(networks)))


@dataclass(frozen=True, slots=True)
class _News:
    """What an attendant is told: the facts, the state that they make, and sockets that it has not."""

    networks: Networks
    facts: Facts
    state: str
    fresh: Sockets

    def begin(self, attendant: socket.socket, *, is_new: bool) -> bool:
        """Tell an attendant, a new one everything; returns False when it does not listen."""
        attendant.settimeout(PATIENCE)
        with self._sockets(self.facts.keys() if is_new else (), self.fresh) as sockets:
            try:
                _give(attendant, sockets)
                self._send_state(attendant)
                if is_new:  # it reads that when it has begun
                    attendant.shutdown(socket.SHUT_WR)
            except OSError:
                return False
        return True

    def finish(self, attendant: socket.socket, *, is_new: bool) -> bool:
        """Hear from an attendant that it knows all, and give it what it lacks; returns False when it has ended."""
        try:
            missing = [] if is_new else _answer(attendant)
        except (OSError, EOFError):
            return False
        if missing:
            with self._sockets(missing, {}) as sockets:
                try:
                    _give(attendant, sockets)
                    self._send_state(attendant)
                    _answer(attendant)
                except (OSError, EOFError):
                    return False
        if not self.state:
            _remove(self.networks)
        return True

    def _send_state(self, attendant: socket.socket) -> None:
        message = f"state\n{self.state}".encode()
        attendant.sendall(len(message).to_bytes(LENGTH, "big") + message)

    @contextmanager
    def _sockets(self, keys: Sequence[str], given: Sockets) -> Iterator[Sockets]:
        """Give the sockets of these keys, together with those that are given. Raises OSError where they cannot be."""
        made = _made_anew(self.networks, self.facts, [key for key in keys if key not in given])
        try:
            yield {**given, **made}
        finally:
            for descriptors in made.values():
                for descriptor in descriptors:
                    os.close(descriptor)


def _answer(attendant: socket.socket) -> list[str]:
    """Return the keys of the sockets that the attendant says are missing."""
    length = int.from_bytes(_receive(attendant, LENGTH), "big")
    return _receive(attendant, length).decode().split()


def _give(attendant: socket.socket, sockets: Sockets) -> None:
    pairs = [(key, descriptor) for key, descriptors in sockets.items() for descriptor in descriptors]
    for start in range(0, len(pairs), AT_ONCE):
        part = pairs[start : start + AT_ONCE]
        message = f"take {' '.join(key for key, _ in part)}".encode()
        # Together with the length alone, which goes out whole.
        socket.send_fds(attendant, [len(message).to_bytes(LENGTH, "big")], [descriptor for _, descriptor in part])
        attendant.sendall(message)


def _receive(attendant: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = attendant.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


@contextmanager
def _reached(networks: Networks, *, wanted: bool) -> Iterator[tuple[socket.socket | None, bool]]:
    """Give a connection to the attendant, started when wanted, and whether it was; None when there is none."""
    run_root = networks.settings.run_root
    run_root.mkdir(parents=True, exist_ok=True, mode=0o711)
    folder = os.open(run_root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        path = f"/proc/self/fd/{folder}/{SOCKET}"  # a socket's own path may not be longer than 108 bytes
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attendant:
            try:
                attendant.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                if not wanted:
                    yield None, False
                    return
                _start(networks, path)
                attendant.settimeout(PATIENCE)
                attendant.connect(path)
                yield attendant, True
                return
            yield attendant, False
    finally:
        os.close(folder)


def _start(networks: Networks, path: str) -> None:
    """Start the attendant; it outlives this process."""
    import engine as package
    from engine.runtime import monitor_cgroup

    with suppress(FileNotFoundError):
        os.unlink(path)
    script = os.path.join(package.__path__[0], "attendant", "__main__.py")
    run_root = networks.settings.run_root
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        os.chmod(path, 0o600)
        listening.listen(BACKLOG)
        log = os.open(run_root / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", script, str(run_root)],
                {"PATH": os.environ.get("PATH", os.defpath), "MALLOC_ARENA_MAX": "1"},
                file_actions=[
                    *((os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1)),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                    (os.POSIX_SPAWN_DUP2, listening.fileno(), 3),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM],
            )
        finally:
            os.close(null)
            os.close(log)
    (run_root / PID_FILE).write_text(f"{pid}\n", encoding="ascii")
    monitor_cgroup.move(pid)


def _end(networks: Networks) -> None:
    """Kill an attendant that does not answer."""
    pid_file = networks.settings.run_root / PID_FILE
    with suppress(OSError, ValueError):
        pid = int(pid_file.read_text(encoding="ascii"))
        if b"attendant" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    _remove(networks)


def _remove(networks: Networks) -> None:
    for name in (SOCKET, PID_FILE):
        (networks.settings.run_root / name).unlink(missing_ok=True)


def _facts(networks: Networks) -> Facts:
    """Return what the attendant is to know, of the containers that have a namespace."""
    rows = networks.database.rows(
        "SELECT container_id, network_id, endpoints.definition AS definition, "
        "networks.name AS name FROM endpoints JOIN networks ON networks.id = network_id ORDER BY endpoints.rowid"
    )
    ports = networks.database.rows("SELECT * FROM ports ORDER BY protocol, host_port, host_ip")
    there = namespaces(networks.settings)
    joined = [(row["name"], endpoint_of(row["definition"])) for row in rows if there(row["container_id"])]
    relayed = [
        (row["container_id"], key_of(row["protocol"], row["host_ip"], row["host_port"]), row)
        for row in ports
        if there(row["container_id"]) and is_relayed(row["host_ip"], row["container_ip"])
    ]
    servers = []
    if any(end.asking for _, end in joined):
        servers = names.nameservers(names.choose_resolv_conf(read)[1])
    return Facts(
        joined,
        {key: (row["container_ip"], row["container_port"]) for _, key, row in relayed},
        servers,
        {key: container_id for container_id, key, _ in relayed},
    )


def is_relayed(host_ip: str, container_ip: str) -> bool:
    """Tell whether what comes to a port is relayed, all of it or, to a container with IPv6, what is this machine's own.

    The firewall neither changes one kind of address into the other nor leads on what is sent to ::1.
    """
    if ":" not in host_ip or not container_ip:
        return False
    return ":" not in container_ip or host_ip in ("::", "::1")


def _made_anew(networks: Networks, facts: Facts, keys: Sequence[str]) -> dict[str, list[int]]:
    """Return sockets for an attendant that lacks them: new ones for questions, those that a monitor holds for ports."""
    from engine.network import resolver

    made: dict[str, list[int]] = {}
    for key in keys:
        if key.startswith(DNS):
            with suppress(FileNotFoundError):  # it has ended
                path = namespace_path(networks.settings, key.removeprefix(DNS))
                sandbox.inside(path, lambda key=key: made.__setitem__(key, resolver.open_sockets()))  # type: ignore[misc]
        else:
            held = _held_by_monitor(networks, facts.holders[key], key)
            if held is not None:
                made[key] = [held]
    return made


def _held_by_monitor(networks: Networks, container_id: str, key: str) -> int | None:
    """Return the socket of a port from the monitor that holds it; None when it holds none."""
    from engine import syscalls

    row = networks.database.row("SELECT monitor_pid FROM containers WHERE id = ?", (container_id,))
    if row is None or not row["monitor_pid"]:
        return None
    protocol, host_ip, port = key.split("/")
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}.get(protocol)
    try:
        process = os.pidfd_open(row["monitor_pid"])
        descriptors = os.listdir(f"/proc/{row['monitor_pid']}/fd")
    except OSError:  # it has ended
        return None
    try:
        for name in descriptors:
            with suppress(OSError):  # it has closed that one
                if not os.readlink(f"/proc/{row['monitor_pid']}/fd/{name}").startswith("socket:"):
                    continue
                found = socket.socket(fileno=syscalls.pidfd_getfd(process, int(name)))
                with found:
                    inet = found.family in (socket.AF_INET, socket.AF_INET6) and found.type == kind
                    if inet and found.getsockname()[:2] == (host_ip, int(port)):
                        return found.detach()
    finally:
        os.close(process)
    return None


def fresh_ports(held: Sequence[Held], container_ip: str) -> dict[str, list[int]]:
    """Return the sockets of a container's ports that are relayed, listening; they stay the caller's."""
    found: dict[str, list[int]] = {}
    for each in held:
        if is_relayed(each.host_ip, container_ip) and each.protocol in ("tcp", "udp"):
            if each.protocol == "tcp":
                with socket.socket(fileno=os.dup(each.fd)) as listening:
                    listening.listen(socket.SOMAXCONN)
            found[key_of(each.protocol, each.host_ip, each.port)] = [each.fd]
    return found
