"""The functions of templates: those of Go's text/template, and those of dockerd's own templates. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

from engine.containers.go_template.values import Fields, is_true, kind_of, printed
from engine.go_text import go_quote

_VERB = re.compile(r"%([-+# 0]*)(\d*)(?:\.(\d*))?([a-zA-Z%])")


def _print(*values: Any) -> str:
    """Return values side by side, with a space between two of which neither is a text."""
    out = ""
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            out += " "
        out += printed(value)
    return out


def _printf(form: str, *values: Any) -> str:
    left = list(values)

    def one(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(MISSING)"
        text = _formatted(verb, left.pop(0), flags, precision)
        fill = "0" if "0" in flags and "-" not in flags and verb in "dxX" else " "
        size = int(width or 0)
        return text.ljust(size) if "-" in flags else text.rjust(size, fill)

    out = _VERB.sub(one, form)
    if left:
        out += "%!(EXTRA " + ", ".join(f"{kind_of(each)}={printed(each)}" for each in left) + ")"
    return out


def _formatted(verb: str, value: Any, flags: str, precision: str | None) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if verb == "v" or (verb == "s" and not isinstance(value, int | float)):
        text = printed(value)
        return text[: int(precision or 0)] if precision is not None and isinstance(value, str) else text
    if verb == "q" and isinstance(value, str):
        return go_quote(value)
    if verb == "q" and isinstance(value, list):
        return "[" + " ".join(go_quote(str(each)) for each in value) + "]"
    if verb == "d" and whole:
        return f"{value:+d}" if "+" in flags else str(value)
    if verb == "t" and isinstance(value, bool):
        return printed(value)
    if verb in "xX" and whole:
        return format(value, verb)
    if verb in "xX" and isinstance(value, str):
        text = value.encode().hex()
        return text.upper() if verb == "X" else text
    if verb == "c" and whole:
        return chr(value)
    if verb == "f" and isinstance(value, float):
        return f"{value:.{int(precision) if precision else 6}f}"
    if verb == "U" and whole:
        return f"U+{value:04X}"
    if verb == "e" and isinstance(value, float):
        return f"{value:.{int(precision) if precision else 6}e}"
    if verb == "T":
        return kind_of(value)
    return f"%!{verb}({kind_of(value)}={printed(value)})"


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, "")
        elif isinstance(value, list | str):
            if not 0 <= key < len(value):
                raise IndexError(f"index out of range: {key}")
            value = value[key] if isinstance(value, list) else value.encode()[key]
        else:
            raise ValueError(f"can't index item of type {kind_of(value)}")
    return value


def _slice(value: Any, *bounds: int) -> Any:
    whole = value.encode() if isinstance(value, str) else value
    begin, end = (*bounds, len(whole))[:2] if bounds else (0, len(whole))
    if not 0 <= begin <= end <= len(whole):
        raise IndexError(f"index out of range: {end if end > len(whole) else begin}")
    cut = whole[begin:end]
    return cut.decode(errors="replace") if isinstance(cut, bytes) else cut


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise ValueError("missing argument for comparison")
    for other in others:
        if kind_of(first) != kind_of(other):
            raise ValueError(f"incompatible types for comparison: {kind_of(first)} and {kind_of(other)}")
    return first in others


def _order(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(first: Any, second: Any) -> bool:
        if kind_of(first) != kind_of(second):
            raise ValueError(f"incompatible types for comparison: {kind_of(first)} and {kind_of(second)}")
        return test(first, second)

    return compare


def _html(*values: Any) -> str:
    text = _print(*values)
    for char, entity in (("&", "&amp;"), ("'", "&#39;"), ('"', "&#34;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, entity)
    return text


def _js(*values: Any) -> str:
    marks = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
    return "".join(marks.get(char, char) for char in _print(*values))


def _title(text: str) -> str:
    return re.sub(r"(?<![\w'])\w", lambda match: match[0].upper(), text)


def _truncate(text: str, length: int) -> str:
    data = text.encode()
    return text if len(data) < length else data[:length].decode(errors="replace")


def _json(value: Any) -> str:
    record = isinstance(value, Fields)
    plain = {name: value[name] for name in value.printed} if record else value
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=not record)


def _length(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise ValueError(f"len of type {kind_of(value)}")
    return len(value.encode() if isinstance(value, str) else value)


# Each with the kinds of its arguments, "" for any; () where their number is not fixed.
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "not": (lambda value: not is_true(value), ("",)),
    "len": (_length, ("",)),
    "index": (_index, ()),
    "slice": (_slice, ()),
    "print": (_print, ()),
    "println": (lambda *values: " ".join(map(printed, values)) + "\n", ()),
    "printf": (_printf, ()),
    "html": (_html, ()),
    "js": (_js, ()),
    "urlquery": (lambda *values: quote_plus(_print(*values)), ()),
    "eq": (_equal, ()),
    "ne": (lambda first, second: not _equal(first, second), ("", "")),
    "lt": (_order(lambda a, b: a < b), ("", "")),
    "le": (_order(lambda a, b: a <= b), ("", "")),
    "gt": (_order(lambda a, b: a > b), ("", "")),
    "ge": (_order(lambda a, b: a >= b), ("", "")),
    "json": (_json, ("",)),
    "split": (lambda text, by: text.split(by) if by else list(text), ("string", "string")),
    "join": (lambda texts, by: by.join(texts), ("[]string", "string")),
    "title": (_title, ("string",)),
    "lower": (lambda text: text.lower(), ("string",)),
    "upper": (lambda text: text.upper(), ("string",)),
    "pad": (lambda text, before, after: " " * before + text + " " * after if text else text, ("string", "int", "int")),
    "truncate": (_truncate, ("string", "int")),
}
