"""Measure, and print a table: `python -m tests.bench [--rounds N] [--containers N] [ENGINE ...]`.

Every figure of a row is taken with the same client, a round of all engines at a time, so that what else the
machine does strikes all of them alike. Times are medians in milliseconds, with the ratio of the other engine to Skiff.
"""

from __future__ import annotations

import argparse
import calendar
import json
import platform
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.engines import TAG, Dockerd, Engine, Podman, Skiff, find_peers
from tests.harness.busybox_image import busybox_archive
from tests.harness.docker_cli import Docker
from tests.harness.processes import proportional_bytes

CHECKED_SECONDS = 6.0  # how long containers are checked every second
PREFIX = "skiff-bench"  # of the containers' names

Measurement = Callable[[Engine], float | None]
Row = tuple[str, list[float | None], str]


def first_byte(url: str) -> float:
    """Return the milliseconds from connect to the first byte of `_ping`'s answer."""
    begin = time.perf_counter()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(url.removeprefix("unix://"))
        connection.sendall(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
        if not connection.recv(1):
            raise RuntimeError(f"{url} gave no answer")
        return (time.perf_counter() - begin) * 1000


def timed(docker: Docker, *arguments: str) -> float:
    """Return how many milliseconds a docker command takes."""
    begin = time.perf_counter()
    docker.ok(*arguments)
    return (time.perf_counter() - begin) * 1000


def interleaved(engines: list[Engine], measure: Measurement, rounds: int) -> list[float | None]:
    """Return each engine's median over the rounds, None where it has no such figure."""
    samples: list[list[float]] = [[] for _ in engines]
    for _ in range(rounds):
        for engine, taken in zip(engines, samples, strict=True):
            value = measure(engine)
            if value is not None:
                taken.append(value)
    return [statistics.median(taken) if taken else None for taken in samples]


class Bench:
    """The measurements over a set of engines."""

    def __init__(self, engines: list[Engine], config: Path) -> None:
        self.engines = engines
        self.warm = {engine.name: Docker(engine.warm, config) for engine in engines}
        self.cold = {engine.name: Docker(engine.cold, config) for engine in engines if engine.cold}

    def cold_ping(self, engine: Engine) -> float | None:
        """Time the first byte from an engine that has to start."""
        if engine.cold is None:
            return None
        engine.chill()
        return first_byte(engine.cold)

    def cold_command(self, *arguments: str) -> Measurement:
        """Make a measurement of a docker command on an engine that has to start."""

        def measure(engine: Engine) -> float | None:
            if engine.cold is None:
                return None
            engine.chill()
            return timed(self.cold[engine.name], *arguments)

        return measure

    def warm_command(self, *arguments: str) -> Measurement:
        """Make a measurement of a docker command on an engine that is there."""
        return lambda engine: timed(self.warm[engine.name], *arguments)

    def clear(self) -> None:
        """Remove the containers that this or a broken run has left."""
        for docker in self.warm.values():
            left = docker.ok("ps", "-aq", "--filter", f"name=^/{PREFIX}").split()
            if left:
                docker.ok("rm", "-f", *left)

    def times(self, rounds: int) -> list[Row]:
        """Take all times."""
        for docker in self.warm.values():
            docker.ok("run", "-d", "--name", PREFIX, TAG, "sleep", "10000")
        run = ["run", "--rm", TAG, "true"]
        alone = ["run", "--rm", "--network", "none", TAG, "true"]
        wanted: list[tuple[str, Measurement]] = [
            ("first byte of _ping, cold", self.cold_ping),
            ("first byte of _ping, warm", lambda engine: first_byte(engine.warm)),
            ("docker run --rm, cold", self.cold_command(*run)),
            ("docker run --rm, warm", self.warm_command(*run)),
            ("docker run --rm --network none, cold", self.cold_command(*alone)),
            ("docker run --rm --network none, warm", self.warm_command(*alone)),
            ("docker exec, warm", self.warm_command("exec", PREFIX, "true")),
            ("docker ps, warm", self.warm_command("ps")),
            ("docker ps, cold", self.cold_command("ps")),
        ]
        rows = []
        for title, measure in wanted:
            print(f"Measuring {title}", file=sys.stderr)
            interleaved(self.engines, measure, 1)  # what the first call pays, later ones do not
            rows.append((title, interleaved(self.engines, measure, rounds), "ms"))
        for docker in self.warm.values():
            docker.ok("rm", "-f", PREFIX)
        return rows

    def memory(self, containers: int) -> list[Row]:
        """Take proportional set sizes: of the engine when nothing runs, and what each container adds."""
        print("Measuring memory", file=sys.stderr)
        serving: list[float | None] = []
        idle: list[float | None] = []
        each: list[float | None] = []
        for engine in self.engines:
            docker = self.warm[engine.name]
            docker.ok("ps")
            servers = {process.pid for process in engine.processes()}
            cost = sum(proportional_bytes(pid) for pid in servers) / 2**20
            names = [f"{PREFIX}-{number}" for number in range(containers)]
            for name in names:
                docker.ok("run", "-d", "--name", name, TAG, "sleep", "10000")
            monitors = {process.pid for process in engine.processes()} - servers
            serving.append(cost)
            idle.append(cost if engine.cold is None else 0.0)
            each.append(sum(proportional_bytes(pid) for pid in monitors) / containers / 2**20)
            docker.ok("rm", "-f", *names)
        return [
            ("resident while serving", serving, "MiB"),
            ("resident when idle", idle, "MiB"),
            ("resident per running container", each, "MiB"),
        ]

    def checks(self, containers: int) -> list[Row]:
        """Take what a health check costs: the time of a probe, and the memory of what waits for the next one.

        podman runs its checks by systemd's timers; where there is no systemd, it has no figure.
        """
        print("Measuring health checks", file=sys.stderr)
        times: list[float | None] = []
        memory: list[float | None] = []
        for engine in self.engines:
            docker = self.warm[engine.name]
            names = [f"{PREFIX}-{number}" for number in range(containers)]
            before = {process.pid for process in engine.processes()}
            for name in names:
                docker.ok("run", "-d", "--name", name, TAG, "sleep", "10000")
            plain = self._resident(engine, before)
            docker.ok("rm", "-f", *names)
            before = {process.pid for process in engine.processes()}
            often = ("--health-cmd", "true", "--health-interval", "1s")
            for name in names:
                docker.ok("run", "-d", "--name", name, *often, TAG, "sleep", "10000")
            time.sleep(CHECKED_SECONDS)
            checked = self._resident(engine, before)
            found = json.loads(docker.ok("inspect", *names))
            logs = [probe for each in found for probe in each["State"].get("Health", {}).get("Log") or ()]
            spans = [(moment(probe["End"]) - moment(probe["Start"])) * 1000 for probe in logs]
            times.append(statistics.median(spans) if spans else None)
            memory.append(max(0.0, checked - plain) / containers if spans else None)
            docker.ok("rm", "-f", *names)
        return [
            ("a health probe, from its start to its end", times, "ms"),
            ("resident more for a health check", memory, "MiB"),
        ]

    @staticmethod
    def _resident(engine: Engine, without: set[int]) -> float:
        return sum(proportional_bytes(each.pid) for each in engine.processes() if each.pid not in without) / 2**20


def moment(text: str) -> float:
    """Return a time as inspect writes it in seconds since 1970."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")


def table(names: list[str], rows: list[Row]) -> str:
    """Lay the rows out; the ratio after a figure is to the first engine's."""
    lines = [["", *names]]
    for title, values, unit in rows:
        cells: list[str] = []
        for value in values:
            ratio = f" ({value / values[0]:.2f}x)" if value is not None and values[0] and cells else ""
            cells.append("-" if value is None else f"{value:.{1 if value >= 10 else 2}f} {unit}{ratio}")
        lines.append([title, *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(names) + 1)]
    rendered = []
    for line in lines:
        first, *rest = line
        padded = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        rendered.append("  ".join(padded).rstrip())
    return "\n".join(rendered)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--containers", type=int, default=5)
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help="skiff, dockerd, podman; all that are there")
    options = parser.parse_args()
    peers = find_peers()
    makers: dict[str, Callable[[], Engine]] = {"skiff": Skiff}
    if peers is not None:
        makers |= {"dockerd": lambda: Dockerd(peers), "podman": lambda: Podman(peers)}
    engines: list[Engine] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            for name, make in makers.items():
                if name in options.engines or not options.engines:
                    engines.append(make())
            config = Path(folder)
            image = config / "image.tar"
            image.write_bytes(busybox_archive([TAG]))
            bench = Bench(engines, config)
            bench.clear()
            for docker in bench.warm.values():
                docker.ok("load", "-i", str(image))
            try:
                rows = bench.times(options.rounds) + bench.memory(options.containers)
                rows += bench.checks(options.containers)
            finally:
                bench.clear()
            client = next(iter(bench.warm.values())).ok("version", "-f", "{{.Client.Version}}").strip()
            print(f"docker {client}, Python {platform.python_version()}, kernel {platform.release()}, "
                  f"median of {options.rounds}")  # fmt: skip
            print(table([engine.name for engine in engines], rows))
            print("dockerd never ends, so it has no cold start.")
            print("Memory is the proportional set size of the engine's own processes, not of what runs in containers.")
        finally:
            for engine in engines:
                engine.close()


if __name__ == "__main__":
    main()
