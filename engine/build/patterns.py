"""Patterns for paths: Go's filepath.Match, and those of .dockerignore with ** and !. Pure.

A path is relative, with slashes. In .dockerignore a pattern that matches a folder matches all that is in it, and the
last pattern that matches decides.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable

from engine.build import wildcards
from engine.errors import InvalidParameter


class SyntaxProblem(InvalidParameter):
    """A pattern that is none, in Go's words."""

    def __init__(self, reason: str = "syntax error in pattern") -> None:
        super().__init__(reason)
        self.reason = reason


def go_pattern(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a whole path fits a pattern of filepath.Match's. Raises SyntaxProblem."""
    found: list[str] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            found.append(wildcards.STAR)
        elif character == "?":
            found.append("[^/]")
        elif character == "[":
            text, at = _class(pattern, at)
            found.append(text)
        elif character == "\\":
            if at == len(pattern):
                raise SyntaxProblem
            found.append(re.escape(pattern[at]))
            at += 1
        else:
            found.append(re.escape(character))
    return _matcher(found)


def _matcher(parts: list[str]) -> Callable[[str], bool]:
    try:
        return wildcards.matcher(parts)
    except ValueError:
        raise SyntaxProblem from None


def has_wildcards(name: str) -> bool:
    """Whether a path of COPY or ADD is a pattern."""
    at = 0
    while at < len(name):
        if name[at] == "\\":
            at += 1
        elif name[at] in "*?[":
            return True
        at += 1
    return False


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Read a bracket expression; returns it as a regular expression, and where it ends."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    while True:
        if pattern[at : at + 1] == "]" and ranges:
            return f"(?!/)[^{''.join(ranges)}]" if negated else f"[{''.join(ranges)}]", at + 1
        low, at = _member(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _member(pattern, at + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("\0-\0")  # a range that holds nothing


def _member(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern) or pattern[at] in "-]":
        raise SyntaxProblem
    if pattern[at] == "\\":
        at += 1
        if at >= len(pattern):
            raise SyntaxProblem
    if at + 1 >= len(pattern):
        raise SyntaxProblem
    return pattern[at], at + 1


class Pattern:
    """One pattern of .dockerignore; exclusion: it began with "!" and brings back what others took."""

    def __init__(self, text: str, exclusion: bool) -> None:
        self.text = text
        self.exclusion = exclusion
        self._exact = ""
        self._prefix: str | None = None
        self._suffix: str | None = None
        self._fits: Callable[[str], bool] | None = None
        self._compile(text)

    def matches(self, path: str) -> bool:
        """Whether this path itself is meant."""
        if self._fits is not None:
            return self._fits(path)
        if self._prefix is not None:
            return path.startswith(self._prefix)
        if self._suffix is not None:
            return path.endswith(self._suffix) or (self._suffix.startswith("/") and path == self._suffix[1:])
        return path == self._exact

    def _compile(self, pattern: str) -> None:
        kind, at, first = "exact", 0, True
        found: list[str] = []
        while at < len(pattern):
            character = pattern[at]
            at += 1
            if character == "*" and pattern[at : at + 1] == "*":
                at += 1
                at += pattern[at : at + 1] == "/"
                if at >= len(pattern):
                    if kind == "exact":
                        kind = "prefix"
                    else:
                        found.append(wildcards.ANY)
                        kind = "regex"
                else:
                    found.append(wildcards.FOLDERS)
                    kind = "regex"
                if first:
                    kind = "suffix"
            elif character == "*":
                found.append(wildcards.STAR)
                kind = "regex"
            elif character == "?":
                found.append("[^/]")
                kind = "regex"
            elif character == "\\":
                if at < len(pattern):
                    found.append(re.escape(pattern[at]))
                    at += 1
                    kind = "regex"
                else:
                    found.append(r"\\")
            elif character == "[":
                text, at = _class(pattern, at)
                found.append(text)
                kind = "regex"
            elif character == "]":
                found.append(r"\]")
                kind = "regex"
            else:
                found.append(re.escape(character))
            first = False
        if kind == "exact":
            self._exact = pattern
        elif kind == "prefix":
            self._prefix = pattern[:-2] if pattern.endswith("**") else pattern[:-3]
        elif kind == "suffix":
            self._suffix = pattern[2:]
            if not self._suffix:
                self._prefix = ""
        else:
            self._fits = _matcher(found)


class Matcher:
    """A list of patterns of which the last that matches decides."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Read the patterns. Raises SyntaxProblem."""
        self.patterns: list[Pattern] = []
        for each in patterns:
            text = each.strip()
            if not text:
                continue
            text = clean(text)
            exclusion = text.startswith("!")
            if exclusion:
                text = text[1:]
                if not text:
                    raise SyntaxProblem('illegal exclusion pattern: "!"')
            go_pattern(text)
            self.patterns.append(Pattern(text, exclusion))
        self.has_exclusions = any(each.exclusion for each in self.patterns)

    def matches(self, path: str) -> bool:
        """Whether a path, or a folder that it lies in, is matched by the patterns."""
        matched = False
        parts = path.split("/")
        above = ["/".join(parts[:end]) for end in range(1, len(parts))]
        for pattern in self.patterns:
            if pattern.exclusion != matched:
                continue
            if pattern.matches(path) or any(pattern.matches(each) for each in above):
                matched = not pattern.exclusion
        return matched


def ignore_file(data: bytes) -> list[str]:
    """Return the patterns of a .dockerignore file, in the form that Matcher takes."""
    patterns: list[str] = []
    for line in data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n"):
        line = line.removesuffix("\r")
        if line.startswith("#"):
            continue
        pattern = line.strip()
        if not pattern:
            continue
        inverted = pattern.startswith("!")
        if inverted:
            pattern = pattern[1:].strip()
        if pattern:
            pattern = clean(pattern)
            if len(pattern) > 1 and pattern.startswith("/"):
                pattern = pattern[1:]
        patterns.append(("!" if inverted else "") + pattern)
    return patterns


def clean(path: str) -> str:
    """Return a path as Go's filepath.Clean makes it."""
    found = posixpath.normpath(path)
    return "/" + found.lstrip("/") if found.startswith("//") else found
