"""The values that a template fills in, and how Go's text/template sees and prints them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Fields(dict[str, Any]):
    """A record: what {{.Name}} finds; kind is what Go calls its type. Methods are found alike, but not printed."""

    def __init__(self, kind: str, fields: Mapping[str, Any], methods: Mapping[str, Any]) -> None:
        super().__init__({**fields, **methods})
        self.kind = kind
        self.printed = list(fields)


class BadTemplate(ValueError):
    """A template that cannot be parsed or carried out; the text says why, as Go does."""


def kind_of(value: Any) -> str:
    """Return what Go calls the type of a value that is no record."""
    names = {str: "string", bool: "bool", int: "int", float: "float64", list: "[]string", dict: "map[string]string"}
    return names.get(type(value), "interface {}")


def is_true(value: Any) -> bool:
    """Tell whether a condition holds: not for what is empty or zero."""
    return isinstance(value, Fields) or bool(value)


def printed(value: Any) -> str:
    """Return a value as Go prints it."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Fields):
        return "{" + " ".join(printed(value[name]) for name in value.printed) + "}"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{printed(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(printed(each) for each in value) + "]"
    return str(value)
