"""The part of YAML in which files of the Container Device Interface are written: what nvidia-ctk and its like make.

Block mappings and sequences, flow ones on a line in the form of JSON, plain and quoted scalars, comments. What is
beyond that (anchors, tags, block scalars, several documents) is a ValueError, never a guess. Pure.
"""

from __future__ import annotations

import json
import re
from typing import Any

_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#'"\[\]{},&*!|>%@`][^#]*?)\s*:(?:\s+|$)""")

Line = tuple[int, str]  # indentation, content


def read_yaml(text: str) -> Any:
    """Return what a document holds. Raises ValueError."""
    lines = list(_lines(text))
    if not lines:
        return None
    value, rest = _block(lines, 0, lines[0][0])
    if rest != len(lines):
        raise ValueError(f"cannot read YAML at: {lines[rest][1]}")
    return value


def _lines(text: str) -> list[Line]:
    found: list[Line] = []
    for raw in text.splitlines():
        if raw.strip() == "---" and not found:
            continue
        content = _without_comment(raw).rstrip()
        if "\t" in raw[: len(raw) - len(raw.lstrip())]:
            raise ValueError("a tab before YAML content")
        if content.strip():
            found.append((len(content) - len(content.lstrip()), content.lstrip()))
    return found


def _without_comment(line: str) -> str:
    quote = ""
    for place, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "#" and (place == 0 or line[place - 1].isspace()):
            return line[:place]
    return line


def _block(lines: list[Line], at: int, indent: int) -> tuple[Any, int]:
    """Return the value whose lines begin at `at`, and the line after it."""
    if _is_item(lines[at][1]):
        return _sequence(lines, at, indent)
    if _KEY.match(lines[at][1]):
        return _mapping(lines, at, indent)
    return _scalar(lines[at][1]), at + 1


def _is_item(content: str) -> bool:
    return content == "-" or content.startswith("- ")


def _sequence(lines: list[Line], at: int, indent: int) -> tuple[list[Any], int]:
    items = []
    while at < len(lines) and lines[at][0] == indent and _is_item(lines[at][1]):
        inner = lines[at][1][1:].lstrip()
        if not inner:
            value, at = _nested(lines, at, indent)
        else:
            # The item's own first line becomes one of the block that it begins.
            own = indent + len(lines[at][1]) - len(inner)
            lines[at] = (own, inner)
            value, at = _block(lines, at, own)
        items.append(value)
    return items, at


def _mapping(lines: list[Line], at: int, indent: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while at < len(lines) and lines[at][0] == indent and not _is_item(lines[at][1]):
        match = _KEY.match(lines[at][1])
        if match is None:
            raise ValueError(f"cannot read YAML at: {lines[at][1]}")
        key, rest = str(_scalar(match[1])), lines[at][1][match.end() :].strip()
        if key in found:
            raise ValueError(f"a YAML key twice: {key}")
        if rest:
            found[key], at = _scalar(rest), at + 1
        else:
            found[key], at = _nested(lines, at, indent)
    return found, at


def _nested(lines: list[Line], at: int, indent: int) -> tuple[Any, int]:
    """Return what stands below a line that ends in a colon or a dash; a sequence may be as far left as its key."""
    below = at + 1
    if below < len(lines) and (
        lines[below][0] > indent or (lines[below][0] == indent and _is_item(lines[below][1]) and lines[at][1] != "-")
    ):
        return _block(lines, below, lines[below][0])
    return None, below


def _scalar(text: str) -> Any:
    if text.startswith('"'):
        return _json(text)
    if text.startswith("'"):
        if len(text) < 2 or not text.endswith("'"):
            raise ValueError(f"cannot read YAML at: {text}")
        return text[1:-1].replace("''", "'")
    if text[0] in "[{":
        return _flow(text)
    if text[0] in "&*!|>%@`":
        raise ValueError(f"cannot read YAML at: {text}")
    if text in ("null", "~"):
        return None
    if text in ("true", "True", "false", "False"):
        return text in ("true", "True")
    if re.fullmatch(r"[-+]?[0-9]+", text, re.ASCII):
        # YAML 1.1, which Go's reader of these files follows, takes a leading 0 for base 8.
        return int(text, 8) if re.fullmatch(r"0[0-7]+", text) else int(text)
    if re.fullmatch(r"0o[0-7]+|0x[0-9a-fA-F]+", text, re.ASCII):
        return int(text, 0)
    return text


def _flow(text: str) -> Any:
    if not text.endswith("]" if text[0] == "[" else "}"):
        raise ValueError(f"cannot read YAML at: {text}")
    try:
        return _json(text)
    except ValueError:
        inner = text[1:-1].strip()
        if text[0] == "{" or any(character in inner for character in "[]{}\"'"):
            raise
        return [_scalar(part.strip()) for part in inner.split(",")] if inner else []


def _json(text: str) -> Any:
    return json.loads(text)
