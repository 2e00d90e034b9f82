"""Short calls, and lists of many containers: `python -m tests.bench.lists [--containers N] [--rounds N]`.

Each engine has the same containers. The calls are made over a connection each, a round of all engines at a time; times
are medians in milliseconds, and below them the least, with the ratio of the other engine to Skiff.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.__main__ import Row, interleaved, table, timed
from tests.bench.engines import TAG, Dockerd, Engine, Skiff, find_peers
from tests.harness.busybox_image import busybox_archive
from tests.harness.docker_cli import Docker

PREFIX = "skiff-list"
AT_ONCE = 50


class Call(http.client.HTTPConnection):
    """An HTTP connection over a unix socket."""

    def __init__(self, url: str) -> None:
        super().__init__("docker")
        self._path = url.removeprefix("unix://")

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def call(engine: Engine, method: str, path: str, body: object = None) -> bytes:
    """Make one call; raises AssertionError for an error."""
    connection = Call(engine.warm)
    connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    assert answer.status < 400, data
    return data


def timed_call(path: str, method: str = "GET", body: object = None) -> Callable[[Engine], float]:
    """Make a measurement of a call."""

    def measure(engine: Engine) -> float:
        begin = time.perf_counter()
        call(engine, method, path, body)
        return (time.perf_counter() - begin) * 1000

    return measure


def at_once(config: Path) -> Callable[[Engine], float]:
    """Make a measurement of many `docker run --rm` at the same time; each has to print its own word."""

    def measure(engine: Engine) -> float:
        docker = Docker(engine.warm, config)

        def one(number: int) -> None:
            assert docker.ok("run", "--rm", TAG, "echo", str(number)).strip() == str(number)

        begin = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, range(AT_ONCE)))
        return (time.perf_counter() - begin) * 1000

    return measure


def clear(docker: Docker) -> None:
    """Remove the containers that this or a broken run has left."""
    if left := docker.ok("ps", "-aq", "--filter", f"name=^/{PREFIX}").split():
        docker.ok("rm", "-f", *left)


def measure_all(engines: list[Engine], config: Path, containers: int, rounds: int) -> list[Row]:
    """Make the containers and take all times."""
    for engine in engines:
        docker = Docker(engine.warm, config)
        clear(docker)
        body = {"Image": TAG, "Cmd": ["sleep", "10000"], "Labels": {"a": "b"}, "ExposedPorts": {"80/tcp": {}}}
        for number in range(containers):
            call(engine, "POST", f"/v1.51/containers/create?name={PREFIX}-{number}", body)
        call(engine, "POST", f"/v1.51/containers/{PREFIX}-0/start")
        docker.ok("run", "--name", f"{PREFIX}-ended", TAG, "seq", "1000")
    name = f"/v1.51/containers/{PREFIX}-0"
    ended = f"/v1.51/containers/{PREFIX}-ended"
    file = "archive?path=/etc/passwd"
    wanted: list[tuple[str, Callable[[Engine], float | None]]] = [
        ("ping", timed_call("/_ping")),
        ("version", timed_call("/v1.51/version")),
        (f"GET /containers/json?all=1, {containers} containers", timed_call("/v1.51/containers/json?all=1")),
        ("GET /containers/json, one of them running", timed_call("/v1.51/containers/json")),
        ("the same with size", timed_call("/v1.51/containers/json?size=1")),
        ("docker ps -a", lambda engine: timed(Docker(engine.warm, config), "ps", "-a")),
        ("inspect", timed_call(f"{name}/json")),
        ("inspect with size", timed_call(f"{name}/json?size=1")),
        ("stats, one shot", timed_call(f"{name}/stats?stream=0&one-shot=1")),
        ("top", timed_call(f"{name}/top")),
        ("exec create", timed_call(f"{name}/exec", "POST", {"Cmd": ["true"]})),
        ("logs, the last 10 lines", timed_call(f"{ended}/logs?stdout=1&tail=10")),
        ("HEAD archive, running", timed_call(f"{name}/{file}", "HEAD")),
        ("HEAD archive, ended", timed_call(f"{ended}/{file}", "HEAD")),
        ("GET archive of a small file, running", timed_call(f"{name}/{file}")),
        ("GET archive of a small file, ended", timed_call(f"{ended}/{file}")),
    ]
    rows: list[Row] = []
    for title, measure in wanted:
        print(f"Measuring {title}", file=sys.stderr)
        interleaved(engines, measure, 1)  # what the first call pays, later ones do not
        taken: list[list[float]] = [[] for _ in engines]
        for _ in range(rounds):
            for engine, times in zip(engines, taken, strict=True):
                times.append(measure(engine) or 0.0)
        rows.append((title, [statistics.median(times) for times in taken], "ms"))
        rows.append(("  least", [min(times) for times in taken], "ms"))
    rows.append(
        (f"{AT_ONCE} docker run --rm at once", interleaved(engines, at_once(config), max(1, rounds // 5)), "ms")
    )
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lists")
    parser.add_argument("--containers", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help="skiff, dockerd; all that are there")
    options = parser.parse_args()
    peers = find_peers()
    makers: dict[str, Callable[[], Engine]] = {"skiff": Skiff}
    if peers is not None:
        makers["dockerd"] = lambda: Dockerd(peers)
    engines: list[Engine] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        config = Path(folder)
        try:
            engines = [make() for name, make in makers.items() if name in options.engines or not options.engines]
            (config / "image.tar").write_bytes(busybox_archive([TAG]))
            for engine in engines:
                Docker(engine.warm, config).ok("load", "-i", str(config / "image.tar"))
            rows = measure_all(engines, config, options.containers, options.rounds)
            print(table([engine.name for engine in engines], rows))
        finally:
            for engine in engines:
                clear(Docker(engine.warm, config))
                engine.close()


if __name__ == "__main__":
    main()
