"""Turning a request's body into a model, strict and lenient exactly where dockerd is, with its words for what is wrong.

A model is named as in the table of routes, "module:name" below compat_api.models. It is imported, and pydantic with it,
only for a body that compat_api.body cannot read.
"""

from __future__ import annotations

from typing import Any

from compat_api import body as bodies
from compat_api.problems import BadRequest
from compat_api.table import load
from engine import go_json

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def decode_body(model: str, body: bytes, content_type: str, *, required: bool, length_known: bool) -> Any:
    """Read a JSON body; an empty one is a model of defaults, or an error when it is required.

    length_known: the client said how long the body is, as opposed to sending it in chunks. Raises BadRequest.
    """
    if content_type or body or not length_known:
        check_json(content_type)
    if not body and length_known and not required:
        return decode_value(model, {})
    value, more = _read(body)
    found = decode_value(model, value)
    if more:
        raise BadRequest(more)
    return found


def decode_list(body: bytes, content_type: str, go_type: str, *, length_known: bool, items: str = "") -> list[Any]:
    """Read a JSON body that is a list of texts or of objects, [] for an empty one. Raises BadRequest.

    go_type: what Go's decoder calls the list: "[]string", or a type named as its items with an s. items: the model
    that the objects must be like, if there is one.
    """
    if content_type or body or not length_known:
        check_json(content_type)
    value, more = _read(body) if body or not length_known else ([], "")
    found = _items(value, go_type, items)
    if more:
        raise BadRequest(more)
    return found


def _items(value: Any, go_type: str, model: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRequest(f"invalid JSON: json: cannot unmarshal {go_kind(value)} into Go value of type {go_type}")
    texts = go_type == "[]string"
    name, item_type = ("", "string") if texts else (go_type.rpartition(".")[2], go_type.removesuffix("s"))
    for index, item in enumerate(value):
        if item is not None and not isinstance(item, str if texts else dict):
            into = f"{name}.{index} of type {item_type}"
            raise BadRequest(f"invalid JSON: json: cannot unmarshal {go_kind(item)} into {into}")
        if model:
            decode_value(model, item, root=f"{name}.{index}")
    return value


def go_kind(value: Any) -> str:
    """Return what Go's decoder calls a JSON value."""
    kinds = {bool: "bool", str: "string", list: "array", dict: "object"}
    return next((name for kind, name in kinds.items() if isinstance(value, kind)), "number")


def _read(body: bytes) -> tuple[Any, str]:
    """Return the JSON value, and what is wrong with that which follows it: told when the value itself is right."""
    try:
        return go_json.loads(body), ""
    except go_json.TrailingContent as more:
        return more.value, str(more)
    except go_json.SyntaxProblem as problem:
        text = "got EOF while reading request body" if str(problem) == "EOF" else str(problem)
        raise BadRequest(f"invalid JSON: {text}") from None


def decode_value(model: str, value: Any, *, root: str | None = None) -> Any:
    """Make a model, or what is like it, of a JSON value; null is a model of defaults.

    root: how the value is called, where it is a part of another one. Raises BadRequest in the words of Go's decoder.
    """
    value = {} if value is None else value
    if bodies.known(model):
        try:
            return bodies.read(model, value)
        except bodies.Unusual:
            pass
    return _validated(load(model, "models"), value, root)


def _validated(model: Any, value: Any, root: str | None) -> Any:
    from pydantic import ValidationError

    try:
        return model.model_validate(value)
    except ValidationError as error:
        from compat_api.go_types import type_problem

        raise BadRequest(f"invalid JSON: {type_problem(model, value, error, root)}") from None


def check_json(content_type: str) -> None:
    """Raise BadRequest unless a Content-Type header says JSON."""
    media_type, problem = parse_media_type(content_type)
    if problem:
        raise BadRequest(f"malformed Content-Type header ({content_type}): mime: {problem}")
    if media_type != "application/json":
        raise BadRequest(f"unsupported Content-Type header ({content_type}): must be 'application/json'")


def parse_media_type(text: str) -> tuple[str, str]:
    """Return a media type in lower case, and what Go's mime package finds wrong with the text, "" for nothing."""
    base, *parameters = text.split(";")
    media_type = base.strip().lower()
    if not media_type:
        return "", "no media type"
    kind, slash, subtype = media_type.partition("/")
    if not kind or kind.strip("".join(_TOKEN)):
        return "", "expected token" if not kind else "expected slash in first token" if not slash else "no media type"
    if slash and (not subtype or not _TOKEN.issuperset(subtype)):
        token = bool(subtype) and subtype[0] in _TOKEN
        return "", "unexpected content after media subtype" if token else "expected token after slash"
    seen = set()
    for index, parameter in enumerate(parameters):
        if not parameter.strip():
            if index == len(parameters) - 1:
                continue  # a last semicolon is let pass
            return media_type, "invalid media parameter"
        name, _, value = parameter.strip().partition("=")
        if not _is_token(name) or not (_is_token(value) or (len(value) > 1 and value[0] == value[-1] == '"')):
            return media_type, "invalid media parameter"
        if name.lower() in seen:
            return "", "duplicate parameter name"
        seen.add(name.lower())
    return media_type, ""


def _is_token(text: str) -> bool:
    return bool(text) and _TOKEN.issuperset(text)
