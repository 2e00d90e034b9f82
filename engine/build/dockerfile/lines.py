"""The lines of a Dockerfile and its parser directives. Pure.

Format: lines end with LF or CR LF; a byte order mark may come first. A line longer than 64 KiB ends the reading, as in
Go's scanner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MAXIMUM_LINE = 65535
TOO_LONG = f"dockerfile line greater than max allowed size of {MAXIMUM_LINE}"
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*")
_KNOWN = ("syntax", "escape", "check")


class BadDirective(ValueError):
    """A parser directive that cannot be meant."""


class Lines:
    """The lines of a text, one after the other; number is that of the last one given out."""

    def __init__(self, text: str) -> None:
        self._lines = _split(text)
        self.number = 0
        self.too_long = False

    def next(self) -> str | None:
        """Return the next line with its end, None after the last one."""
        for line in self._lines:
            if 4 * len(line) > MAXIMUM_LINE:
                size = len(line.encode("utf-8", "surrogateescape")) - line.endswith("\n")
                if size > MAXIMUM_LINE:
                    self.too_long = True
                    break
            return line
        self._lines = iter(())
        return None


@dataclass(slots=True)
class Directives:
    """The parser directives at the top of a Dockerfile, as they are met."""

    escape: str = "\\"
    values: dict[str, str] = field(default_factory=dict)
    done: bool = False

    def __post_init__(self) -> None:
        self.set_escape(self.escape)

    def take(self, line: str) -> bool:
        """Look whether a line is a directive; the first that is none ends them. Raises BadDirective."""
        if self.done:
            return False
        found = _DIRECTIVE.fullmatch(line)
        name = found[1].lower() if found else ""
        if found is None or name not in _KNOWN:
            self.done = True
            return False
        if name in self.values:
            raise BadDirective(f"only one {name} parser directive can be used")
        self.values[name] = found[2]
        if name == "escape":
            self.set_escape(found[2])
        return True

    def set_escape(self, character: str) -> None:
        """Choose the character that escapes and continues lines. Raises BadDirective."""
        if character not in ("`", "\\"):
            raise BadDirective(f"invalid escape token '{character}' does not match ` or \\")
        self.escape = character

    def continued(self, line: str) -> str | None:
        """Return a line without its mark of continuation, None when it has none."""
        rest = line.rstrip(" \t")
        if not rest.endswith(self.escape):
            return None
        rest = rest[:-1]
        return None if rest.endswith(self.escape) else rest


def _split(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end + 1
        yield text[at:end]
        at = end
