"""Load and save an image of 500 MB in 20,000 files: `python -m tests.bench.images [--rounds N]`.

Every round takes an image that no engine has seen, and all are removed at the end: a file system hands out inodes
slowly while others were freed a moment ago, and that would measure the file system. Memory is the engine's peak.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import statistics
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.__main__ import Row, table, timed
from tests.bench.big_image import LAYERS, layer
from tests.bench.engines import Dockerd, Engine, Podman, Skiff, find_peers
from tests.harness.docker_cli import Docker

NAME = "skiff-bench-big"


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has had, 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def write_image(path: Path, tag: str, seed: int) -> None:
    """Write a docker archive; another seed makes an image that shares no layer with it."""
    diff_ids = []
    with tarfile.open(path, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for number in range(LAYERS):
            data = layer(seed * LAYERS + number)
            diff_ids.append("sha256:" + hashlib.sha256(data).hexdigest())
            _add(tar, f"{number}/layer.tar", data)
        rootfs = {"type": "layers", "diff_ids": diff_ids}
        config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/nothing"]}, "rootfs": rootfs}
        paths = [f"{number}/layer.tar" for number in range(LAYERS)]
        listed = [{"Config": "config.json", "RepoTags": [tag], "Layers": paths}]
        _add(tar, "config.json", json.dumps(config).encode())
        _add(tar, "manifest.json", json.dumps(listed).encode())


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def measure(engines: list[Engine], home: Path, rounds: int) -> list[Row]:
    """Take the times of all engines, a round after the other, and their peaks of memory."""
    clients = {engine.name: Docker(engine.warm, home) for engine in engines}
    loads: dict[str, list[float]] = {engine.name: [] for engine in engines}
    saves: dict[str, list[float]] = {engine.name: [] for engine in engines}
    archive, out = home / "big.tar", home / "out.tar"
    try:
        for number in range(rounds):
            write_image(archive, f"{NAME}:{number}", number)
            for engine in engines:
                print(f"Round {number}: {engine.name}", file=sys.stderr)
                docker = clients[engine.name]
                loads[engine.name].append(timed(docker, "load", "-q", "-i", str(archive)))
                saves[engine.name].append(timed(docker, "save", "-o", str(out), f"{NAME}:{number}"))
        peaks: list[float | None] = [
            max((peak_bytes(process.pid) for process in engine.processes()), default=0) / 2**20 for engine in engines
        ]
    finally:
        for docker in clients.values():
            for number in range(rounds):
                docker("rmi", "-f", f"{NAME}:{number}")
    return [
        ("docker load", [statistics.median(loads[engine.name]) for engine in engines], "ms"),
        ("docker save", [statistics.median(saves[engine.name]) for engine in engines], "ms"),
        ("peak memory of the largest process", peaks, "MiB"),
    ]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.images")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    peers = find_peers()
    makers: list[Callable[[], Engine]] = [Skiff]
    if peers is not None:
        makers += [lambda: Dockerd(peers), lambda: Podman(peers)]
    engines: list[Engine] = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as folder:
        try:
            for make in makers:
                engines.append(make())
            rows = measure(engines, Path(folder), options.rounds)
            print(table([engine.name for engine in engines], rows))
        finally:
            for engine in engines:
                engine.close()


if __name__ == "__main__":
    main()
