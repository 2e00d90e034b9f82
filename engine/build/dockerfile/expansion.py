"""Words of a Dockerfile: their quotes, their escapes and the variables in them. Pure.

All forms of BuildKit's 1.x: $name, ${name}, ${name:-word}, -, :+, +, :?, ?, #, ##, %, %%, / and //. Names that are
not set are empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.build.dockerfile import globs
from engine.build.dockerfile.errors import ExpansionError

_SPECIAL = frozenset("@*#?-$!0")
_ACTIVE = re.compile("""[$'"`\\\\]""")  # in a word without any of these nothing is to be done
_MAXIMUM_DEPTH = 100  # of words within words
_SHOWN = 1000  # characters of a word in an error text
MAXIMUM_SIZE = 1 << 20  # of what a word may become


def is_space(character: str) -> bool:
    """Whether Go calls this character a space."""
    return character.isspace() and not "\x1c" <= character <= "\x1f"


@dataclass(frozen=True, slots=True)
class Rules:
    """How a word is read; raw: what it takes away stays, keep_unset: variables that are not set stay as written."""

    escape: str = "\\"
    raw_quotes: bool = False
    raw_escapes: bool = False
    keep_quotes: bool = False  # quotes mean nothing, as in a heredoc
    keep_unset: bool = False


@dataclass(slots=True)
class _Words:
    """A text that is split at spaces which were not quoted."""

    words: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Take a text whose spaces split."""
        if not any(map(is_space, text)):
            self.current.append(text)
            return
        for character in text:
            if not is_space(character):
                self.current.append(character)
            else:
                self.end()

    def end(self) -> None:
        """End the current word, if there is one."""
        word = "".join(self.current)
        if word:
            self.words.append(word)
        self.current.clear()

    def all(self) -> list[str]:
        """Return the words."""
        self.end()
        return self.words


def expand(word: str, variables: Mapping[str, str], rules: Rules = Rules()) -> str:
    """Return a word with its variables replaced and its quotes taken off. Raises ExpansionError."""
    if _ACTIVE.search(word) is None:
        return word
    return _process(word, variables, rules)[0]


def expand_words(word: str, variables: Mapping[str, str], rules: Rules = Rules()) -> list[str]:
    """Return what a word becomes, split at spaces that were not quoted. Raises ExpansionError."""
    return _process(word, variables, rules)[1]


def _process(word: str, variables: Mapping[str, str], rules: Rules) -> tuple[str, list[str]]:
    try:
        return _Scanner(word, variables, rules).run("", rules.raw_escapes, 0)
    except ExpansionError as error:
        quoted = json.dumps(word, ensure_ascii=False)
        if len(quoted) > _SHOWN:
            quoted = f"{quoted[:_SHOWN]}..."
        raise ExpansionError(f"failed to process {quoted}: {error.reason}") from None


class _Scanner:
    def __init__(self, text: str, variables: Mapping[str, str], rules: Rules) -> None:
        self._text = text
        self._at = 0
        self._variables = variables
        self._rules = rules
        self._raw_escapes = rules.raw_escapes
        self._depth = 0
        self._size = len(text)

    def run(self, stop: str, raw_escapes: bool, depth: int) -> tuple[str, list[str]]:
        """Read up to a character, or to the end; returns the text and its words."""
        if depth > _MAXIMUM_DEPTH:
            raise ExpansionError("words are nested too deeply")
        before, self._raw_escapes = self._raw_escapes, raw_escapes
        depth_before, self._depth = self._depth, depth
        try:
            return self._run(stop)
        finally:
            self._raw_escapes, self._depth = before, depth_before

    def _run(self, stop: str) -> tuple[str, list[str]]:
        result: list[str] = []
        words = _Words()
        while (character := self._peek()) != "":
            if stop and character == stop:
                self._at += 1
                return "".join(result), words.all()
            if character == "$":
                value = self._dollar()
                self._grow(value)
                words.add(value)
            elif character == "<":
                value = self._heredoc()
                words.current.append(value)
            elif character == "'" and not self._rules.keep_quotes:
                value = self._single_quoted()
                words.current.append(value)
            elif character == '"' and not self._rules.keep_quotes:
                value = self._double_quoted()
                words.current.append(value)
            elif character == self._rules.escape:
                self._at += 1
                value = self._peek()
                if self._raw_escapes:
                    words.current.append(character)
                    result.append(character)
                if not value:
                    break
                self._at += 1
                words.current.append(value)
            else:
                value = character
                self._at += 1
                words.add(value)
            result.append(value)
        if stop:
            raise ExpansionError(f"unexpected end of statement while looking for matching {stop}")
        return "".join(result), words.all()

    def _grow(self, value: str) -> None:
        """Count what variables add: a few lines of them could fill all memory."""
        self._size += len(value)
        if self._size > MAXIMUM_SIZE:
            raise ExpansionError(f"variables make a word longer than {MAXIMUM_SIZE} characters")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += len(character)
        return character

    def _single_quoted(self) -> str:
        begin = self._at + 1
        end = self._text.find("'", begin)
        if end < 0:
            self._at = len(self._text)
            raise ExpansionError("unexpected end of statement while looking for matching single-quote")
        self._at = end + 1
        return self._text[begin - 1 : end + 1] if self._rules.raw_quotes else self._text[begin:end]

    def _double_quoted(self) -> str:
        quote = '"' if self._rules.raw_quotes else ""
        self._at += 1
        result = [quote]
        while True:
            character = self._peek()
            if not character:
                raise ExpansionError("unexpected end of statement while looking for matching double-quote")
            if character == '"':
                self._at += 1
                return "".join([*result, quote])
            if character == "$":
                result.append(self._dollar())
                self._grow(result[-1])
                continue
            self._at += 1
            if character == self._rules.escape:
                if self._raw_escapes:
                    result.append(character)
                following = self._peek()
                if not following:
                    continue
                if following in ('"', "$", self._rules.escape):
                    character = self._next()
            result.append(character)

    def _heredoc(self) -> str:
        """Read < or <<, the latter with the spaces after it, so that they do not split the word."""
        self._at += 1
        if self._peek() != "<":
            return "<"
        self._at += 1
        begin = self._at
        while self._peek() in ("\t", "\r", " ") and self._peek():
            self._at += 1
        return "<<" + self._text[begin : self._at]

    def _name(self) -> str:
        begin = self._at
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._at += 1
            return self._text[begin : self._at]
        if first and first in _SPECIAL:
            self._at += 1
            return first
        while (character := self._peek()) and (character.isalpha() or character.isdecimal() or character == "_"):
            self._at += 1
        return self._text[begin : self._at]

    def _dollar(self) -> str:
        self._at += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            if name not in self._variables and self._rules.keep_unset:
                return f"${name}"
            return self._variables.get(name, "")
        self._at += 1
        if not self._peek():
            raise ExpansionError("syntax error: missing '}'")
        if self._peek() in ("{", "}", ":"):
            raise ExpansionError("syntax error: bad substitution")
        name = self._name()
        return self._modified(name, self._next())

    def _modified(self, name: str, modifier: str) -> str:
        is_set, value = name in self._variables, self._variables.get(name, "")
        keep = self._rules.keep_unset and not is_set
        if modifier == "}":
            return f"${{{name}}}" if keep else value
        if modifier == "/":
            return self._replaced(name, value, keep=keep)
        written, empty_is_unset = modifier, False
        if modifier == ":":
            empty_is_unset = True
            modifier = self._next()
            written += modifier
            if modifier in ("#", "%"):
                raise ExpansionError(f"unsupported modifier ({written}) in substitution")
        if not (modifier and modifier in "+-?#%") and not empty_is_unset:
            raise ExpansionError(f"unsupported modifier ({written or chr(0xFFFD)}) in substitution")
        word = self._word("}", "missing '}'", raw=modifier in ("#", "%"))
        if keep:
            return f"${{{name}{written}{word}}}"
        missing = not is_set or (empty_is_unset and not value)
        match modifier:
            case "-":
                return word if missing else value
            case "+":
                return "" if missing else word
            case "?":
                if missing:
                    raise ExpansionError(
                        f"{name}: {word or 'is not allowed to be ' + ('empty' if is_set else 'unset')}"
                    )
                return value
            case "#" | "%":
                return self._trimmed(modifier, word, value)
            case _:
                raise ExpansionError(f"unsupported modifier ({written}) in substitution")

    def _word(self, stop: str, missing: str, *, raw: bool) -> str:
        try:
            return self.run(stop, raw, self._depth + 1)[0]
        except ExpansionError:
            if not self._peek():
                raise ExpansionError(f"syntax error: {missing}") from None
            raise

    def _trimmed(self, modifier: str, pattern: str, value: str) -> str:
        longest = pattern.startswith(modifier)
        pattern = pattern[1:] if longest else pattern
        trim = globs.without_suffix if modifier == "%" else globs.without_prefix
        try:
            return trim(pattern, value, longest=longest)
        except globs.BadPattern as error:
            raise ExpansionError(f"invalid pattern ({pattern}) in substitution: {error}") from None

    def _replaced(self, name: str, value: str, *, keep: bool) -> str:
        everywhere = self._peek() == "/"
        self._at += everywhere
        pattern = self._word("/", "missing '/' in ${}", raw=True)
        replacement = self._word("}", "missing '}'", raw=True)
        if keep:
            return f"${{{name}/{pattern}/{replacement}}}"
        try:
            return globs.replaced(pattern, value, replacement, everywhere=everywhere)
        except globs.BadPattern as error:
            raise ExpansionError(f"invalid pattern ({pattern}) in substitution: {error}") from None
