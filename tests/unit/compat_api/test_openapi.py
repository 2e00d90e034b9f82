from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from compat_api.handlers.openapi import FILE
from compat_api.openapi.__main__ import FACTS, files
from compat_api.openapi.coverage import ABSENT, DIFFERS, MORE, OPEN, SAME, Finding, compare
from compat_api.openapi.document import document
from compat_api.openapi.facts import compact, facts_of, flat
from compat_api.openapi.words import in_words, meanings
from compat_api.openapi.yaml import to_yaml
from compat_api.routes import all_routes

PROJECT = Path(__file__).resolve().parents[3]


def references(value: Any) -> set[str]:
    """Return what a document refers to."""
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*(references(each) for each in value.values()))
    return set().union(*(references(each) for each in value)) if isinstance(value, list) else set()


@pytest.fixture(scope="module")
def written() -> dict[Path, str]:
    """The files that `make openapi` would write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECT)
        return files()


def test_the_committed_files_are_what_the_code_says(written: dict[Path, str]) -> None:
    for path, text in written.items():
        assert (PROJECT / path).read_text() == text, f"{path}: run `make openapi`"


def test_what_is_served_is_the_document() -> None:
    assert json.loads(FILE.read_text()) == json.loads(json.dumps(document()))


def test_every_path_of_dockerd_is_served() -> None:
    theirs = json.loads((PROJECT / FACTS).read_text())
    ours = {re.sub(r"{[^}]*}", "{}", key) for key in facts_of(document())["operations"]}
    assert {re.sub(r"{[^}]*}", "{}", key) for key in theirs["operations"]} <= ours


def test_types_are_written_alike_in_both_forms_of_the_specification() -> None:
    assert compact({"type": ["string", "null"]}) == compact({"type": "string"}) == "string"
    assert compact({"type": "array", "items": {"$ref": "#/definitions/A"}}) == "[]&A"
    assert compact({"type": "object", "additionalProperties": {"type": "integer"}}) == "{}integer"
    assert compact({"anyOf": [{"$ref": "#/x/B"}, {"type": "null"}]}) == "&B"
    facts = {"definitions": {"A": {"x": "string", "again": "&A"}, "B": {"&": ["&A"], "y": "[]&A"}}}
    assert flat(facts, "[]&B") == {
        "[]": "object", "[].x": "string", "[].again": "object", "[].y": "list", "[].y[]": "object",
        "[].y[].x": "string", "[].y[].again": "object",
    }  # fmt: skip


def test_the_table_tells_what_is_the_same_and_what_is_not() -> None:
    def facts(parameters: dict[str, str], fields: dict[str, str], errors: dict[str, None]) -> dict[str, Any]:
        operation = {"parameters": parameters, "body": None, "responses": {"200": fields, **errors}}
        return {"operations": {"GET /thing": operation}, "definitions": {}}

    theirs = facts({"query x": "string", "query y": "integer"}, {"a": "string", "b": "integer"}, {"404": None})
    ours = facts({"query y": "string", "query z": "string"}, {"a": "string"}, {"default": None})
    found = list(compare(theirs, ours, "GET /thing", "GET /thing"))
    assert Finding("path", SAME) in found
    assert Finding("query x", ABSENT, OPEN) in found
    assert Finding("query y", DIFFERS, "integer there, string here") in found
    assert Finding("query z", MORE) in found
    assert Finding("answer 200 a", SAME) in found
    assert Finding("answer 200 b", ABSENT, OPEN) in found
    assert Finding("answer 404", SAME) in found
    assert list(compare(theirs, {"operations": {}}, "GET /thing", "")) == [Finding("path", ABSENT, OPEN)]


def test_the_yaml_says_what_the_document_is() -> None:
    assert yaml.safe_load(to_yaml(document())) == json.loads(json.dumps(document()))


def test_every_route_and_nothing_else_is_in_it() -> None:
    found = document()
    served = {(route.method.lower(), route.path.replace(":.*}", "}")) for route in all_routes()}
    assert {(method, path) for path, methods in found["paths"].items() for method in methods} == served
    names = [operation["operationId"] for methods in found["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))
    schemas = found["components"]["schemas"]
    assert references(found) == {f"#/components/schemas/{name}" for name in schemas}


def test_every_operation_parameter_and_field_is_described() -> None:
    found = document()
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            assert all(each["description"] for each in operation.get("parameters", ())), (method, path)
    for name, schema in found["components"]["schemas"].items():
        assert all(each["description"] for each in schema["properties"].values()), name


def test_what_is_described_is_there() -> None:
    found = document()
    schemas = found["components"]["schemas"].items()
    fields = {name for _, schema in schemas for name in schema["properties"]}
    fields |= {f"{schema}.{name}" for schema, each in schemas for name in each["properties"]}
    written = {name for name in meanings() if "?" not in name}
    assert not written - fields, "take these out of compat_api/openapi/words.txt"


def test_a_name_without_a_description_is_read_out() -> None:
    assert in_words("LastTagTime") == "last tag time"
    assert in_words("NCPU") == "NCPU"
    assert in_words("IPv6Gateway") == "ipv6 gateway"
    assert in_words("shared-size") == "shared size"
