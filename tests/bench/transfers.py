"""Pull and push a big image, beside dockerd and podman: `python -m tests.bench.transfers [--rounds N] [--files N]`.

All engines and two docker-registry processes are in the network namespace of the peers' dockerd (--network), so that
the way is the same for all; podman is its command, the others are asked through docker's. A round takes every engine in
turn, with a store that has none of the image's layers; --files (in each of ten layers, 2,000 are 500 MB) makes it
smaller for a machine that others use, too. On ext4 without a journal a new file costs up to ten times as much for
minutes after others were removed, whoever makes it: TMPDIR and PEERS_HOME should name folders elsewhere. SKIFF_PEERS
names the script that starts the peers. Times are medians in seconds, the memory is Skiff's peak.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.big_image import FILES
from tests.bench.engines import find_peers
from tests.harness.docker_cli import Docker
from tests.harness.real_registry import real_registry
from tests.harness.server import PROJECT

SOURCE, TARGET = 5801, 5802
IMAGE = f"127.0.0.1:{SOURCE}/bench/big:1"
Run = Callable[..., subprocess.Popen[str]]


class Client:
    """One engine's command line."""

    def __init__(self, name: str, run: Run) -> None:
        self.name = name
        self._run = run

    def __call__(self, *arguments: str) -> float:
        """Run a command to its end; returns its seconds."""
        return self.at_once(1, *arguments)

    def at_once(self, number: int, *arguments: str) -> float:
        """Run the same command several times at once; returns the seconds until the last has ended."""
        begin = time.perf_counter()
        started = [self._run(*arguments) for _ in range(number)]
        for each in started:
            _, words = each.communicate()
            assert each.returncode == 0 or arguments[0] == "rmi", f"{self.name} {arguments}: {words}"
        return time.perf_counter() - begin


def docker(host: str, config: Path) -> Run:
    """Return what starts docker commands."""
    command = Docker(host, config)
    return lambda *arguments: command.start(*arguments)


def podman(peers: Path, network: str) -> Run:
    """Return what starts podman commands."""
    environment = {**os.environ, "PEERS_NETNS": network, "TMPDIR": "/tmp"}  # the host's may not be there

    def run(*arguments: str) -> subprocess.Popen[str]:
        insecure = ["--tls-verify=false"] if arguments[0] in ("pull", "push") else []
        command = [peers, "exec", "podman", arguments[0], *insecure, *arguments[1:]]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return run


@contextmanager
def skiff(home: Path, inside: list[str]) -> Iterator[tuple[str, int]]:
    """Run a Skiff in a network namespace; gives its DOCKER_HOST and its process."""
    url = f"unix://{home}/s.sock"
    folders = ["--root", str(home / "root"), "--run-root", str(home / "run"), "--idle-timeout", "3600"]
    command = [*inside, sys.executable, "-m", "compat_api", *folders, "--listen", url]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log)
    while not (home / "s.sock").exists():
        assert process.poll() is None, (home / "log").read_text()
        time.sleep(0.05)
    try:
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def peak(pid: int) -> float:
    """Return the most memory that a process ever had, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.transfers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--network", default="peer-docker")
    options = parser.parse_args()
    peers = find_peers()
    inside = ["nsenter", f"--net=/var/run/netns/{options.network}"]
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="transfers-")))
        assert peers is not None, "SKIFF_PEERS names no script"
        started = subprocess.run([peers, "start", "docker"], check=True, stdout=subprocess.PIPE, text=True)
        for name, port in (("source", SOURCE), ("target", TARGET)):
            stack.enter_context(real_registry(home / name, inside=inside, port=port))
        arguments = f"'127.0.0.1:{SOURCE}', 'bench/big', '1', {options.files}"
        fill = f"from tests.bench.big_image import upload; upload({arguments})"
        subprocess.run([*inside, sys.executable, "-c", fill], cwd=PROJECT, check=True)
        (home / "skiff").mkdir()
        url, pid = stack.enter_context(skiff(home / "skiff", inside))
        clients = [
            Client("skiff", docker(url, home)),
            Client("dockerd", docker(started.stdout.split()[-1], home)),
            Client("podman", podman(peers, options.network)),
        ]
        subprocess.run([peers, "exec", "podman", "rmi", "--all", "--force"], check=True, stdout=subprocess.DEVNULL)
        rows: dict[str, dict[str, list[float]]] = {"pull": {}, "push": {}, f"{options.at_once} pulls at once": {}}
        for number in range(options.rounds):
            for client in clients:
                client("rmi", "-f", IMAGE)
                rows["pull"].setdefault(client.name, []).append(client("pull", "-q", IMAGE))
                target = f"127.0.0.1:{TARGET}/{client.name}-{number}/big:1"
                client("tag", IMAGE, target)
                # What an earlier round sent is not sent again by anybody: only the first one counts.
                if number == 0:
                    rows["push"][client.name] = [client("push", "-q", target)]
                client("rmi", target)
                client("rmi", "-f", IMAGE)
                taken = client.at_once(options.at_once, "pull", "-q", IMAGE)
                rows[f"{options.at_once} pulls at once"].setdefault(client.name, []).append(taken)
                client("rmi", "-f", IMAGE)
                print(f"round {number}, {client.name}", file=sys.stderr)
        for title, taken_by in rows.items():
            base = statistics.median(taken_by["skiff"])
            cells = (
                f"{name} {statistics.median(taken):.1f} s ({statistics.median(taken) / base:.2f}x)"
                for name, taken in taken_by.items()
            )
            print(f"{title}: {', '.join(cells)}")
        print(f"Skiff's peak: {peak(pid):.0f} MB")


if __name__ == "__main__":
    main()
