"""JSON as Go's encoding/json reads and writes it: what dockerd's answers look like, and its words for what is no JSON.

Pure. Reading is Python's own; only when that fails is the text looked at once more, to say it as Go does.
"""

from __future__ import annotations

import json
from typing import Any

_SPACE = " \t\r\n"
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_HEX = "0123456789abcdefABCDEF"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class SyntaxProblem(ValueError):
    """The text is no JSON; the exception's text says so in Go's words. end: it only stops too early."""

    def __init__(self, words: str, *, end: bool = False) -> None:
        super().__init__(words)
        self.end = end


class TrailingContent(ValueError):
    """Something follows the JSON value."""


class Fraction(float):
    """A number that is written as no whole number; text is how it was written."""

    text: str

    def __new__(cls, text: str) -> Fraction:
        """Read the number."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def dumps(value: Any) -> str:
    """Return a value as Go's encoder writes it with HTML escaping off: as dockerd's plain answers are."""
    text: str = _encode(value)
    if "\u2028" in text or "\u2029" in text:
        text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return text


def dumps_escaped(value: Any) -> str:
    """Return a value as Go's encoder writes it by default: as the lines of dockerd's streams are."""
    return dumps(value).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def loads(text: str) -> Any:
    """Read one JSON value; numbers with a fraction or an exponent are Fractions.

    Raises SyntaxProblem, or TrailingContent when more follows.
    """
    text = text.lstrip(_SPACE)
    if not text:
        raise SyntaxProblem("EOF", end=True)
    try:
        value, end = _decoder.raw_decode(text)
    except RecursionError:
        raise SyntaxProblem("exceeded max depth") from None
    except ValueError:
        _Scanner(text).check()
        try:
            value, end = _long_numbers.raw_decode(text)
        except ValueError:
            raise SyntaxProblem("unexpected EOF", end=True) from None
    if text[end:].strip(_SPACE):
        if text[0] in "{[" or text[end] in _SPACE or text[0] == '"':
            raise TrailingContent
        _Scanner(text).check()
        raise TrailingContent
    return value


def _no_constant(_: str) -> Any:
    raise ValueError


def _whole(text: str) -> int | Fraction:
    """Read a whole number; one that is too long for any type is not worked out."""
    return int(text) if len(text) < 40 else Fraction(text)


_decoder = json.JSONDecoder(parse_float=Fraction, parse_constant=_no_constant)
# For a document with a number of thousands of digits, which Python refuses to work out.
_long_numbers = json.JSONDecoder(parse_float=Fraction, parse_int=_whole, parse_constant=_no_constant)


def quote_char(char: str) -> str:
    """Quote a character as Go's error texts do."""
    if char == "'":
        return r"'\''"
    if char == '"':
        return "'\"'"
    from compat_api.query import go_quote

    return f"'{go_quote(char)[1:-1]}'"


class _Scanner:
    """Finds the first place where a text stops being JSON. Not recursive, so that no depth is too much."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def check(self) -> None:
        """Raise SyntaxProblem for the first error; return when the value is whole."""
        stack: list[str] = []
        self._value(stack)
        while stack:
            inside = stack[-1]
            self._skip_space()
            char = self._next()
            if inside == "{":
                if char == ",":
                    self._skip_space()
                    self._key()
                    self._value(stack)
                elif char == "}":
                    stack.pop()
                else:
                    self._fail(char, "after object key:value pair")
            elif char == ",":
                self._value(stack)
            elif char == "]":
                stack.pop()
            else:
                self._fail(char, "after array element")

    def _value(self, stack: list[str]) -> None:
        """Read a value, or the beginning of an object or array up to its first element's end."""
        while True:
            self._skip_space()
            char = self._next()
            if char == "{":
                stack.append(char)
                self._skip_space()
                if self._peek() == "}":
                    self._at += 1
                    stack.pop()
                    return
                self._key()
            elif char == "[":
                stack.append(char)
                self._skip_space()
                if self._peek() == "]":
                    self._at += 1
                    stack.pop()
                    return
            else:
                self._scalar(char)
                return

    def _scalar(self, char: str) -> None:
        if char == '"':
            self._string()
        elif char in _LITERALS:
            word = _LITERALS[char]
            for expected in word[1:]:
                found = self._next()
                if found != expected:
                    self._fail(found, f"in literal {word} (expecting {quote_char(expected)})")
        elif char == "-" or char.isdecimal():
            self._number(char)
        else:
            self._fail(char, "looking for beginning of value")

    def _key(self) -> None:
        char = self._next()
        if char != '"':
            self._fail(char, "looking for beginning of object key string")
        self._string()
        self._skip_space()
        char = self._next()
        if char != ":":
            self._fail(char, "after object key")

    def _string(self) -> None:
        while True:
            char = self._next()
            if char == '"':
                return
            if char < " ":
                self._fail(char, "in string")
            if char != "\\":
                continue
            escape = self._next()
            if escape == "u":
                taken = "\\u"
                for _ in range(4):
                    digit = self._next()
                    taken += digit
                    if digit not in _HEX:
                        raise SyntaxProblem(f"invalid escape sequence `{taken}` in string")
            elif escape not in '"\\/bfnrt':
                raise SyntaxProblem(f"invalid escape sequence `\\{escape}` in string")

    def _number(self, char: str) -> None:
        if char == "-":
            char = self._next()
            if not char.isdecimal():
                self._fail(char, "in numeric literal")
        if char != "0":
            self._digits()
        if self._peek() == ".":
            self._at += 1
            self._one_digit()
            self._digits()
        if self._peek() in ("e", "E"):
            self._at += 1
            if self._peek() in ("+", "-"):
                self._at += 1
            self._one_digit()
            self._digits()

    def _one_digit(self) -> None:
        char = self._next()
        if not char.isdecimal():
            self._fail(char, "in numeric literal")

    def _digits(self) -> None:
        while self._peek().isdecimal():
            self._at += 1

    def _skip_space(self) -> None:
        while self._peek() and self._peek() in _SPACE:
            self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise SyntaxProblem("unexpected EOF", end=True)
        self._at += 1
        return char

    def _fail(self, char: str, where: str) -> None:
        raise SyntaxProblem(f"invalid character {quote_char(char)} {where}")
