"""Short calls, and lists of many containers: `python -m tests.bench.lists [--containers N] [--rounds N] [--only WORD]`.

Each engine has the same containers. The calls are made over a connection each, a round of all engines at a time; times
are medians in milliseconds, and below them the least, with the ratio of the other engine to Skiff.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import socket
import statistics
import sys
import tarfile
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
    """Make one call, with bytes or a value as its body; raises AssertionError for an error."""
    connection = Call(engine.warm)
    kind = "application/x-tar" if isinstance(body, bytes) else "application/json"
    data = body if body is None or isinstance(body, bytes) else json.dumps(body)
    connection.request(method, path, data, {"Content-Type": kind})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.status < 400, said
    return said


def timed_call(path: str, method: str = "GET", body: object = None) -> Callable[[Engine], float]:
    """Make a measurement of a call."""

    def measure(engine: Engine) -> float:
        begin = time.perf_counter()
        call(engine, method, path, body)
        return (time.perf_counter() - begin) * 1000

    return measure


def timed_exec(verb: str, container: str) -> Callable[[Engine], float]:
    """Make a measurement of what can be asked of an exec session, of which each round has a new one."""

    def measure(engine: Engine) -> float:
        made = json.loads(call(engine, "POST", f"{container}/exec", {"Cmd": ["true"]}))["Id"]
        if verb == "json":
            return timed_call(f"/v1.51/exec/{made}/json")(engine)
        return timed_call(f"/v1.51/exec/{made}/start", "POST", {"Detach": True})(engine)

    return measure


def timed_remove(engine: Engine) -> float:
    """Measure the removal of a container that has ended a while ago: what a monitor does at the end is over by then."""
    made = json.loads(call(engine, "POST", "/v1.51/containers/create", {"Image": TAG, "Cmd": ["true"]}))["Id"]
    path = f"/v1.51/containers/{made}"
    call(engine, "POST", f"{path}/start")
    call(engine, "POST", f"{path}/wait")
    time.sleep(0.2)
    return timed_call(path, "DELETE")(engine)


LIFE: list[tuple[str, str, str]] = [
    ("start", "POST", "/start"),
    ("pause", "POST", "/pause"),
    ("unpause", "POST", "/unpause"),
    ("resize", "POST", "/resize?h=10&w=20"),
    ("rename", "POST", f"/rename?name={PREFIX}-renamed"),
    ("update", "POST", "/update"),
    ("restart", "POST", "/restart"),
    ("stop", "POST", "/stop"),
    ("wait for what has ended", "POST", "/wait"),
    ("changes", "GET", "/changes"),
    ("remove", "DELETE", ""),
]


def lives(engines: list[Engine], rounds: int) -> list[Row]:
    """Take each engine's times of a container's life from create to remove, a life at a time."""
    body = {"Image": TAG, "Cmd": ["sleep", "10000"], "StopSignal": "KILL", "Tty": True,
            "HostConfig": {"NetworkMode": "none"}}  # fmt: skip
    taken: dict[str, list[list[float]]] = {}
    for number in range(rounds + 1):  # the first does not count
        for at, engine in enumerate(engines):
            begin = time.perf_counter()
            made = json.loads(call(engine, "POST", f"/v1.51/containers/create?name={PREFIX}-life", body))["Id"]
            times = {"create": (time.perf_counter() - begin) * 1000}
            for verb, method, path in LIFE:
                wanted = {"CpuShares": 512} if verb == "update" else None
                times[verb] = timed_call(f"/v1.51/containers/{made}{path}", method, wanted)(engine)
            for verb, milliseconds in times.items() if number else ():
                taken.setdefault(verb, [[] for _ in engines])[at].append(milliseconds)
    rows: list[Row] = []
    for verb, each in taken.items():
        rows.append((verb, [statistics.median(times) for times in each], "ms"))
        rows.append(("  least", [min(times) for times in each], "ms"))
    return rows


def small_archive() -> bytes:
    """Return an archive of one small file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("small")
        member.size = 1000
        archive.addfile(member, io.BytesIO(bytes(1000)))
    return packed.getvalue()


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


