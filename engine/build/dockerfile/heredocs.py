"""Heredocs in Dockerfiles: where a line names them, and their text. Pure."""

from __future__ import annotations

import re

from engine.build.dockerfile.errors import ExpansionError
from engine.build.dockerfile.expansion import Rules, expand_words
from engine.lean_dataclasses import dataclass

_MARK = re.compile(r"([0-9]*)<<(-?)\s*([^<]*)")
_TABS = re.compile(r"^\t+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A heredoc; expand: its variables are replaced; chomp: tabs at the beginnings of lines go."""

    name: str
    expand: bool = True
    chomp: bool = False
    descriptor: int = 0
    content: str = ""

    @property
    def text(self) -> str:
        """The content, without the tabs that are to go."""
        return _TABS.sub("", self.content) if self.chomp else self.content


def parse(word: str) -> Heredoc | None:
    """Return the heredoc that a word announces, None for another word. Raises ExpansionError."""
    found = _MARK.fullmatch(word)
    if found is None or not found[3]:
        return None
    plain = expand_words(found[3], {}, Rules(keep_unset=True))
    if len(plain) != 1:
        return None
    raw = expand_words(found[3], {}, Rules(keep_unset=True, raw_quotes=True))
    if len(raw) != 1:
        raise ExpansionError(f"internal lexing of heredoc produced inconsistent results: {found[3]}")
    return Heredoc(plain[0], _quotes(plain[0]) == _quotes(raw[0]), found[2] == "-", int(found[1] or 0))


def in_word(word: str) -> Heredoc | None:
    """Return the heredoc that a word announces, None for another word, whatever is wrong with it."""
    try:
        return parse(word)
    except ExpansionError:
        return None


def in_line(line: str) -> list[Heredoc]:
    """Return the heredocs that a line announces, without their content. Raises ExpansionError."""
    try:
        words = expand_words(line, {}, Rules(raw_quotes=True, raw_escapes=True, keep_unset=True))
    except ExpansionError:
        words = []
    return [found for word in words if (found := parse(word))]


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
