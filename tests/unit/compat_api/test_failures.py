"""Answers of 500 are dockerd's: those that are listed, and no others, were recorded of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compat_api.openapi.document import document
from compat_api.openapi.failures import FAILURES, kind_of
from compat_api.query import unescape
from compat_api.table import Table

GOLDEN = Path(__file__).parents[2] / "conformance" / "golden"


NESTED = {"create": "create", "start": "{name}/start"}


def recorded() -> Iterator[tuple[str, str]]:
    """Yield the operation and the message of each answer of 500 that dockerd gave."""
    table = Table()
    for path in sorted(GOLDEN.glob("*.json")):
        for record in json.loads(path.read_text()):
            for verb, path in NESTED.items():  # scenarios that try one field after the other
                answer = record["body"].get(verb) if isinstance(record.get("body"), dict) else None
                if isinstance(answer, list) and answer[:1] == [500]:
                    yield f"POST /containers/{path}", words(answer[1])
            if record.get("status") == 500:
                method, _, target = record["request"].partition(" ")
                text = unescape(target.partition("?")[0], plus=False)
                found = table.find(method, text if not text.startswith("/v1.") else text[text.index("/", 1) :])
                assert found is not None, record["request"]
                yield f"{method} {found[0].path.replace(':.*}', '}')}", words(record["body"])


def words(body: Any) -> str:
    """Return the message of an answer, of which a pull's is one of a list."""
    if isinstance(body, list):
        body = body[0]
    return str(body["message"]) if isinstance(body, dict) else str(body)


def test_what_dockerd_calls_its_failure_is_listed_and_what_is_listed_dockerd_calls_so() -> None:
    seen = set()
    unlisted = []
    for operation, message in recorded():
        kind = kind_of(operation, message)
        seen.add(kind)
        if kind is None:
            unlisted.append(f"{operation}: {message}")
    assert not unlisted, "\n".join(unlisted)
    assert not set(FAILURES) - seen, "nothing that was recorded of dockerd is of these kinds"


def test_the_document_names_them() -> None:
    paths = document()["paths"]
    for each in FAILURES:
        method, _, path = each.operation.partition(" ")
        assert each.why in paths[path][method.lower()]["responses"]["500"]["description"]
    named = [path for path, item in paths.items() for operation in item.values() if "500" in operation["responses"]]
    assert len(named) == len({each.operation for each in FAILURES})


def test_another_message_is_of_no_kind() -> None:
    assert kind_of("POST /auth", "KeyError: 'x'") is None
    assert kind_of("GET /version", "unexpected EOF") is None