def measure_all(engines: list[Engine], config: Path, containers: int, rounds: int, only: str) -> list[Row]:
    """Make the containers and take the times whose titles have the word."""
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
    since = f"/v1.51/events?since={int(time.time()) - 5}&until={int(time.time())}"
    wanted: list[tuple[str, Callable[[Engine], float | None]]] = [
        ("ping", timed_call("/_ping")),
        ("version", timed_call("/v1.51/version")),
        ("info", timed_call("/v1.51/info")),
        ("events of some seconds ago", timed_call(since)),
        (f"GET /containers/json?all=1, {containers} containers", timed_call("/v1.51/containers/json?all=1")),
        ("GET /containers/json, one of them running", timed_call("/v1.51/containers/json")),
        ("the same with size", timed_call("/v1.51/containers/json?size=1")),
        ("docker ps -a", lambda engine: timed(Docker(engine.warm, config), "ps", "-a")),
        ("inspect", timed_call(f"{name}/json")),
        ("inspect with size", timed_call(f"{name}/json?size=1")),
        ("inspect with size, ended", timed_call(f"{ended}/json?size=1")),
        ("stats, one shot", timed_call(f"{name}/stats?stream=0&one-shot=1")),
        ("top", timed_call(f"{name}/top")),
        ("changes, running", timed_call(f"{name}/changes")),
        ("exec create", timed_call(f"{name}/exec", "POST", {"Cmd": ["true"]})),
        ("exec inspect", timed_exec("json", name)),
        ("exec start, detached", timed_exec("start", name)),
        ("logs, 1000 lines", timed_call(f"{ended}/logs?stdout=1")),
        ("logs, the last 10 lines", timed_call(f"{ended}/logs?stdout=1&tail=10")),
        ("logs, the last 100 lines", timed_call(f"{ended}/logs?stdout=1&tail=100")),
        ("HEAD archive, running", timed_call(f"{name}/{file}", "HEAD")),
        ("HEAD archive, ended", timed_call(f"{ended}/{file}", "HEAD")),
        ("GET archive of a small file, running", timed_call(f"{name}/{file}")),
        ("GET archive of a small file, ended", timed_call(f"{ended}/{file}")),
        ("PUT archive of a small file, running", timed_call(f"{name}/archive?path=/tmp", "PUT", small_archive())),
        ("PUT archive of a small file, ended", timed_call(f"{ended}/archive?path=/tmp", "PUT", small_archive())),
        ("images", timed_call("/v1.51/images/json")),
        ("image inspect", timed_call(f"/v1.51/images/{TAG}/json")),
        ("image history", timed_call(f"/v1.51/images/{TAG}/history")),
        ("remove what has ended a while ago", timed_remove),
        ("networks", timed_call("/v1.51/networks")),
        ("network inspect", timed_call("/v1.51/networks/bridge")),
        ("volumes", timed_call("/v1.51/volumes")),
    ]
    rows: list[Row] = []
    for title, measure in (each for each in wanted if only in each[0]):
        print(f"Measuring {title}", file=sys.stderr)
        interleaved(engines, measure, 1)  # what the first call pays, later ones do not
        taken: list[list[float]] = [[] for _ in engines]
        for _ in range(rounds):
            for engine, times in zip(engines, taken, strict=True):
                times.append(measure(engine) or 0.0)
        rows.append((title, [statistics.median(times) for times in taken], "ms"))
        rows.append(("  least", [min(times) for times in taken], "ms"))
    if only in "life":
        rows += lives(engines, rounds)
    if only in (title := f"{AT_ONCE} docker run --rm at once"):
        rows.append((title, interleaved(engines, at_once(config), max(1, rounds // 5)), "ms"))
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lists")
    parser.add_argument("--containers", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", metavar="WORD", help="what has it in its title; `life`: create to remove")
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
            rows = measure_all(engines, config, options.containers, options.rounds, options.only)
            print(table([engine.name for engine in engines], rows))
        finally:
            for engine in engines:
                clear(Docker(engine.warm, config))
                engine.close()


if __name__ == "__main__":
    main()
