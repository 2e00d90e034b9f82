"""Request bodies without pydantic, whose import alone costs more than making a container does.

FILE says of each model in compat_api.models that a route takes which keys it has and what each holds; `make openapi`
writes it from the models (compat_api.openapi.bodies). A body that is in order is read by it. What is not in order, in
whatever way, is left to the model, which knows dockerd's words for it (compat_api.decode). A Body has a model's
attributes, and of pydantic's methods those that are used here; handlers cannot tell one from the other.

A shape is {key: [attribute, kind, default]}. A kind is "str", "bool", "any", ["int", least, largest], ["list", kind],
["map", kind], ["words"] (texts, or one text), ["object", shape] or ["null", value, kind] (value stands for null).
A default of {"object": shape} is a body of its own defaults.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from functools import cache
from pathlib import Path
from typing import Any

FILE = "bodies.json"
Shape = dict[str, tuple[str, Any, Any]]


class Unusual(Exception):
    """A value that the model has to judge."""


class Body:
    """A JSON object of Docker's API, with the attributes of the model of its shape."""

    def __init__(self, shape: str, given: dict[str, Any]) -> None:
        self.__shape = shape
        self.__given = frozenset(given)
        self.__dict__ |= {name: _fresh(default) for name, _, default in _shapes()[shape].values()}
        self.__dict__ |= given

    @property
    def model_fields_set(self) -> frozenset[str]:
        """The attributes that the client sent."""
        return self.__given

    def model_dump(
        self, exclude: Container[str] = (), *, by_alias: bool = False, exclude_defaults: bool = False
    ) -> dict[str, Any]:
        """Return the attributes as a dict all the way down; the options are pydantic's, exclude is for the top."""
        found = {}
        for key, (name, _, default) in _shapes()[self.__shape].items():
            value = getattr(self, name)
            if name in exclude or (exclude_defaults and value == _fresh(default)):
                continue
            found[key if by_alias else name] = _plain(value, by_alias=by_alias, exclude_defaults=exclude_defaults)
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Body) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]  # it changes


def blank(shape: str) -> Any:
    """Return a body of defaults."""
    return Body(shape, {})


def known(shape: str) -> bool:
    """Tell whether bodies of a model, written "module:name", can be read here."""
    return shape in _shapes()


def read(shape: str, value: Any) -> Body:
    """Make a body of a JSON value; raises Unusual for all that is not plainly in order."""
    if not isinstance(value, dict):
        raise Unusual
    fields, lower = _shapes()[shape], _lower(shape)
    given: dict[str, tuple[Any, Any]] = {}
    for key, item in value.items():
        field = fields.get(key) or lower.get(key.lower())
        if field is not None and item is not None:  # the last one of several spellings counts; null leaves it alone
            given[field[0]] = field[1], item
    return Body(shape, {name: _read(kind, item) for name, (kind, item) in given.items()})


def _read(kind: Any, value: Any) -> Any:
    if kind == "str":
        if type(value) is str:
            return value
        raise Unusual
    if kind == "bool":
        if type(value) is bool:
            return value
        raise Unusual
    return value if kind == "any" else _COMPOUND[kind[0]](kind, value)


def _int(kind: Any, value: Any) -> int:
    if type(value) is int and kind[1] <= value <= kind[2]:
        return value
    raise Unusual


def _list(kind: Any, value: Any) -> list[Any]:
    if type(value) is list:
        return [_read(kind[1], item) for item in value]
    raise Unusual


def _map(kind: Any, value: Any) -> dict[str, Any]:
    if type(value) is dict:
        return {key: _read(kind[1], item) for key, item in value.items()}
    raise Unusual


def _words(kind: Any, value: Any) -> list[Any]:
    return [value] if type(value) is str else _list(("list", ("null", "", "str")), value)


def _null(kind: Any, value: Any) -> Any:
    if value is not None:
        return _read(kind[2], value)
    return None if kind[1] is None else _read(kind[2], kind[1])


_COMPOUND: dict[str, Callable[[Any, Any], Any]] = {
    "int": _int,
    "list": _list,
    "map": _map,
    "words": _words,
    "null": _null,
    "object": lambda kind, value: read(kind[1], value),
}


def _fresh(default: Any) -> Any:
    """Return a default that nobody else has."""
    if isinstance(default, dict):
        return Body(default["object"], {}) if default else {}
    return list(default) if isinstance(default, list) else default


def _plain(value: Any, **options: bool) -> Any:
    if isinstance(value, Body):
        return value.model_dump((), **options)
    if isinstance(value, list):
        return [_plain(item, **options) for item in value]
    return {key: _plain(item, **options) for key, item in value.items()} if isinstance(value, dict) else value


@cache
def _shapes() -> dict[str, Shape]:
    found: dict[str, Shape] = json.loads(Path(__file__).with_name(FILE).read_bytes())
    return found


@cache
def _lower(shape: str) -> Shape:
    return {key.lower(): field for key, field in _shapes()[shape].items()}
