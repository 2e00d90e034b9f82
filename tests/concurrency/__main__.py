"""`python -m tests.concurrency [--clients N] [--seconds N] [--containers N]`; exits 1 when an answer was wrong."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.concurrency.run import run
from tests.harness import leftovers
from tests.harness.busybox_image import busybox_archive
from tests.harness.raw_http import send
from tests.harness.server import Server


def main() -> int:
    """Run over an engine of its own, in isolated mode."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--containers", type=int, default=50)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="skiff-many-", dir="/tmp"))
    server = Server(home, "isolated")
    server.start()
    send(server.url, "POST", "/images/load", busybox_archive(["busybox:latest"]), kind="application/x-tar")
    report = run(server.url, "busybox", clients=options.clients, seconds=options.seconds, containers=options.containers)
    words = server.words()
    server.stop()
    left = leftovers.at_rest(server.root, server.run_root)
    leftovers.take_away(server.root, server.run_root)
    for answer, count in sorted(report.answers.items()):
        print(f"{count:6} {answer}")
    print(*report.faults, sep="\n")
    if report.faults:
        print(words)
    print(f"{report.answers.total()} answers, {len(report.faults)} faults; left: {left or 'nothing'}")
    shutil.rmtree(home, ignore_errors=True)
    return 1 if report.faults or left else 0


if __name__ == "__main__":
    sys.exit(main())
