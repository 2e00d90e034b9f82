"""Connected containers without processes: a namespace each, in which the tests open sockets. Needs root.

A socket belongs to the namespace of the thread that opened it, so a test can hold both ends of a connection.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine import Engine, Settings
from engine.containers.config import PortBinding
from engine.network import NetworkRequest, netlink, sandbox
from engine.network.connect import ContainerNetwork
from engine.network.netlink import Netlink
from tests.harness import leftovers

Made = TypeVar("Made")

PATIENCE = 5.0  # seconds until a packet that should have come is given up
CLOSED_AFTER = 0.3  # and until one that should not come has had its chance
OUTSIDE_NET = int.from_bytes(bytes([198, 18, 0, 0]), "big")  # a /15 set aside for tests between machines


def make_namespace(path: Path) -> None:
    """Make a namespace that a file keeps."""
    with sandbox.new() as namespace:
        sandbox.bind(namespace, path)


def in_namespace(path: Path | str, work: Callable[[], Made]) -> Made:
    """Call work inside a namespace and return what it returns."""
    made: list[Made] = []
    sandbox.inside(Path(path), lambda: made.append(work()))
    return made[0]


class Box:
    """What stands for a container: its row, its network, its sockets."""

    def __init__(self, engine: Engine, container_id: str = "") -> None:
        self.engine = engine
        self.id = container_id or os.urandom(32).hex()
        self.network: ContainerNetwork | None = None
        self._sockets: list[socket.socket] = []
        with engine.database.transaction() as tx:
            tx.execute(
                "INSERT INTO containers (id, name, created, image_id, definition, status) "
                "VALUES (?, ?, 1, '', '{}', 'created')",
                (self.id, self.id[:12]),
            )

    def connect(self, **wants: object) -> Box:
        """Plan and apply as a start does."""
        engine = self.engine
        request = NetworkRequest(name=self.id[:12], hostname=self.id[:12], **wants)  # type: ignore[arg-type]
        engine.networks.ready(request)
        with engine.database.transaction() as tx:
            plan = engine.networks.plan(tx, self.id, request)
        self.network = engine.networks.apply(plan)
        with engine.database.transaction() as tx:
            engine.networks.connected(tx, plan)
        return self

    def publish(self, *ports: str) -> Box:
        """Connect with ports such as 127.0.0.1:8080:80/udp; without host ports they are only exposed."""
        bindings: dict[str, list[PortBinding]] = {}
        for port in ports:
            host, _, inside = port.rpartition(":")
            host_ip, _, host_port = host.rpartition(":")
            bindings.setdefault(inside, []).append(PortBinding(host_ip, host_port))
        return self.connect(exposed=list(bindings), ports=bindings)

    @property
    def joined(self) -> ContainerNetwork:
        """The network of a box that is connected."""
        assert self.network is not None
        return self.network

    @property
    def address(self) -> str:
        """The address on the default bridge."""
        return self.joined.state.endpoints["bridge"].ip_address

    @property
    def namespace(self) -> str:
        """The path of the namespace."""
        assert self.joined.namespace
        return self.joined.namespace

    def host_port(self, key: str) -> int:
        """Return the port of the machine that a port such as 80/tcp was given."""
        bound = self.joined.state.ports[key]
        assert bound
        return int(bound[0][1])

    def open(self, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
        """Open a socket inside."""
        made = in_namespace(self.namespace, lambda: socket.socket(socket.AF_INET, kind, protocol))
        made.settimeout(PATIENCE)
        self._sockets.append(made)
        return made

    def open6(self, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Open an IPv6 socket inside."""
        made = in_namespace(self.namespace, lambda: socket.socket(socket.AF_INET6, kind))
        made.settimeout(PATIENCE)
        self._sockets.append(made)
        return made

    def serve(self, port: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
        """Return a socket inside that is bound to a port of every address, and listens if it can."""
        made = self.open(kind, protocol)
        made.bind(("0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            made.listen(16)
        return made

    def run(self, *arguments: str) -> str:
        """Run a command of the machine's inside."""
        return run_inside(self.namespace, *arguments)

    def let_go(self) -> None:
        """Close what the monitor would hold and what is open inside."""
        while self._sockets:
            self._sockets.pop().close()
        if self.network is not None:
            while self.network.held:
                os.close(self.network.held.pop())

    def disconnect(self) -> None:
        """Tear down and forget, as an end does."""
        self.let_go()
        self.engine.networks.tear_down(self.id)
        with self.engine.database.transaction() as tx:
            self.engine.networks.forget(tx, self.id)
        self.network = None


def run_inside(namespace: str, *command: str) -> str:
    """Run a command of the machine's in a namespace; returns what it prints."""
    done = subprocess.run(["nsenter", f"--net={namespace}", *command], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


class Outside:
    """Another machine: a namespace with a wire of its own to this one; host is this machine's address there."""

    def __init__(self, path: Path) -> None:
        self.namespace = path
        self._outer = f"out{os.getpid()}"
        # Of each process its own, as several may run the tests at once.
        net = OUTSIDE_NET + 4 * (os.getpid() % (1 << 15))
        self.host, self.address = (socket.inet_ntoa((net + number).to_bytes(4, "big")) for number in (1, 2))
        make_namespace(path)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            subprocess.run(
                [
                    "ip",
                    "link",
                    "add",
                    self._outer,
                    "type",
                    "veth",
                    "peer",
                    "name",
                    "wire",
                    "netns",
                    f"/proc/{os.getpid()}/fd/{fd}",
                ],
                check=True,
            )
        finally:
            os.close(fd)
        subprocess.run(["ip", "address", "add", f"{self.host}/30", "dev", self._outer], check=True)
        subprocess.run(["ip", "link", "set", self._outer, "up"], check=True)
        run_inside(str(path), "ip", "address", "add", f"{self.address}/30", "dev", "wire")
        run_inside(str(path), "ip", "link", "set", "wire", "up")

    def route(self, subnet: str) -> None:
        """Send packets for a subnet to this machine."""
        run_inside(str(self.namespace), "ip", "route", "replace", subnet, "via", self.host)

    def open(self, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
        """Open a socket on the other machine."""
        made = in_namespace(self.namespace, lambda: socket.socket(socket.AF_INET, kind, protocol))
        made.settimeout(PATIENCE)
        return made

    def end(self) -> None:
        """Take the wire and the machine away."""
        with Netlink() as host:
            host.run(netlink.delete_link(self._outer))
        sandbox.remove(self.namespace)


MakeBox = Callable[..., Box]


def make_engine(home: Path) -> Engine:
    """Return an engine below a folder of its own."""
    if os.geteuid() != 0:
        raise RuntimeError("the integration tests need root")
    return Engine(Settings(root=home / "root", run_root=home / "run"))


def end_engine(engine: Engine) -> None:
    """Take an engine's bridge, table and namespaces away, whatever state they are in."""
    for path in leftovers.namespaces(engine.settings.run_root):
        sandbox.remove(Path(path))
    leftovers.take_network_away(engine.settings.root, engine.settings.run_root)
