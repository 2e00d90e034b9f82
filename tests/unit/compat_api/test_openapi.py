from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from compat_api.openapi import HEADING, PATH, document, to_yaml
from compat_api.routes import all_routes

PROJECT = Path(__file__).resolve().parents[3]


def references(value: Any) -> set[str]:
    """Return what a document refers to."""
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*(references(each) for each in value.values()))
    return set().union(*(references(each) for each in value)) if isinstance(value, list) else set()


def test_the_committed_document_is_what_the_code_says() -> None:
    committed = (PROJECT / PATH).read_text()
    assert committed == HEADING + to_yaml(document()), "run `make openapi`"


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
