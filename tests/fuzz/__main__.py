"""`python -m tests.fuzz [--seconds N] [--seed N]`: break requests for long; exits 1 at the first fault."""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.wire import Broken, Campaign
from tests.harness.server import Server


def until(end: float) -> Iterator[int]:
    """Count until a time on the monotonic clock."""
    return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())


def main() -> int:
    """Run one campaign."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="skiff-fuzz-", dir="/tmp") as home:
        server = Server(Path(home), "listen")
        server.start()
        campaign = Campaign(server, options.seed)
        print(f"seed {options.seed}", flush=True)
        try:
            campaign.run(until(time.monotonic() + options.seconds))
        except Broken as fault:
            print(f"after {campaign.sent} cases: {fault}")
            return 1
        finally:
            server.stop()
    print(f"{campaign.sent} cases, the server alive and others served throughout")
    return 0


if __name__ == "__main__":
    sys.exit(main())
