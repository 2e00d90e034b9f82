"""Records to JSON and back, driven by their field types: the form in which the state database keeps them.

Covers what the engine's records are made of: str, int, float, bool, None, list, dict with str keys, unions with
None, and other dataclasses. A field that the JSON lacks takes its default, so that a newer engine reads
what an older one wrote; a key that the record lacks is passed over, for the other way round.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from typing import Any, TypeVar

dumps = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one for each call

Record = TypeVar("Record")
Build = Callable[[Any], Any]


def encode(record: Any) -> str:
    """Return a record as one line of JSON, without the fields that have their default."""
    return dumps(to_plain(record))


def decode(cls: type[Record], text: str | bytes) -> Record:
    """Make the record that encode wrote."""
    return from_plain(cls, json.loads(text))


def to_plain(value: Any) -> Any:
    """Turn records into dicts all the way down, leaving out fields that have their default."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    plain = {}
    for name, default in _defaults(typing.cast(Hashable, type(value))):
        item = getattr(value, name)
        if default is dataclasses.MISSING or item != default:
            plain[name] = to_plain(item)
    return plain


def from_plain(cls: type[Record], data: Mapping[str, Any]) -> Record:
    """Make a record from a dict of its fields."""
    builders = _builders(typing.cast(Hashable, cls))
    return cls(**{name: build(data[name]) if build else data[name] for name, build in builders if name in data})


@cache
def _defaults(cls: Hashable) -> list[tuple[str, Any]]:
    found = []
    for field in dataclasses.fields(typing.cast(Any, cls)):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        found.append((field.name, default))
    return found


@cache
def _builders(cls: Hashable) -> list[tuple[str, Build | None]]:
    hints = _hints(typing.cast("type[Any]", cls))
    return [(field.name, _builder(hints[field.name])) for field in dataclasses.fields(typing.cast(Any, cls))]


def _hints(cls: type) -> dict[str, Any]:
    """Return the types of a record's fields: typing.get_type_hints brings in a parser from Python 3.14 on."""
    found: dict[str, Any] = {}
    for each in reversed(cls.__mro__[:-1]):
        names = vars(sys.modules[each.__module__])
        found |= {name: eval(text, names) for name, text in each.__annotations__.items()}
    return found


def _builder(hint: Any) -> Build | None:
    """Return what turns plain JSON into a value of this type; None where it is the value already."""
    if dataclasses.is_dataclass(hint):
        cls = typing.cast("type[Any]", hint)
        return lambda data: from_plain(cls, data)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [build for argument in arguments if (build := _builder(argument))]
        if not inner:
            return None
        build = inner[0]
        return lambda data: None if data is None else build(data)
    if origin is list and (item := _builder(arguments[0])):
        return lambda data: [item(entry) for entry in data]
    if origin is dict and (entry := _builder(arguments[1])):
        return lambda data: {key: entry(each) for key, each in data.items()}
    return None
