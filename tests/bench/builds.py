"""Builds beside the other builders: `python -m tests.bench.builds [--rounds N] [--files N] [BUILDER...]`.

Each figure is the time from sending the context to the end of the stream, over raw HTTP, the builders in turn, so that
what else the machine does strikes all alike: dockerd's classic builder, and buildah as podman's service runs it.
BuildKit has no such endpoint: it is dockerd's, asked by `docker buildx build`, whose start counts. On ext4 without a
journal a new file costs up to ten times as much for minutes after others were removed, whoever makes it: TMPDIR and
PEERS_HOME should name folders elsewhere. SKIFF_PEERS names the script that starts the peers. Medians and minima in
milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from tests.bench.__main__ import Row, table
from tests.bench.engines import Dockerd, Engine, Podman, Skiff, find_peers
from tests.conformance.building import context
from tests.conformance.wire import Exchange
from tests.harness.busybox_image import busybox_archive

BASE = "base:latest"
BUILT = "skiff-bench-built"
PATIENCE = 1200.0
STEPS = 20
LIMITS = "&ulimits=" + quote(json.dumps(["nofile=1024:1024", "nproc=1024:1024"]))  # in podman's own form
TAR = {"Content-Type": "application/x-tar"}

Build = Callable[[bytes, bool], None]


def twenty_steps() -> bytes:
    """Return a context whose Dockerfile has 20 steps of all kinds."""
    files = {f"f{number}": f"{number}\n" for number in range(5)}
    lines = [f"FROM {BASE}", "ENV A=1", "LABEL x=y", "WORKDIR /app"]
    for number in range(5):
        lines += [f"COPY f{number} /app/", f"RUN echo {number} >/r{number}"]
    lines += ["ARG V=1", "RUN echo $V", "ENV B=2", "USER nobody", "EXPOSE 80", "CMD true"]
    assert len(lines) == STEPS
    return context({"Dockerfile": "\n".join(lines) + "\n", **files})


def many_files(count: int) -> bytes:
    """Return a context of small files in folders."""
    files: dict[str, str | bytes] = {"Dockerfile": f"FROM {BASE}\nCOPY files /files\n"}
    files |= {f"files/d{number % 200}/f{number}": f"{number}\n" * 20 for number in range(count)}
    return context(files)


def large_files(megabytes: int) -> bytes:
    """Return a context of files that cannot be packed."""
    data = os.urandom(1 << 20)
    files: dict[str, str | bytes] = {"Dockerfile": f"FROM {BASE}\nCOPY big /big\n"}
    return context({**files, **{f"big/f{number}": data for number in range(megabytes)}})


def by_http(engine: Engine) -> Build:
    """Return what builds by POST /build, with or without what is known already; it raises RuntimeError."""
    limits = LIMITS if isinstance(engine, Podman) else ""  # it asks for more than some machines grant
    socket = Path(engine.warm.removeprefix("unix://"))
    exchange = Exchange(socket, "POST", "/v1.41/images/load?quiet=1", busybox_archive([BASE]), TAR)
    exchange.read_head()
    exchange.finish()

    def build(body: bytes, fresh: bool) -> None:
        query = f"t={BUILT}{limits}{'&nocache=1' if fresh else ''}"
        exchange = Exchange(socket, "POST", f"/v1.41/build?{query}", body, TAR)
        exchange._socket.settimeout(PATIENCE)
        head = exchange.read_head()
        said = exchange.finish()
        if head.status != 200 or b'"error"' in said:
            raise RuntimeError(said.decode(errors="replace")[-500:])

    return build


def by_buildx(peers: Path, dockerd: Engine) -> Build:
    """Return what builds by dockerd's BuildKit, which by_http has given the base; it raises RuntimeError."""
    socket = Path("/host-run") / Path(dockerd.warm.removeprefix("unix://")).name  # where the peers' root has it
    command = [peers, "exec", "docker", "-H", f"unix://{socket}", "buildx", "build", "-q", "-t", BUILT]

    def build(body: bytes, fresh: bool) -> None:
        done = subprocess.run(
            [*command, *(["--no-cache"] if fresh else []), "-"], input=body, capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace")[-500:])

    return build


def times(builders: dict[str, Build], body: bytes, rounds: int, *, fresh: bool) -> list[list[float]]:
    """Build in turn, and return each builder's times; what the first round pays, later ones do not."""
    taken: dict[str, list[float]] = {name: [] for name in builders}
    for number in range(rounds + (rounds > 1)):
        for name, build in builders.items():
            begin = time.perf_counter()
            build(body, fresh)
            if number or rounds == 1:
                taken[name].append((time.perf_counter() - begin) * 1000)
    return list(taken.values())


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.builds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--figures", default="1234", help="which of the four are taken")
    parser.add_argument("builders", nargs="*", metavar="BUILDER", help="skiff, dockerd, buildkit or buildah; all")
    options = parser.parse_args()
    peers = find_peers()
    wanted = options.builders or ["skiff", *(["dockerd", "buildkit", "buildah"] if peers is not None else [])]
    engines: dict[str, Engine] = {}
    builders: dict[str, Build] = {}
    try:
        engines["skiff"] = Skiff()
        if peers is not None and {"dockerd", "buildkit"} & set(wanted):
            engines["dockerd"] = Dockerd(peers)
        if peers is not None and "buildah" in wanted:
            engines["buildah"] = Podman(peers)
        builders = {name: by_http(engine) for name, engine in engines.items()}
        if peers is not None and "buildkit" in wanted:
            builders["buildkit"] = by_buildx(peers, engines["dockerd"])
        builders = {name: builders[name] for name in wanted}
        print(table(list(builders), _rows(builders, options)))
    finally:
        for engine in engines.values():
            engine.close()


def _rows(builders: dict[str, Build], options: argparse.Namespace) -> list[Row]:
    rounds = options.rounds
    figures: list[tuple[str, Callable[[], bytes], int, bool]] = [
        ("20 steps, nothing known", twenty_steps, rounds, True),
        ("20 steps, all known", twenty_steps, 3 * rounds, False),
        (f"COPY of {options.files} files", lambda: many_files(options.files), max(rounds // 2, 1), True),
        (f"a context of {options.megabytes} MB", lambda: large_files(options.megabytes), 1, True),
    ]
    rows: list[Row] = []
    for number, (title, body, count, fresh) in enumerate(figures, start=1):
        if str(number) in options.figures:
            found = times(builders, body(), count, fresh=fresh)
            rows.append((f"{title}, median", [statistics.median(each) for each in found], "ms"))
            rows.append((f"{title}, minimum", [min(each) for each in found], "ms"))
    return rows


if __name__ == "__main__":
    main()
