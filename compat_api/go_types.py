"""Go's words for a JSON value of the wrong type, from pydantic's findings and the model's Go type names. Pure.

The form is that of the Go release which dockerd 28.5 was built with here: the path in the document, each part after
a dot, with ~1 for a slash in a key; the root's type name stands before it where dockerd decodes into a plain struct.
"""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from compat_api.models.go import DockerModel, Go
from engine.go_json import Fraction

Location = tuple[int | str, ...]
_NUMBERS = ("int", "uint", "float", "time.Duration", "fs.FileMode")  # begin the names of types that are numbers


def type_problem(model: type[DockerModel], document: Any, error: ValidationError, root: str | None = None) -> str:
    """Return what Go's decoder would say of the document's first value of a wrong type.

    root: what it calls the document; None: as the model says.
    """
    found = []
    for each in error.errors(include_url=False, include_context=False):
        hint, kept = _hint_at(model, each["loc"])
        path, order, value = _follow(document, kept)
        found.append((order, path, value, hint))
    _, path, value, hint = min(found, key=lambda item: item[0])
    name = _go_name(hint)
    kind = _kind(value, name)
    if name == "strslice.StrSlice":
        return f"json: cannot unmarshal {_kind(value, '')} into Go value of type string"
    if not path:
        return f"json: cannot unmarshal {kind} into Go value of type {name}"
    if root is None:
        root = model.go_root if model.go_root is not None else model.go_type.rpartition(".")[2]
    dotted = root + "".join(f".{_escape(str(part))}" for part in path)
    where = dotted if isinstance(path[-1], int) else f"Go struct field {dotted}"
    return f"json: cannot unmarshal {kind} into {where} of type {name}"


def _hint_at(model: type[DockerModel], location: Location) -> tuple[Any, Location]:
    """Follow a location through the models' annotations; returns the last one and how far it leads.

    A type with a decoder of its own (strslice.StrSlice) ends the way.
    """
    hint: Any = model
    for depth, part in enumerate(location):
        if _marker(hint) == "strslice.StrSlice":
            return hint, location[:depth]
        inner = _plain(hint)
        origin, arguments = typing.get_origin(inner), typing.get_args(inner)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            hint = _field(inner, str(part))
        elif origin is dict:
            hint = arguments[1]
        elif origin in (list, tuple):
            hint = arguments[0]
        else:
            return hint, location[:depth]
        if hint is None:
            return str, location[: depth + 1]
    return hint, location


def _field(model: type[BaseModel], alias: str) -> Any:
    hints = typing.get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        if (field.alias or name) == alias:
            return hints[name]
    return None


def _unwrap(hint: Any) -> list[Any]:
    """Return the layers of a hint, outermost first, without Optional and Annotated."""
    layers = [hint]
    while True:
        origin = typing.get_origin(hint)
        if origin is typing.Annotated:
            hint = typing.get_args(hint)[0]
        elif origin in (typing.Union, types.UnionType):
            hint = next(each for each in typing.get_args(hint) if each is not type(None))
        else:
            return layers
        layers.append(hint)


def _plain(hint: Any) -> Any:
    return _unwrap(hint)[-1]


def _marker(hint: Any) -> str:
    for layer in _unwrap(hint):
        for extra in reversed(getattr(layer, "__metadata__", ())):  # of one type made of another the last is its own
            if isinstance(extra, Go):
                return extra.name
    return ""


def _go_name(hint: Any) -> str:
    """Return the Go name of a type."""
    if marker := _marker(hint):
        return marker
    inner = _plain(hint)
    origin, arguments = typing.get_origin(inner), typing.get_args(inner)
    if origin is list:
        return f"[]{_go_name(arguments[0])}"
    if origin is dict:
        return f"map[string]{_go_name(arguments[1])}"
    if isinstance(inner, type) and issubclass(inner, DockerModel):
        return inner.go_type
    return {str: "string", bool: "bool", int: "int64", float: "float64"}.get(inner, "interface {}")


def _follow(document: Any, location: Location) -> tuple[list[int | str], list[int], Any]:
    """Find a location in the document: its parts as written there, its place in reading order, and the value."""
    path: list[int | str] = []
    order: list[int] = []
    for part in location:
        if isinstance(document, dict):
            keys = list(document)
            # Of several spellings the last one counts, as in compat_api.models.go.
            meant = (each for each in reversed(keys) if each.lower() == str(part).lower())
            key = next((each for each in meant if document[each] is not None), "")
            if key not in document:
                break
            path.append(key)
            order.append(keys.index(key))
            document = document[key]
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            path.append(part)
            order.append(part)
            document = document[part]
        else:
            break
    return path, order, document


def _kind(value: Any, target: str) -> str:
    """Return what Go calls a value; a number is quoted where the target takes numbers, only not this one."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        if target.startswith(_NUMBERS) and not target.startswith("interface"):
            return f"number {value.text if isinstance(value, Fraction) else value}"
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
