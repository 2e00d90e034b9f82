"""What compat_api.body reads bodies by, from the models of the routes' bodies."""

from __future__ import annotations

import importlib
import types
import typing
from typing import Any

from annotated_types import Ge, Lt
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from compat_api.models import go
from compat_api.models.go import DockerModel
from compat_api.openapi.facts import to_lines
from compat_api.routes import all_routes

NULLS = {go._empty_for_null: "", go._zero_for_null: {}}


class NotPlain(Exception):
    """A model holds what compat_api.body cannot read: requests with it are left to the model."""


def shapes() -> dict[str, Any]:
    """Return the shapes of all models that are bodies, and of those within them."""
    found: dict[str, Any] = {}
    for route in all_routes():
        if route.body:
            try:
                found |= _shapes_of(_model(route.body))
            except NotPlain:
                continue
    return dict(sorted(found.items()))


def text() -> str:
    """Return the file."""
    return to_lines(shapes())


def _model(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(f"compat_api.models.{module}"), name)


def _shapes_of(model: Any) -> dict[str, Any]:
    if not (isinstance(model, type) and issubclass(model, DockerModel)):
        raise NotPlain
    hints = typing.get_type_hints(model, include_extras=True)
    found: dict[str, Any] = {}
    shape = {}
    for name, field in model.model_fields.items():
        kind = _kind(hints[name], found)
        # For a null, which is passed over in a field, nothing need be said.
        shape[field.alias or name] = [name, kind[2] if kind[0] == "null" else kind, _default(field)]
    return found | {_name(model): shape}


def _name(model: type[DockerModel]) -> str:
    return f"{model.__module__.rpartition('.')[2]}:{model.__name__}"


def _default(field: FieldInfo) -> Any:
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        raise NotPlain
    return {"object": _name(type(default))} if isinstance(default, DockerModel) else default


def _kind(hint: Any, found: dict[str, Any]) -> Any:
    """Return what a hint allows; the shapes of the models in it go into found."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _annotated(arguments[0], arguments[1:], found)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (each for each in arguments if each is not type(None))
        return ["null", None, _kind(inner, found)]
    if origin is list:
        return ["list", _kind(arguments[0], found)]
    if origin is dict and arguments[0] is str:
        return ["map", _kind(arguments[1], found)]
    if isinstance(hint, type) and issubclass(hint, DockerModel):
        found |= _shapes_of(hint)
        return ["object", _name(hint)]
    if hint in (str, bool):
        return hint.__name__
    if hint is Any:
        return "any"
    raise NotPlain


def _annotated(inner: Any, extras: tuple[Any, ...], found: dict[str, Any]) -> Any:
    kind: Any = None if inner is int else _kind(inner, found)
    for extra in extras:
        if isinstance(extra, BeforeValidator):
            if extra.func is go._list_of_one:
                kind = ["words"]
            else:
                kind = ["null", NULLS[extra.func], kind]  # type: ignore[index]
        elif isinstance(extra, FieldInfo):
            least, below = [None, None]
            for each in extra.metadata:
                least = each.ge if isinstance(each, Ge) else least
                below = each.lt if isinstance(each, Lt) else below
            if kind is None and isinstance(least, int) and isinstance(below, int):
                kind = ["int", least, below - 1]
            elif extra.metadata:
                raise NotPlain
    if kind is None:
        raise NotPlain
    return kind
