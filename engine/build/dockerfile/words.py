"""Taking an instruction's line apart: its flags, its words, name=value pairs and JSON arrays. Pure."""

from __future__ import annotations

import json
import re

from engine import go_json
from engine.build.dockerfile.expansion import is_space

SPACES = re.compile(r"[\t\v\f\r ]+")
_NOT_STRINGS = "when using JSON array syntax, arrays must be comprised of strings only"


class BadWords(ValueError):
    """Arguments that cannot be taken apart."""


def split_command(line: str, escape: str) -> tuple[str, list[str], str]:
    """Return an instruction's name, its --flags and what follows them."""
    name, *rest = SPACES.split(line.strip(), maxsplit=1)
    if not rest:
        return name, [], ""
    flags, arguments = _take_flags(rest[0], escape)
    return name, flags, arguments.strip()


def _take_flags(text: str, escape: str) -> tuple[list[str], str]:
    flags: list[str] = []
    at, end = 0, len(text)
    while True:
        while at < end and is_space(text[at]):
            at += 1
        if not text.startswith("--", at):
            return flags, text[at:]
        word, quote, blank = "", "", False
        while at < end:
            character = text[at]
            if quote and character == quote:
                quote = ""
            elif not quote and is_space(character):
                break
            elif not quote and character in "'\"":
                quote, blank = character, True
            elif character == escape:
                at += 1
                if at == end:
                    break
                word += text[at]
            else:
                word += character
            at += 1
        if word == "--":
            return flags, text[at:]
        if word or blank:
            flags.append(word)


def shell_words(text: str, escape: str) -> list[str]:
    """Split at spaces that are neither quoted nor escaped; quotes and escapes stay."""
    words: list[str] = []
    word: list[str] = []
    quote, started = "", False
    at, end = 0, len(text)
    while at < end:
        character = text[at]
        at += 1
        if not quote and is_space(character):
            if started:
                words.append("".join(word))
            word, started = [], False
            continue
        if quote:
            if character == quote:
                quote = ""
        elif character in "'\"":
            quote = character
            started = True
        if character == escape and quote != "'":
            if at == end:
                break  # one at the end of the line means nothing
            word.append(character)
            character = text[at]
            at += 1
        word.append(character)
        started = True
    if started and (word or quote):
        words.append("".join(word))
    return words


def pairs(text: str, instruction: str, escape: str) -> list[tuple[str, str, bool]]:
    """Return names and values, and whether each has a "=": "a=b c=d", or "a b" for a single one. Raises BadWords."""
    words = shell_words(text, escape)
    if not words:
        return []
    if "=" not in words[0]:
        name, *value = SPACES.split(text, maxsplit=1)
        if not value:
            raise BadWords(f"{instruction} must have two arguments")
        return [(name, value[0], False)]
    found = []
    for word in words:
        name, equals, value_text = word.partition("=")
        if not equals:
            quoted = json.dumps(word, ensure_ascii=False)
            raise BadWords(f"Syntax error - can't find = in {quoted}. Must be of the form: name=value")
        found.append((name, value_text, True))
    return found


def json_words(text: str) -> list[str] | None:
    """Return the words of a JSON array, None when the text is none. Raises BadWords for one of something else."""
    if not text.lstrip().startswith("["):
        return None
    try:
        words = go_json.loads(text)
    except ValueError:
        return None
    if not isinstance(words, list):
        return None
    if not all(isinstance(word, str) for word in words):
        raise BadWords(_NOT_STRINGS)
    return words


def plain_words(text: str) -> list[str]:
    """Split at spaces, without regard to quotes."""
    return SPACES.split(text) if text else []
