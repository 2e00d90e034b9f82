"""JSON as Go's encoding/json reads and writes it: what dockerd's answers look like, and its words for what is no JSON.

Pure. Reading is Python's own; only when that fails is the text looked at once more, to say it as Go does. What Python
minds otherwise is mended before: bytes that are no UTF-8, halves of surrogate pairs, and depth, of which Go takes ten
times as much.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from engine.go_text import go_quote

_SPACE = " \t\r\n"
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_HEX = "0123456789abcdefABCDEF"
_DEPTH = 10_000  # more is refused by Go
_SHALLOW = 200  # deeper than anything that is asked for, and no trouble to Python's decoder and its users
# Expressions, compiled at their first use: importing this belongs to a cold start.
_STRINGS_AND_BRACKETS = r'(?s)"(?:[^"\\]|\\.)*"?|[\[{\]}]'
_ESCAPES = r"(?s)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)"
_SPACES = r"[ \t\r\n]*+"
_STRING = r'"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+"'
_SMALL = (
    rf"(?:{_STRING}|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null|"
    rf"\[{_SPACES}\]|\{{{_SPACES}\}})"
)
_ELEMENTS = rf"(?:{_SPACES},{_SPACES}{_SMALL}(?={_SPACES}[,\]]))++"
_MEMBERS = rf"(?:{_SPACES},{_SPACES}{_STRING}{_SPACES}:{_SPACES}{_SMALL}(?={_SPACES}[,}}]))++"
_PLAIN = r'[^"\\\x00-\x1f]*'
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class SyntaxProblem(ValueError):
    """The text is no JSON; the exception's text says so in Go's words. end: it only stops too early."""

    def __init__(self, words: str, *, end: bool = False) -> None:
        super().__init__(words)
        self.end = end


class TrailingContent(ValueError):
    """Something follows the JSON value, which is read all the same."""

    def __init__(self, value: Any) -> None:
        super().__init__("unexpected content after JSON")
        self.value = value


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
    return escaped(dumps(value))


def escaped(text: str) -> str:
    """Return JSON with the characters escaped that HTML minds."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def text_of(data: bytes) -> str:
    """Decode UTF-8 as Go does: each byte that belongs to no character is a U+FFFD of its own."""
    return data.decode(errors=_EACH)


def bytes_of(text: str) -> bytes:
    """Encode as UTF-8 what may hold halves of surrogate pairs, as names of files do: each becomes U+FFFD."""
    return text.encode(errors=_EACH)


def _each(problem: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(problem, UnicodeDecodeError):
        return "\ufffd", problem.start + 1
    assert isinstance(problem, UnicodeEncodeError)
    return "\ufffd".encode() * (problem.end - problem.start), problem.end


_EACH = "each-byte"
codecs.register_error(_EACH, _each)


def loads(data: str | bytes) -> Any:
    """Read one JSON value; numbers with a fraction or an exponent are Fractions.

    Raises SyntaxProblem, or TrailingContent when more follows.
    """
    text = data if isinstance(data, str) else text_of(data)
    text = _whole_characters(text).lstrip(_SPACE)
    if not text:
        raise SyntaxProblem("EOF", end=True)
    if _is_deep(text):
        _Scanner.of(data).check()
        text = _cut(text)
    try:
        value, end = _decoder.raw_decode(text)
    except ValueError:
        _Scanner.of(data).check()
        try:
            value, end = _long_numbers.raw_decode(text)
        except ValueError:
            raise SyntaxProblem("unexpected EOF", end=True) from None
    if text[end:].strip(_SPACE):
        _Scanner(text).check()
        raise TrailingContent(value)
    return value


def _is_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= _SHALLOW:
        return False
    return any(depth > _SHALLOW for depth, _ in _nesting(text))


def _nesting(text: str) -> Iterator[tuple[int, int]]:
    """Yield how deep what follows is, and where that is, after each bracket; text may be no JSON."""
    depth = 0
    for found in re.finditer(_STRINGS_AND_BRACKETS, text):
        char = found[0]
        if char in ("[", "{"):
            depth += 1
        elif char in ("]", "}"):
            depth -= 1
        else:
            continue
        yield depth, found.end()


def _cut(text: str) -> str:
    """Empty the objects and arrays of some JSON that lie deeper than anybody looks."""
    parts, start, before = [], 0, 0
    for depth, end in _nesting(text):
        if depth == _SHALLOW + 1 and before == _SHALLOW:
            parts.append(text[start:end])
        elif depth == _SHALLOW and before == _SHALLOW + 1:
            start = end - 1
        before = depth
    return "".join([*parts, text[start:]])


def characters(data: bytes) -> str:
    """Return a JSON document as text in which everything, also behind escapes, is a character."""
    return _whole_characters(text_of(data))


def _whole_characters(text: str) -> str:
    """Return a text whose escapes are all of characters: half a surrogate pair is U+FFFD, as for Go."""
    if "\\ud" not in text and "\\uD" not in text:
        return text
    half = ("\\ud", "\\uD")
    return re.sub(_ESCAPES, lambda m: r"\ufffd" if len(m[0]) == 6 and m[0].startswith(half) else m[0], text)


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
    return f"'{go_quote(char)[1:-1]}'"


def _quoted(text: str) -> str:
    """Quote a text as Go's error texts do: as it is between backquotes, where that can be."""
    return f"`{text}`" if text.isprintable() and "`" not in text else go_quote(text)


class _Scanner:
    """Finds the first place where a text stops being JSON. Not recursive, so that no depth is too much for it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._plain = re.compile(_PLAIN)
        self._more = {"[": re.compile(_ELEMENTS), "{": re.compile(_MEMBERS)}  # of what is right and not nested

    @classmethod
    def of(cls, data: str | bytes) -> _Scanner:
        """Scan a document; a byte that belongs to no character is told by its number."""
        return cls((data if isinstance(data, str) else data.decode(errors="surrogateescape")).lstrip(_SPACE))

    def check(self) -> None:
        """Raise SyntaxProblem for the first error; return when the value is whole."""
        stack: list[str] = []
        self._value(stack)
        while stack:
            inside = stack[-1]
            if more := self._more[inside].match(self._text, self._at):
                self._at = more.end()
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
            if char in ("{", "[") and len(stack) == _DEPTH:
                raise SyntaxProblem("exceeded max depth")
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
            if plain := self._plain.match(self._text, self._at):
                self._at = plain.end()
            char = self._next()
            if char == '"':
                return
            if char < " ":
                self._fail(char, "in string")
            if char != "\\":
                continue
            escape = self._next()
            if escape == "u":
                four = self._text[self._at : self._at + 4].encode(errors="surrogateescape")[:4]
                taken = four.decode(errors="surrogateescape")  # bytes are counted
                for digit in taken:
                    if digit not in _HEX:
                        raise SyntaxProblem(f"invalid escape sequence {_quoted(chr(92) + 'u' + taken)} in string")
                if len(taken) < 4:
                    raise SyntaxProblem("unexpected EOF", end=True)
                self._at += 4
            elif escape not in '"\\/bfnrt':
                raise SyntaxProblem(f"invalid escape sequence {_quoted(chr(92) + escape)} in string")

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
