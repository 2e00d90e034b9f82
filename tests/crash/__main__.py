"""`python -m tests.crash [--kills N] [--seed N]`: the whole campaign; exits 1 when anything was lost or left."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from engine.errors import EngineError
from tests.crash.campaign import Campaign
from tests.harness import leftovers

GIVE_UP = 10  # faults; what follows would follow from them


def main() -> int:
    """Kill at every step of every verb, then at random until there are enough."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, help="at most so many steps of a verb")
    parser.add_argument("verbs", nargs="*")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="skiff-crash-", dir="/tmp"))
    campaign, begun = Campaign(home, options.seed), time.monotonic()
    try:
        told = 0
        for verb in options.verbs or campaign.verbs():
            try:
                campaign.every_step(verb, at_most=options.each)
            except (EngineError, OSError, AssertionError):
                campaign.report.faults.append(f"{verb} cannot go on: {traceback.format_exc()}")
            report = campaign.report
            print(*report.faults[told:], sep="\n", end="\n" if report.faults[told:] else "")
            told = len(report.faults)
            if told > GIVE_UP:
                break
            steps = report.steps.get(verb, 0)
            print(f"{verb}: {steps} steps; {report.kills} kills, {len(report.faults)} faults so far", flush=True)
        if not options.verbs:
            campaign.at_random(max(0, options.kills - campaign.report.kills))
    finally:
        leftovers.take_away(campaign.root, campaign.run_root)
        shutil.rmtree(home, ignore_errors=True)
    report = campaign.report
    print("\n".join(report.faults))
    print(f"{report.kills} kills in {time.monotonic() - begun:.0f} s, {len(report.faults)} faults")
    return 1 if report.faults or not report.kills else 0


if __name__ == "__main__":
    sys.exit(main())
