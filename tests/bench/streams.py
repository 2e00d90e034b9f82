"""Large streams: `python -m tests.bench.streams [--mib N] [--rounds N] [--skip TITLE] [ENGINE...]`.

One container's file of N MiB, made of lines, is copied in, printed to an attached client, read back as the log and
copied out, by a bare client over the socket, engine by engine in each round. Beside each time stands the most memory
that the engine's server was resident with while it streamed (VmHWM is not used: it never falls).
"""

from __future__ import annotations

import argparse
import platform
import socket
import statistics
import struct
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.__main__ import Row, table
from tests.bench.engines import TAG, Dockerd, Engine, Podman, Skiff, find_peers
from tests.harness import processes
from tests.harness.busybox_image import busybox_archive
from tests.harness.docker_cli import Docker

NAME = "skiff-bench-streams"
LINE = (b"%07d " % 7 + b"the quick brown fox jumps over the lazy dog, and so on until the line is full") + b"\n"
READ = 1 << 20
SAMPLE_SECONDS = 0.05
SHORT_ROUNDS = 30  # of requests that take no time worth measuring alone
PATIENCE = 120.0  # seconds without a byte, after which a measurement has failed
UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n"


class Call:
    """One request over a connection of its own."""

    def __init__(self, url: str, method: str, target: str, headers: str = "") -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(url.removeprefix("unix://"))
        headers = headers or "Connection: close\r\n"
        self.socket.sendall(f"{method} /v1.51{target} HTTP/1.1\r\nHost: docker\r\n{headers}\r\n".encode())

    def head(self) -> bytes:
        """Read the answer's head; returns what came after it."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(READ)
            if not piece:
                raise RuntimeError(f"no answer, but {data!r}")
            data += piece
        first, _, rest = data.partition(b"\r\n\r\n")
        if first.split()[1] not in (b"200", b"101", b"201", b"204"):
            raise RuntimeError((first + rest).decode())
        return rest

    def drain(self, least: int) -> None:
        """Read to the end of the answer, which must have at least so many bytes."""
        buffer = bytearray(READ)
        size = len(self.head())
        while count := self.socket.recv_into(buffer):
            size += count
        self.socket.close()
        if size < least:
            raise RuntimeError(f"{size} bytes instead of {least}")


class Streams:
    """The measurements; the file's size is in bytes."""

    def __init__(self, engines: list[Engine], config: Path, size: int) -> None:
        self.size = size
        self.lines = size // len(LINE)
        self.docker = {engine.name: Docker(engine.warm, config) for engine in engines}
        self.resident: dict[tuple[str, str], float] = {}
        self.title = ""

    def prepare(self, engine: Engine) -> None:
        """Make the container; what it prints when started is the file."""
        self.docker[engine.name]("rm", "-f", NAME)
        self.docker[engine.name].ok("create", "--name", NAME, "--network", "none", TAG, "cat", "/big")

    def copy_in(self, engine: Engine) -> None:
        """Put the file into the container."""
        header = tarfile.TarInfo("big")
        header.size = self.lines * len(LINE)
        body = header.size + 512 + -header.size % 512 + 1024
        call = Call(engine.warm, "PUT", f"/containers/{NAME}/archive?path=/", f"Content-Length: {body}\r\n")
        call.socket.sendall(header.tobuf())
        piece = memoryview(LINE * (READ // len(LINE)))
        left = header.size
        while left:
            call.socket.sendall(piece[:left])
            left -= len(piece[:left])
        call.socket.sendall(bytes(-header.size % 512 + 1024))
        call.head()

    def attach(self, engine: Engine) -> None:
        """Print the file to an attached client."""
        call = Call(engine.warm, "POST", f"/containers/{NAME}/attach?stream=1&stdout=1&stderr=1", UPGRADE)
        threading.Timer(0.05, lambda: Call(engine.warm, "POST", f"/containers/{NAME}/start").head()).start()
        call.drain(self.lines * len(LINE))

    def logs(self, engine: Engine) -> None:
        """Read the log."""
        Call(engine.warm, "GET", f"/containers/{NAME}/logs?stdout=1&stderr=1").drain(self.lines * len(LINE))

    def stamped_logs(self, engine: Engine) -> None:
        """Read the log with times."""
        Call(engine.warm, "GET", f"/containers/{NAME}/logs?stdout=1&stderr=1&timestamps=1").drain(self.lines)

    def tail(self, engine: Engine) -> None:
        """Read the log's last lines."""
        Call(engine.warm, "GET", f"/containers/{NAME}/logs?stdout=1&tail=100").drain(100 * len(LINE))

    def copy_out(self, engine: Engine) -> None:
        """Get the file from the container."""
        Call(engine.warm, "GET", f"/containers/{NAME}/archive?path=/big").drain(self.lines * len(LINE))

    def head_archive(self, engine: Engine) -> None:
        """Ask what a path is."""
        call = Call(engine.warm, "HEAD", f"/containers/{NAME}/archive?path=/big")
        call.head()

    def run(self, engines: list[Engine], rounds: int, skip: list[str]) -> list[Row]:
        """Take all figures but those whose titles are to be skipped."""
        wanted: list[tuple[str, Callable[[Engine], None]]] = [
            ("copy in", self.copy_in),
            ("HEAD of a path", self.head_archive),
            ("attach", self.attach),
            ("logs", self.logs),
            ("logs with times", self.stamped_logs),
            ("logs, the last 100 lines", self.tail),
            ("copy out", self.copy_out),
        ]
        wanted = [each for each in wanted if each[0] not in skip]
        times: dict[tuple[str, str], list[float]] = {}
        for _ in range(rounds):
            for title, measure in wanted:
                for engine in engines:
                    if measure == self.copy_in:
                        self.prepare(engine)
                    print(f"Measuring {title}, {engine.name}", file=sys.stderr)
                    with self.watched(engine, title):
                        for _ in range(SHORT_ROUNDS if measure in (self.head_archive, self.tail) else 1):
                            begin = time.perf_counter()
                            measure(engine)
                            taken = (time.perf_counter() - begin) * 1000
                            times.setdefault((title, engine.name), []).append(taken)
        rows: list[Row] = []
        for title, _ in wanted:
            rows.append((title, [statistics.median(times[title, engine.name]) for engine in engines], "ms"))
            rows.append(("  least", [min(times[title, engine.name]) for engine in engines], "ms"))
            rows.append(("  resident", [self.resident[title, engine.name] for engine in engines], "MiB"))
        return rows

    @contextmanager
    def watched(self, engine: Engine, title: str) -> Iterator[None]:
        """Look at the server's resident memory again and again while the block runs."""
        over = threading.Event()
        most = [0]

        def look() -> None:
            pids: list[int] = []
            while not over.wait(SAMPLE_SECONDS):
                pids = pids or [each.pid for each in engine.processes() if serves(each, engine.warm)]
                most[0] = max(most[0], sum(resident_bytes(pid) for pid in pids))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
        key = (title, engine.name)
        self.resident[key] = max(self.resident.get(key, 0.0), most[0] / 2**20)


def serves(process: processes.Process, url: str) -> bool:
    """Whether a process is the engine's server: of several dockerds, the one that listens there."""
    words = " ".join(process.arguments)
    if Path(process.arguments[0]).name != "dockerd":
        return "compat_api" in words or "system service" in words
    # Inside the peers' root the socket's folder has another name, so the daemon is found by the socket's own peer.
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(url.removeprefix("unix://"))
        return peer_of(connection) == process.pid


def peer_of(connection: socket.socket) -> int:
    """Return the pid of the process that listens where a socket is connected to."""
    return int(struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])


def resident_bytes(pid: int) -> int:
    """Return what a process has in memory now; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (FileNotFoundError, ProcessLookupError):
        return 0


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.streams")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--skip", action="append", default=[], metavar="TITLE")
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help="skiff, dockerd, podman; skiff and dockerd")
    options = parser.parse_args()
    peers = find_peers()
    makers: dict[str, Callable[[], Engine]] = {"skiff": Skiff}
    if peers is not None:
        makers |= {"dockerd": lambda: Dockerd(peers), "podman": lambda: Podman(peers)}
    wanted = options.engines or ["skiff", "dockerd"]
    engines: list[Engine] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            engines = [make() for name, make in makers.items() if name in wanted]
            config = Path(folder)
            image = config / "image.tar"
            image.write_bytes(busybox_archive([TAG]))
            bench = Streams(engines, config, options.mib << 20)
            for docker in bench.docker.values():
                docker.ok("load", "-i", str(image))
            try:
                rows = bench.run(engines, options.rounds, options.skip)
            finally:
                for docker in bench.docker.values():
                    docker("rm", "-f", "-v", NAME)
            print(f"{options.mib} MiB in lines of {len(LINE)} bytes, Python {platform.python_version()}, "
                  f"kernel {platform.release()}, median of {options.rounds}")  # fmt: skip
            print(table([engine.name for engine in engines], rows))
        finally:
            for engine in engines:
                engine.close()


if __name__ == "__main__":
    main()
