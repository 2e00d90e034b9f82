"""Writing YAML in one form only, so that a document that has not changed is the same text."""

from __future__ import annotations

from typing import Any


def to_yaml(value: Any, indent: int = 0) -> str:
    """Return a value made of dicts, lists and scalars as YAML, in a form that never changes."""
    import json

    pad = "  " * indent
    if isinstance(value, dict) and value:
        lines = []
        for key, item in value.items():
            name = key if key.replace("_", "").replace("-", "").isalpha() and key not in _WORDS else json.dumps(key)
            lines.append(f"{pad}{name}:{_item(item, indent + 1)}")
        return "".join(lines)
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_item(item, indent + 1)}" for item in value)
    return f"{pad}{json.dumps(value, ensure_ascii=False)}\n"


_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # not texts to some readers of YAML


def _item(value: Any, indent: int) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + to_yaml(value, indent)
    return " " + to_yaml(value)
