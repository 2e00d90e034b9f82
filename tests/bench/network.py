"""Networks in figures: `python -m tests.bench.network [--parts PART,...] [--rounds N] [--containers N] [ENGINE...]`.

Every figure is taken with the same client, a round of all engines at a time; medians, and minimums below them.
Attaching is what the API's connect takes for a running container with one published port, taking off what its
disconnect does; both with a rest before, and once more without one, when the kernel is still at work. Throughput is
iperf3's (which this machine needs), from the engine's own network namespace to a published port, and from one
container to another by its name.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.__main__ import Measurement, Row, interleaved, table, timed
from tests.bench.engines import TAG, Dockerd, Engine, Podman, Skiff, find_peers
from tests.harness import processes
from tests.harness.busybox_image import busybox_archive
from tests.harness.docker_cli import Docker

PREFIX = "skiff-bench-net"
IPERF = "skiff-bench-iperf:latest"
PORT, CONTAINER_PORT = 47100, 5201
SECONDS = 3
TRIES, PAUSE = 20, 0.5
PARTS = ("memory", "attach", "times", "throughput", "many")
REST = 0.1  # seconds between two changes of a container's networks: the kernel removes interfaces after the answer


class Api:
    """One connection to an engine's API, kept open."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection("docker")
        self._connection.sock = socket.socket(socket.AF_UNIX)
        self._connection.sock.connect(url.removeprefix("unix://"))

    def __call__(self, method: str, path: str, body: Any = None, *, may_fail: bool = False) -> Any:
        """Make a call; returns the answer's JSON. Raises RuntimeError with the engine's words."""
        data = None if body is None else json.dumps(body)
        self._connection.request(method, f"/v1.41{path}", data, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 400 and not may_fail:
            raise RuntimeError(f"{method} {path}: {answer.status} {said.decode()}")
        return json.loads(said) if said.startswith((b"{", b"[")) else None

    def clock(self, method: str, path: str, body: Any = None) -> float:
        """Make a call and return the milliseconds that it took."""
        begin = time.perf_counter()
        self(method, path, body)
        return (time.perf_counter() - begin) * 1000


def measured(engines: list[Engine], title: str, measure: Measurement, rounds: int, unit: str) -> list[Row]:
    """Return two rows: each engine's median over the rounds, and the best."""
    print(f"Measuring {title}", file=sys.stderr)
    samples: list[list[float]] = [[] for _ in engines]
    for _ in range(rounds):
        for engine, taken in zip(engines, samples, strict=True):
            value = measure(engine)
            taken += [] if value is None else [value]
    best = max if unit == "Gbit/s" else min
    return [
        (title, [statistics.median(taken) if taken else None for taken in samples], unit),
        ("  the best", [best(taken) if taken else None for taken in samples], unit),
    ]


def daemon(engine: Engine) -> int:
    """Return the process that listens at an engine's socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(engine.warm.removeprefix("unix://"))
        return int(struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])


class NetworkBench:
    """The measurements over a set of engines."""

    def __init__(self, engines: list[Engine], config: Path) -> None:
        self.engines = engines
        self.api = {engine.name: Api(engine.warm) for engine in engines}
        self.docker = {engine.name: Docker(engine.warm, config) for engine in engines}

    def create(self, engine: Engine, name: str, network: str, *, port: int = 0, image: str = TAG, **keys: Any) -> str:
        """Make a container in a network, with a published port unless it is 0; returns its name."""
        api, full = self.api[engine.name], f"{PREFIX}-{name}"
        api("DELETE", f"/containers/{full}?force=1", may_fail=True)
        inner = f"{keys.pop('inner', 80)}/tcp"
        bindings = {inner: [{"HostPort": str(port)}]} if port else {}
        host = {"NetworkMode": network, "PortBindings": bindings}
        body = {
            "Image": image,
            "Cmd": ["sleep", "10000"],
            "StopSignal": "SIGKILL",  # podman sends it before a forced removal, and would wait for ten seconds
            "HostConfig": host,
            "ExposedPorts": {key: {} for key in bindings},
        }
        api("POST", f"/containers/create?name={full}", {**body, **keys})
        return full

    def set_up(self, engine: Engine) -> None:
        """Make the network and the running container of the measurements."""
        api = self.api[engine.name]
        self.clear(engine)
        for name in (PREFIX, f"{PREFIX}2"):
            api("POST", "/networks/create", {"Name": name})
        name = self.create(engine, "attached", PREFIX, port=PORT)
        api("POST", f"/containers/{name}/start")

    def clear(self, engine: Engine) -> None:
        """Remove what this or a broken run has left."""
        api = self.api[engine.name]
        for found in api("GET", "/containers/json?all=1"):
            if found["Names"][0].startswith(f"/{PREFIX}"):
                api("DELETE", f"/containers/{found['Id']}?force=1")
        for name in (PREFIX, f"{PREFIX}2"):
            api("DELETE", f"/networks/{name}", may_fail=True)

    def attach(self, rest: float) -> Callable[[Engine], float]:
        """Make a measurement of connecting a running container that publishes a port."""

        def measure(engine: Engine) -> float:
            self._take_off(engine)
            time.sleep(rest)
            return self._put_on(engine)

        return measure

    def take_off(self, rest: float) -> Callable[[Engine], float]:
        """Make a measurement of disconnecting it."""

        def measure(engine: Engine) -> float:
            time.sleep(rest)
            taken = self._take_off(engine)
            time.sleep(rest)
            self._put_on(engine)
            return taken

        return measure

    def _put_on(self, engine: Engine) -> float:
        body = {"Container": f"{PREFIX}-attached"}
        return self.api[engine.name].clock("POST", f"/networks/{PREFIX}/connect", body)

    def _take_off(self, engine: Engine) -> float:
        body = {"Container": f"{PREFIX}-attached"}
        return self.api[engine.name].clock("POST", f"/networks/{PREFIX}/disconnect", body)

    def start(self, network: str, port: int = 0) -> Callable[[Engine], float]:
        """Make a measurement of a container's start."""

        def measure(engine: Engine) -> float:
            name = self.create(engine, "started", network, port=port)
            taken = self.api[engine.name].clock("POST", f"/containers/{name}/start")
            self.api[engine.name]("DELETE", f"/containers/{name}?force=1")
            return taken

        return measure

    def run(self, *options: str) -> Callable[[Engine], float]:
        """Make a measurement of `docker run --rm`."""
        return lambda engine: timed(self.docker[engine.name], "run", "--rm", *options, TAG, "true")

    def attaching(self, rounds: int) -> list[Row]:
        """Take the times of connecting and disconnecting a container."""
        return self._timed(
            rounds,
            ("connect a container with a port", self.attach(REST)),
            ("disconnect it", self.take_off(REST)),
            ("connect it at once after a disconnect", self.attach(0)),
            ("disconnect it at once after a connect", self.take_off(0)),
        )

    def times(self, rounds: int) -> list[Row]:
        """Take the times of single containers."""
        return self._timed(
            rounds,
            ("start with no network", self.start("none")),
            ("start on the default network", self.start("default")),
            ("start on a network of one's own, one port", self.start(PREFIX, PORT + 1)),
            ("docker run --rm --network none", self.run("--network", "none")),
            ("docker run --rm", self.run()),
            ("docker run --rm -p", self.run("-p", f"{PORT + 2}:80")),
        )

    def _timed(self, rounds: int, *wanted: tuple[str, Callable[[Engine], float | None]]) -> list[Row]:
        rows: list[Row] = []
        for title, measure in wanted:
            interleaved(self.engines, measure, 2)
            rows += measured(self.engines, title, measure, rounds, "ms")
        return rows

    def many(self, count: int) -> list[Row]:
        """Start many containers with ports on one network, one after the other, and remove them."""
        starts: list[float | None] = []
        last: list[float | None] = []
        slowest: list[float | None] = []
        removals: list[float | None] = []
        for engine in self.engines:
            print(f"Measuring {count} containers on {engine.name}", file=sys.stderr)
            api = self.api[engine.name]
            names = [self.create(engine, f"many{number}", PREFIX, port=PORT + 10 + number) for number in range(count)]
            taken = [api.clock("POST", f"/containers/{name}/start") for name in names]
            starts.append(statistics.median(taken))
            last.append(statistics.median(taken[-10:]))
            slowest.append(max(taken))
            removed = [api.clock("DELETE", f"/containers/{name}?force=1") for name in names]
            removals.append(statistics.median(removed))
        return [
            (f"{count} with ports: a start", starts, "ms"),
            (f"{count} with ports: one of the last ten starts", last, "ms"),
            (f"{count} with ports: the slowest start", slowest, "ms"),
            (f"{count} with ports: a forced removal", removals, "ms"),
        ]

    def throughput(self, rounds: int) -> list[Row]:
        """Take iperf3's figures."""
        for engine in self.engines:
            docker = self.docker[engine.name]
            with tempfile.NamedTemporaryFile(suffix=".tar") as file:
                Path(file.name).write_bytes(iperf_root())
                docker.ok("import", file.name, IPERF)
            command = {"image": IPERF, "Cmd": ["/usr/bin/iperf3", "-s"], "inner": CONTAINER_PORT}
            for name in ("server", "client"):
                made = self.create(engine, name, PREFIX, port=PORT + 5 if name == "server" else 0, **dict(command))
                self.api[engine.name]("POST", f"/containers/{made}/start")
        wanted: list[tuple[str, Callable[[Engine], float | None]]] = [
            ("iperf3 to a published port, 127.0.0.1", lambda engine: self._from_host(engine, "127.0.0.1")),
            ("iperf3 to a published port, ::1", lambda engine: self._from_host(engine, "::1")),
            ("iperf3 between containers", self._between),
        ]
        return [row for title, measure in wanted for row in measured(self.engines, title, measure, rounds, "Gbit/s")]

    def _from_host(self, engine: Engine, address: str) -> float | None:
        enter = [] if isinstance(engine, Skiff) else ["nsenter", f"--net=/proc/{daemon(engine)}/ns/net"]
        if isinstance(engine, Podman) and ":" in address:
            return None  # it publishes on IPv4 alone
        command = [*enter, "iperf3", "-c", address, "-p", str(PORT + 5), "-t", str(SECONDS), "-J"]
        try:
            return _gigabits(lambda: subprocess.run(command, capture_output=True, check=False).stdout)
        except RuntimeError as error:
            if not isinstance(engine, Podman):
                raise
            print(f"podman, {address}: {error}", file=sys.stderr)  # its ports are not to be reached on every machine
            return None

    def _between(self, engine: Engine) -> float:
        command = ["/usr/bin/iperf3", "-c", f"{PREFIX}-server", "-t", str(SECONDS), "-J"]
        docker = self.docker[engine.name]
        return _gigabits(lambda: docker("exec", f"{PREFIX}-client", *command).stdout.encode())


def _gigabits(measure: Callable[[], bytes]) -> float:
    """Return what a run of iperf3 reports; it is tried again while its server begins or ends the run before."""
    for _ in range(TRIES):
        report = json.loads(measure())
        if "error" not in report:
            return float(report["end"]["sum_received"]["bits_per_second"]) / 1e9
        time.sleep(PAUSE)
    raise RuntimeError(f"iperf3: {report['error']}")


def iperf_root() -> bytes:
    """Return a root file system, as a tar, with this machine's iperf3 and the libraries that it needs."""
    program = shutil.which("iperf3")
    if program is None:
        raise RuntimeError("no iperf3 on this machine: install the package iperf3")
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    libraries = re.findall(r"(/\S+)", listed)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for path in dict.fromkeys([program, *libraries]):
            archive.add(Path(path).resolve(), path if path != program else "/usr/bin/iperf3")
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(folder)
    return made.getvalue()


def network_of(pid: int) -> str:
    """Return the network namespace that a process is in."""
    return os.readlink(f"/proc/{pid}/ns/net")


def attendant_memory(engines: list[Engine]) -> list[Row]:
    """Return what the processes for ports and names take, beside monitors: those of an engine with a published port."""
    found: list[float | None] = []
    for engine in engines:
        if isinstance(engine, Skiff):
            mine = [each for each in processes.mentioning("skiff-bench-") if "engine/attendant" in each.line]
            pids = [each.pid for each in mine]
        else:
            names, home = ("docker-proxy", "aardvark-dns", "rootlessport"), network_of(daemon(engine))
            found_there = [each for each in processes.processes() if Path(each.arguments[0]).name in names]
            pids = [each.pid for each in found_there if network_of(each.pid) == home]
        found.append(sum(processes.proportional_bytes(pid) for pid in pids) / 2**20)
    return [("resident for one published port on a network of one's own", found, "MiB")]


def main() -> None:
    """Parse the arguments, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.network")
    parser.add_argument(
        "engines", nargs="*", help="of skiff, dockerd, podman; all that are there unless said otherwise"
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--containers", type=int, default=100)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}; all unless said otherwise")
    arguments = parser.parse_args()
    peers = find_peers()
    wanted = arguments.engines or ["skiff", *(["dockerd", "podman"] if peers else [])]
    engines: list[Engine] = []
    try:
        for name in wanted:
            engines.append(Skiff() if name == "skiff" else {"dockerd": Dockerd, "podman": Podman}[name](peers))  # type: ignore[arg-type]
        with tempfile.TemporaryDirectory() as config:
            bench = NetworkBench(engines, Path(config))
            archive = busybox_archive([TAG])
            for engine in engines:
                with tempfile.NamedTemporaryFile(suffix=".tar") as file:
                    Path(file.name).write_bytes(archive)
                    bench.docker[engine.name].ok("load", "-i", file.name)
                bench.set_up(engine)
            parts: dict[str, Callable[[], list[Row]]] = {
                "memory": lambda: attendant_memory(engines),
                "attach": lambda: bench.attaching(arguments.rounds),
                "times": lambda: bench.times(arguments.rounds),
                "throughput": lambda: bench.throughput(3),
                "many": lambda: bench.many(arguments.containers),
            }
            rows = [row for part in arguments.parts.split(",") for row in parts[part]()]
            print(table([engine.name for engine in engines], rows))
            for engine in engines:
                bench.clear(engine)
    finally:
        for engine in engines:
            engine.close()


if __name__ == "__main__":
    main()
