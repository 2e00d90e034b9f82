"""Finding a request's row in the route table, and what its row names."""

from __future__ import annotations

import importlib
import posixpath
from collections.abc import Callable
from functools import cache

from compat_api.routes import Route, routes_under
from engine.lean_dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path with one variable: what stands before and after it; greedy: it takes slashes.

    The suffix may end in a second variable, which takes none.
    """

    prefix: str
    suffix: str
    variable: str
    greedy: bool
    route: Route

    @property
    def last(self) -> str:
        """The last word of the paths that fit, "" where it is a variable."""
        return "" if "{" in self.suffix else self.suffix.rpartition("/")[2]

    def match(self, path: str) -> dict[str, str] | None:
        """Return the variables' values if the path has this form."""
        if not path.endswith(self.suffix) and "{" not in self.suffix:
            return None
        middle, second, last = self.suffix.partition("{")
        if second:
            value, found, end = path.removeprefix(self.prefix).rpartition(middle)
            fits = path.startswith(self.prefix) and found and value and end and "/" not in end
            return {self.variable: value, last.rstrip("}"): end} if fits and self._takes(value) else None
        length = len(path) - len(self.prefix) - len(self.suffix)
        if length < 0 or (length == 0 and not (self.greedy and not self.suffix)):
            return None
        if not path.startswith(self.prefix):
            return None
        value = path[len(self.prefix) : len(path) - len(self.suffix)]
        return {self.variable: value} if self._takes(value) else None

    def _takes(self, value: str) -> bool:
        """Whether this can be the variable's value: in gorilla/mux one is ".*", which ends at a line, or "[^/]+"."""
        return ("\n" if self.greedy else "/") not in value


class Table:
    """The route table, ready to be searched: areas are loaded when a path of theirs is first asked for."""

    def __init__(self, routes_under: Callable[[str], tuple[Route, ...]] = routes_under) -> None:
        self._routes_under = routes_under
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: dict[tuple[str, str], list[Pattern]] = {}
        self._ending: dict[tuple[str, str, str], list[Pattern]] = {}  # those of them that fit a path's last word
        self._known: set[str] = set()

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a path without version and escapes, and its variables."""
        segment = _first_segment(path)
        if segment not in self._known:
            self._add(segment)
        if route := self._exact.get((method, path)):
            return route, {}
        for pattern in self._that_end(method, segment, path.rpartition("/")[2]):
            variables = pattern.match(path)
            if variables is not None:
                return pattern.route, variables
        return None

    def _that_end(self, method: str, segment: str, word: str) -> list[Pattern]:
        """Return the patterns whose last word is this, or is a variable; what clients make up is not kept."""
        found = self._ending.get((method, segment, word))
        if found is None:
            every = self._patterns.get((method, segment), [])
            found = [each for each in every if each.last in ("", word)]
            if any(each.last == word for each in found):
                self._ending[method, segment, word] = found
        return found

    def _add(self, segment: str) -> None:
        for route in self._routes_under(segment):
            self._known.add(segment)  # what clients make up is not kept
            if _first_segment(route.path) != segment:
                continue
            prefix, brace, rest = route.path.partition("{")
            if not brace:
                self._exact.setdefault((route.method, route.path), route)
                continue
            inner, _, suffix = rest.partition("}")
            variable, _, form = inner.partition(":")
            pattern = Pattern(prefix, suffix, variable, form == ".*", route)
            self._patterns.setdefault((route.method, segment), []).append(pattern)


def _first_segment(path: str) -> str:
    return path.split("/", 2)[1] if "/" in path else ""


@cache
def load(reference: str, package: str) -> Any:
    """Return what "module:name" below a package of compat_api stands for."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(f"compat_api.{package}.{module}"), name)


def clean_path(path: str) -> str:
    """Return a path without doubled slashes and dots; one that ends in a slash keeps it."""
    if "//" not in path and "/." not in path:
        return path
    clean = posixpath.normpath(path)
    clean = "/" + clean.lstrip("/")
    return clean + "/" if path.endswith("/") and clean != "/" else clean
