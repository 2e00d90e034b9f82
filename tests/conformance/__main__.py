"""`python -m tests.conformance record|compare SOCKET [SCENARIO...]`, or `wild DOCKERD SKIFF [SEED [COUNT]]`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conformance import runner
from tests.conformance.scenarios import SCENARIOS


def main(verb: str, socket: Path, names: list[str]) -> int:
    """Record what a dockerd answers, or compare a server with it; returns 1 when something differs."""
    runner.load_image(socket)
    differ = 0
    for name in names or SCENARIOS:
        records = runner.run(name, socket)
        if verb == "record":
            runner.keep(name, records)
            print(f"{name}: {len(records)} answers")
            continue
        lines = runner.differences(name, runner.golden(name), records)
        differ += bool(lines)
        print("\n".join([f"{name}: {len(records)} answers, {'differs' if lines else 'the same'}", *lines]))
    runner.drop_image(socket)
    return 1 if differ else 0


def wild(theirs: str, ours: str, seed: str = "1", count: str = "300") -> int:
    """Compare answers to random bodies; returns 1 when some differ."""
    from tests.conformance.wild import compare

    return min(compare(Path(theirs), Path(ours), seed, int(count)), 1)


if __name__ == "__main__":
    if sys.argv[1] == "wild":
        sys.exit(wild(*sys.argv[2:]))
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
