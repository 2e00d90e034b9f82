"""The name server of user-defined networks: aardvark-dns, one process of each engine, there while it has names.

It listens on the gateways' addresses, and containers reach it at 127.0.0.11 (engine.network.resolver). Its files
(engine.network.dns_config) are in Settings.run_root/dns. They are made from the database: a container has its names for
as long as the file of its namespace is there. All but mend is called under the network lock.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Unavailable
from engine.network import dns_config
from engine.network.dns_config import Entry
from engine.network.record import Endpoint, NetworkDefinition
from engine.network.sandbox import namespace_path
from engine.state.codec import decode

if TYPE_CHECKING:
    from engine.network import Networks

PROGRAM = "aardvark-dns"
FOLDERS = ("/usr/lib/podman", "/usr/libexec/podman", "/usr/local/libexec/podman", "/usr/local/lib/podman")
PORT = 1053  # not 53, which a name server of the machine may have on all addresses
PID_FILE = "aardvark.pid"
PATIENCE = 3.0  # seconds for the server to have read its files
RETRY = 0.002


class ResolverMissing(Unavailable):
    """aardvark-dns is not installed."""

    def __init__(self) -> None:
        super().__init__(f"cannot find {PROGRAM}: install it, or use the default network")


class ResolverFailed(Unavailable):
    """aardvark-dns does not answer."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{PROGRAM} does not answer at {address}:{PORT}")
        self.address = address


def update(networks: Networks, *, wait_for: str = "") -> None:
    """Make known the names that containers have now; with wait_for return when that network's are known.

    wait_for is a network's id. Raises ResolverMissing, ResolverFailed and OSError.
    """
    folder = networks.settings.run_root / "dns"
    texts, marks = _texts(networks)
    if not texts and not folder.exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    changed = _write(folder, texts)
    pid = _server(folder)
    if pid is None:
        if texts:
            _start(folder)
    elif changed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGHUP)
    if wait_for in marks and (changed or pid is None):
        _wait(*marks[wait_for])


def _texts(networks: Networks) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Return the files by network id, and what each makes known: (gateway, name)."""
    rows = networks.database.rows(
        "SELECT networks.id AS id, name, networks.definition AS network, endpoints.definition AS endpoint "
        "FROM endpoints JOIN networks ON networks.id = network_id ORDER BY endpoints.rowid"
    )
    found: dict[str, tuple[str, str, list[Entry]]] = {}
    for row in rows:
        endpoint = decode(Endpoint, row["endpoint"])
        if endpoint.names and namespace_path(networks.settings, endpoint.container_id).exists():
            gateway = decode(NetworkDefinition, row["network"]).subnets[0].gateway
            entries = found.setdefault(row["id"], (row["name"], gateway, []))[2]
            entries.append(Entry(endpoint.container_id, endpoint.ip_address, endpoint.names, endpoint.servers))
    texts, marks = {}, {}
    for network_id, (name, gateway, entries) in found.items():
        texts[network_id], mark = dns_config.text(name, gateway, entries)
        marks[network_id] = (gateway, mark)
    return texts, marks


def _write(folder: Path, texts: dict[str, str]) -> bool:
    """Bring the files up to date; returns whether any was not."""
    changed = False
    for name in set(os.listdir(folder)) - set(texts) - {PID_FILE}:
        (folder / name).unlink()
        changed = True
    for name, text in texts.items():
        path = folder / name
        with suppress(FileNotFoundError):
            if path.read_text(encoding="utf-8") == text:
                continue
        new = folder.with_name("dns.new")  # outside: the server reads whatever lies in the folder
        new.write_text(text, encoding="utf-8")
        new.rename(path)
        changed = True
    return changed


def _server(folder: Path) -> int | None:
    """Return the process id of the server that reads a folder; None when there is none."""
    try:
        pid = int((folder / PID_FILE).read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if os.fsencode(folder) in command else None


def _start(folder: Path) -> None:
    """Start the server; it outlives this process."""
    from engine.runtime import monitor_cgroup

    program = _program()
    arguments = [program, "--config", str(folder), "--port", str(PORT), "run"]
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        pid = os.posix_spawn(
            program,
            arguments,
            {"PATH": os.environ.get("PATH", os.defpath)},
            file_actions=[(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM],
        )
    finally:
        os.close(null)
    # It goes into the background, and has written its file by the time its first process ends.
    os.waitpid(pid, 0)
    server = _server(folder)
    if server is not None:
        monitor_cgroup.move(server)


def _program() -> str:
    from engine.runtime.oci import which

    for folder in FOLDERS:
        if os.access(f"{folder}/{PROGRAM}", os.X_OK):
            return f"{folder}/{PROGRAM}"
    found = which(PROGRAM)
    if found is None:
        raise ResolverMissing
    return str(found)


def _wait(address: str, name: str) -> None:
    """Wait until the server answers for a name. It does not tell when it is ready, so it is asked again and again."""
    question = dns_config.query(name)
    end = time.monotonic() + PATIENCE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        asking.connect((address, PORT))
        while time.monotonic() < end:
            with suppress(ConnectionRefusedError):
                asking.send(question)
            readable, _, _ = select.select([asking], [], [], RETRY)
            if readable:
                try:
                    if dns_config.is_answer(asking.recv(4096)):
                        return
                except ConnectionRefusedError:
                    pass
                time.sleep(RETRY)
    raise ResolverFailed(address)
