"""Reading a request's query string as Go's net/url and dockerd's form helpers do. Pure."""

from __future__ import annotations

from compat_api.problems import BadRequest
from engine import go_json
from engine.errors import InvalidParameter
from engine.go_text import go_quote

_FALSE = ("", "0", "no", "false", "none")
_HEX = frozenset("0123456789abcdefABCDEF")


class MalformedFilters(InvalidParameter):
    """The filters parameter is not the JSON that it must be."""


class Query:
    """The parameters of a request; each may be given several times."""

    def __init__(self, text: str) -> None:
        self._values = parse(text)

    def get(self, name: str, default: str = "") -> str:
        """Return a parameter's first value."""
        values = self._values.get(name)
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        """Return all values of a parameter, in order."""
        return self._values.get(name, [])

    def replace(self, name: str, value: str) -> None:
        """Let a parameter have this value and no other."""
        self._values[name] = [value]

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a parameter as a truth value: "", 0, no, false and none are false, all else is true."""
        return default if name not in self._values else truth(self.get(name))

    def integer(self, name: str, default: int = 0, *, bits: int = 64, function: str = "ParseInt") -> int:
        """Return a parameter as a whole number; default when it is missing or empty. Raises BadRequest."""
        text = self.get(name)
        return go_integer(text, bits=bits, function=function) if text else default

    def filters(self, name: str = "filters") -> dict[str, list[str]]:
        """Return the filters: each name with its values. Raises MalformedFilters."""
        return parse_filters(self.get(name))


def truth(text: str) -> bool:
    """Return what a form value means as a truth value."""
    return text.strip().lower() not in _FALSE


def go_bool(text: str) -> bool:
    """Parse a truth value as Go's strconv does; raises BadRequest in its words."""
    if text in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if text in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise BadRequest(f"strconv.ParseBool: parsing {go_quote(text)}: invalid syntax")


def go_integer(text: str, *, bits: int = 64, function: str = "ParseInt") -> int:
    """Parse a decimal number as Go's strconv does; raises BadRequest in its words."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise BadRequest(f"strconv.{function}: parsing {go_quote(text)}: invalid syntax")
    # A number of thousands of digits is not worked out: Python refuses to, and before that it would take long.
    value = int(text) if len(digits.lstrip("0")) < 40 else 1 << 100
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise BadRequest(f"strconv.{function}: parsing {go_quote(text)}: value out of range")
    return value


def parse(text: str) -> dict[str, list[str]]:
    """Split a query string into its parameters; raises BadRequest for what Go refuses."""
    values: dict[str, list[str]] = {}
    problem = ""
    for pair in text.split("&"):
        if not pair:
            continue
        if ";" in pair:
            problem = problem or "invalid semicolon separator in query"
            continue
        name, _, value = pair.partition("=")
        bad = bad_escape(name) or bad_escape(value)
        if bad:
            problem = problem or f"invalid URL escape {go_quote(bad)}"
            continue
        values.setdefault(unescape(name), []).append(unescape(value))
    if problem:
        raise BadRequest(problem)
    return values


def unescape(text: str, *, plus: bool = True) -> str:
    """Return a part of a URL without its escapes; with plus, + is a space."""
    if plus:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    from urllib.parse import unquote_to_bytes

    return go_json.text_of(unquote_to_bytes(text))


def bad_escape(text: str) -> str:
    """Return the first escape in a part of a URL that is none, "" when all are."""
    at = text.find("%")
    while at >= 0:
        if len(text) < at + 3 or not _HEX.issuperset(text[at + 1 : at + 3]):
            return text[at : at + 3]
        at = text.find("%", at + 3)
    return ""


def parse_filters(text: str) -> dict[str, list[str]]:
    """Read filters in either form that clients send: {"name": {"value": true}} or {"name": ["value"]}.

    Raises MalformedFilters when it is neither.
    """
    if not text:
        return {}
    try:
        data = go_json.loads(text)
    except ValueError:
        raise MalformedFilters("invalid filter") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise MalformedFilters("invalid filter")
    kinds = {type(value) for value in data.values() if value is not None}
    if kinds <= {dict}:
        return {name: _chosen(values or {}) for name, values in data.items()}
    if kinds <= {list}:
        return {name: _listed(values or []) for name, values in data.items()}
    raise MalformedFilters("invalid filter")


def _chosen(values: dict[str, object]) -> list[str]:
    if not all(value is None or isinstance(value, bool) for value in values.values()):
        raise MalformedFilters("invalid filter")
    return list(values)  # dockerd minds the names alone


def _listed(values: list[object]) -> list[str]:
    texts = ["" if value is None else value for value in values]
    if not all(isinstance(value, str) for value in texts):
        raise MalformedFilters("invalid filter")
    return list(dict.fromkeys(str(value) for value in texts))
