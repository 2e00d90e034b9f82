"""Builds beside dockerd's classic builder: `python -m tests.bench.builds SKIFF_SOCKET DOCKERD_SOCKET [--rounds N]`.

Each figure is the time from sending the context to the end of the stream, over raw HTTP, the two engines in turn, so
that what else the machine does strikes both alike. Medians in milliseconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from tests.conformance.building import context
from tests.conformance.wire import Exchange
from tests.harness.busybox_image import busybox_archive

BASE = "base:latest"
PATIENCE = 1200.0
STEPS = 20


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


def build(socket: Path, body: bytes, query: str) -> float:
    """Build, and return how many milliseconds it took; raises RuntimeError when it failed."""
    begin = time.perf_counter()
    exchange = Exchange(socket, "POST", f"/v1.51/build?t=skiff-bench-built{query}", body,
                        {"Content-Type": "application/x-tar"})  # fmt: skip
    exchange._socket.settimeout(PATIENCE)
    head = exchange.read_head()
    said = exchange.finish()
    taken = (time.perf_counter() - begin) * 1000
    if head.status != 200 or b'"error"' in said:
        raise RuntimeError(said.decode(errors="replace")[-500:])
    return taken


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.builds")
    parser.add_argument("skiff", type=Path)
    parser.add_argument("dockerd", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--megabytes", type=int, default=1024)
    options = parser.parse_args()
    sockets = {"skiff": options.skiff, "dockerd": options.dockerd}
    for socket in sockets.values():
        Exchange(socket, "POST", "/v1.51/images/load?quiet=1", busybox_archive([BASE]),
                 {"Content-Type": "application/x-tar"}).finish()  # fmt: skip
    steps = twenty_steps()
    figures = [
        ("20 steps, nothing known", steps, "&nocache=1", options.rounds),
        ("20 steps, all known", steps, "", 3 * options.rounds),
        (f"COPY of {options.files} files", many_files(options.files), "&nocache=1", max(options.rounds // 2, 1)),
        (f"a context of {options.megabytes} MB", large_files(options.megabytes), "&nocache=1", 1),
    ]
    for title, body, query, rounds in figures:
        taken: dict[str, list[float]] = {name: [] for name in sockets}
        for number in range(rounds + 1):
            for name, socket in sockets.items():
                value = build(socket, body, query)
                if number or rounds == 1:  # what the first one pays, later ones do not
                    taken[name].append(value)
            if rounds == 1:
                break
        medians = {name: statistics.median(values) for name, values in taken.items()}
        ratio = medians["dockerd"] / medians["skiff"]
        print(f"{title}: skiff {medians['skiff']:.0f} ms, dockerd {medians['dockerd']:.0f} ms ({ratio:.2f}x)")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
