"""What an engine has left on the machine: each kind is a list of lines for a person, empty when all is clean."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine import Engine, Settings
from engine.off_loop import MOMENT_SECONDS
from tests.harness import processes

if TYPE_CHECKING:
    from engine.network import Networks

PASSING = {"monitors", "interfaces", "mounts", "container folders"}
REST_SECONDS = 10.0
CGROUPS = Path("/sys/fs/cgroup")


def mounts(home: Path) -> list[str]:
    """Return the mount points that lie below home, or that have a layer of theirs there."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines if f"{home}/" in line]


def monitors(home: Path) -> list[str]:
    """Return the processes that name home in their command line."""
    return [process.line for process in processes.mentioning(f"{home}/")]


def container_ids(database: Path) -> set[str]:
    """Return the ids of all containers that an engine ever told of in its events."""
    if not database.exists():
        return set()
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        # A prune's event is about no container: without the condition its empty actor would be part of every name.
        query = "SELECT DISTINCT actor FROM events WHERE type = 'container' AND length(actor) = 64"
        return {row[0] for row in connection.execute(query)}
    finally:
        connection.close()


def cgroups(ids: set[str]) -> list[str]:
    """Return the control groups that are named after one of the containers."""
    found = []
    for folder, names, _ in os.walk(CGROUPS):
        found += [f"{folder}/{name}" for name in names if any(each in name for each in ids)]
    return found


def namespaces(run_root: Path) -> list[str]:
    """Return the network namespaces that are still bound below run_root."""
    folder = run_root / "netns"
    return sorted(str(path) for path in folder.iterdir()) if folder.is_dir() else []


def interfaces(ids: set[str]) -> list[str]:
    """Return the interfaces on the host's side that led to one of the containers."""
    return sorted(name for name in os.listdir("/sys/class/net") if any(each[:11] in name for each in ids))


def published(root: Path, run_root: Path) -> list[str]:
    """Return the ports that the firewall still leads to containers of this engine."""
    done = subprocess.run(
        ["nft", "-j", "list", "table", "inet", networks_of(root, run_root).table], capture_output=True, check=False
    )
    if done.returncode:
        return []  # no such table: this engine has never had a bridge
    maps = [entry["map"] for entry in json.loads(done.stdout)["nftables"] if "map" in entry]
    return [f"{each['name']}: {element}" for each in maps for element in each.get("elem", [])]


def networks_of(root: Path, run_root: Path) -> Networks:
    """Return what knows the names of an engine's bridge and table."""
    return Engine(Settings(root=root, run_root=run_root)).networks


def folders(root: Path, run_root: Path) -> list[str]:
    """Return the folders of containers that are no more."""
    parents = [root / "containers", run_root / "containers"]
    return sorted(str(path) for parent in parents if parent.is_dir() for path in parent.iterdir())


def everything(root: Path, run_root: Path) -> dict[str, list[str]]:
    """Return what an engine without containers has left, by kind; empty when there is nothing."""
    home = run_root.parent
    found = {
        "mounts": mounts(home),
        "monitors": [line for line in monitors(home) if "conmon" in line or "/engine/" in line],
        "cgroups": cgroups(container_ids(root / "state.db")),
        "network namespaces": namespaces(run_root),
        "interfaces": interfaces(container_ids(root / "state.db")),
        "published ports": published(root, run_root),
        "container folders": folders(root, run_root),
    }
    return {kind: lines for kind, lines in found.items() if lines}


def at_rest(root: Path, run_root: Path) -> dict[str, list[str]]:
    """Return the same once what ends by itself has had its time: monitors, mounts, interfaces that the kernel removes.

    A monitor outlives its container by its exit command, an interface its namespace by the kernel's grace period, and
    what was mounted to be looked into, or is little and was removed, the answer by a moment.
    """
    deadline = time.monotonic() + REST_SECONDS
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as news:
        news.bind((0, 1))  # RTMGRP_LINK: the kernel tells of each interface that goes
        news.settimeout(0.5)
        while left := everything(root, run_root):
            if not left.keys() & PASSING or time.monotonic() > deadline:
                break
            for line in left.get("monitors", []):
                processes.wait_for_end(int(line.partition(":")[0]), REST_SECONDS)
            if left.keys() == {"container folders"}:
                time.sleep(MOMENT_SECONDS)
            elif "monitors" not in left:
                with suppress(OSError):  # nothing came, or more than the socket holds
                    news.recv(65536)
    return left


def take_away(root: Path, run_root: Path) -> None:
    """Remove by force whatever an engine has left, so that a failed test does not harm the next."""
    home = run_root.parent
    ids = container_ids(root / "state.db")
    for group in cgroups(ids):  # a frozen process takes no signal
        if os.path.exists(frozen := f"{group}/freezer.state"):
            Path(frozen).write_text("THAWED")
    for process in processes.mentioning(f"{home}/"):
        _ignoring_errors(os.kill, process.pid, signal.SIGKILL)
        processes.wait_for_end(process.pid, 5)
    for group in cgroups(ids):
        for member in _members(Path(group)):
            _ignoring_errors(os.kill, member, signal.SIGKILL)
            processes.wait_for_end(member, 5)
    for point in sorted(mounts(home), key=len, reverse=True):
        subprocess.run(["umount", "-l", point], check=False, capture_output=True)
    for group in sorted(cgroups(ids), key=len, reverse=True):
        _ignoring_errors(os.rmdir, group)
    take_network_away(root, run_root)


def take_network_away(root: Path, run_root: Path) -> None:
    """Remove an engine's bridges and firewall table, which it keeps for as long as it exists, and its name server."""
    end_attendant(run_root)
    if not (root / "state.db").exists():
        return
    networks = networks_of(root, run_root)
    bridges = [each.definition.bridge for each in networks.list() if each.definition.bridge]
    commands = [["ip", "link", "delete", bridge] for bridge in bridges]
    for command in [*commands, ["nft", "delete", "table", "inet", networks.table]]:
        subprocess.run(command, check=False, capture_output=True)
    networks.database.close()


def end_attendant(run_root: Path) -> None:
    """Kill the process that answers for names and relays ports, if there is one."""
    pid_file = run_root / "attendant.pid"
    if pid_file.exists():
        pid = int(pid_file.read_text())
        _ignoring_errors(os.kill, pid, signal.SIGKILL)
        processes.wait_for_end(pid, 5)


def _members(group: Path) -> list[int]:
    try:
        return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def _ignoring_errors(call: Callable[..., object], *arguments: object) -> None:
    try:
        call(*arguments)
    except OSError:
        pass
