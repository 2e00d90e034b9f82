"""Shell patterns in ${name#pattern}, ${name%pattern} and ${name/pattern/text}: * and ?, no brackets. Pure.

No backtracking: the parts between stars are looked for one after the other, so that a hostile pattern costs at most
its length times the text's.
"""

from __future__ import annotations

import re


class BadPattern(ValueError):
    """A backslash before something that needs none."""


class Glob:
    """A pattern; stars and question marks match anything but a line's end."""

    def __init__(self, pattern: str) -> None:
        parts: list[str] = [""]
        at = 0
        while at < len(pattern):
            character = pattern[at]
            at += 1
            if character == "*":
                parts.append("")
                continue
            if character == "?":
                parts[-1] += "."
                continue
            if character == "\\":
                following = pattern[at : at + 1]
                if following in ("}", "/") and following:
                    continue
                if following not in ("*", "?", "\\") or not following:
                    raise BadPattern(f"invalid escape '\\{following}'")
                character = following
                at += 1
            parts[-1] += re.escape(character)
        self._parts = [re.compile(part) for part in parts]
        self._sources = parts

    def end(self, text: str, start: int, *, longest: bool) -> int:
        """Return where the shortest or longest match that begins at start ends, -1 for none."""
        found = self._parts[0].match(text, start)
        if found is None:
            return -1
        at = found.end()
        if len(self._parts) == 1:
            return at
        for part in self._parts[1:-1]:
            found = part.search(text, at)
            if found is None or "\n" in text[at : found.start()]:
                return -1
            at = found.end()
        line_end = text.find("\n", at)
        last = self._parts[-1]
        if not self._sources[-1]:
            return at if not longest else (len(text) if line_end < 0 else line_end)
        found = last.search(text, at)
        if found is None or "\n" in text[at : found.start()]:
            return -1
        if longest:
            limit = len(text) if line_end < 0 else line_end
            for begin in range(limit, found.start(), -1):
                later = last.match(text, begin)
                if later is not None:
                    return later.end()
        return found.end()

    def find(self, text: str, start: int) -> tuple[int, int] | None:
        """Return where the first match at or after start lies, as long as it can be; None for none."""
        while start <= len(text):
            found = self._parts[0].search(text, start)
            if found is None:
                return None
            end = self.end(text, found.start(), longest=True)
            if end >= 0:
                return found.start(), end
            if len(self._parts) > 1 and "\n" not in text[found.start() :]:
                return None  # what follows the first part is not there, wherever that begins
            start = found.start() + 1
        return None


def without_prefix(pattern: str, text: str, *, longest: bool) -> str:
    """Return a text without what a pattern matches at its beginning. Raises BadPattern."""
    end = Glob(pattern).end(text, 0, longest=longest)
    return text if end < 0 else text[end:]


def without_suffix(pattern: str, text: str, *, longest: bool) -> str:
    """Return a text without what a pattern matches at its end. Raises BadPattern."""
    return without_prefix(_reversed(pattern), text[::-1], longest=longest)[::-1]


def replaced(pattern: str, text: str, replacement: str, *, everywhere: bool) -> str:
    """Return a text with a pattern's first match, or every one, replaced. Raises BadPattern."""
    glob = Glob(pattern)
    pieces: list[str] = []
    at, done = 0, 0
    previous_end = -1
    while (found := glob.find(text, at)) is not None:
        begin, end = found
        if begin == end == previous_end:
            at = end + 1
            continue
        pieces += [text[done:begin], replacement]
        done = previous_end = end
        at = end if end > begin else end + 1
        if not everywhere or at > len(text):
            break
    return "".join([*pieces, text[done:]])


def _reversed(pattern: str) -> str:
    """Return a pattern backwards; a backslash stays before what it escapes."""
    found: list[str] = []
    at = 0
    while at < len(pattern):
        width = 2 if pattern[at] == "\\" and at + 1 < len(pattern) else 1
        found.append(pattern[at : at + width])
        at += width
    return "".join(reversed(found))
