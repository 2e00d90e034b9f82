"""Bodies that are read without pydantic are what pydantic reads: by the models themselves, over documents at random."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from compat_api import body as bodies
from compat_api.create_request import adapt, records
from compat_api.openapi.bodies import shapes
from compat_api.table import load
from engine import go_json

SHAPES = shapes()
READ = ("containers:CreateBody", "containers:UpdateBody", "networks:NetworkCreateBody", "networks:ConnectBody",
        "execs:ExecCreateBody", "execs:ExecStartBody", "volumes:VolumeCreateBody", "swarm:InitBody")  # fmt: skip
NUMBERS = st.sampled_from((0, 1, -1, 512, 65535, 65536, (1 << 63) - 1, 1 << 63, -(1 << 63), 1 << 64))
ODD = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=3), st.just([]), st.just({}), st.just(1.5))


def of_kind(kind: Any, depth: int) -> st.SearchStrategy[Any]:
    """Return values of a kind; one in many is of another."""
    return st.integers(0, 30).flatmap(lambda chance: ODD if chance == 0 else _in_order(kind, depth))


def _in_order(kind: Any, depth: int) -> st.SearchStrategy[Any]:
    if kind == "str":
        return st.text(max_size=4)
    if kind == "bool":
        return st.booleans()
    if kind == "any":
        return ODD
    if kind[0] == "int":
        return st.one_of(st.integers(kind[1], kind[2]), NUMBERS)
    if kind[0] == "list":
        return st.lists(of_kind(kind[1], depth), max_size=2)
    if kind[0] == "map":
        return st.dictionaries(st.text(max_size=4), of_kind(kind[1], depth), max_size=2)
    if kind[0] == "words":
        return st.one_of(st.text(max_size=4), st.lists(of_kind("str", depth), max_size=2))
    if kind[0] == "null":
        return st.one_of(st.none(), of_kind(kind[2], depth))
    return documents(kind[1], depth + 1)


def documents(shape: str, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with a few of a shape's keys, some of them spelled in another way, and keys of no shape."""
    entries = st.sampled_from(list(SHAPES[shape].items())).flatmap(
        lambda field: st.tuples(
            st.sampled_from((field[0], field[0], field[0].lower(), field[0].upper())), of_kind(field[1][1], depth)
        )
    )
    strange = st.tuples(st.text(max_size=4), ODD)
    return st.lists(st.one_of(entries, entries, entries, strange), max_size=6 if depth == 0 else 3).map(dict)


@pytest.mark.parametrize("shape", READ)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_body_is_read_as_by_its_model(shape: str, data: st.DataObject) -> None:
    document = go_json.loads(json.dumps(data.draw(documents(shape))))
    model = load(shape, "models")
    try:
        expected = model.model_validate(document)
    except ValidationError:
        with pytest.raises(bodies.Unusual):
            bodies.read(shape, document)
        return
    found = bodies.read(shape, document)
    assert found.model_dump() == expected.model_dump()
    assert found.model_fields_set == expected.model_fields_set
    short = {"by_alias": True, "exclude_defaults": True}
    assert found.model_dump(**short) == expected.model_dump(**short)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_engine_gets_the_same_records(data: st.DataObject) -> None:
    document = go_json.loads(json.dumps(data.draw(documents("containers:CreateBody"))))
    version = data.draw(st.sampled_from(((1, 24), (1, 40), (1, 43), (1, 51))))
    try:
        expected = load("containers:CreateBody", "models").model_validate(document)
    except ValidationError:
        return
    results = []
    for body in (expected, bodies.read("containers:CreateBody", document)):
        try:
            results.append((adapt(body, version), records(body)))
        except Exception as problem:
            results.append((type(problem), str(problem)))  # type: ignore[arg-type]
    assert results[0] == results[1]


def test_every_body_but_plugins_lists_is_read_so() -> None:
    from compat_api.routes import all_routes

    models = {route.body for route in all_routes() if route.body}
    assert {model for model in models if not bodies.known(model)} == {"plugins:Privileges", "plugins:Settings"}


def test_a_body_of_defaults_is_nobody_elses() -> None:
    first, second = bodies.blank("containers:HostConfig"), bodies.blank("containers:HostConfig")
    first.log_config.config["a"] = "b"
    first.console_size[0] = 3
    assert second.log_config.config == {} and second.console_size == [0, 0]
