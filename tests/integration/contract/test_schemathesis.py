"""A short form of what `make schemathesis` does in 20,000 cases."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.schemathesis import LEFT_OUT, campaign

SEED, CASES = 8, 200


def test_every_answer_is_one_that_the_document_has() -> None:
    with tempfile.TemporaryDirectory(prefix="skiff-", dir="/tmp") as home:
        found = campaign(Path(home), CASES, SEED)
    assert not found.wrong, "\n".join(found.wrong.values())
    assert found.sent >= CASES // 2
    assert found.statuses[201], "nothing was made"
    assert not LEFT_OUT & {each.label for each in found.operations}
