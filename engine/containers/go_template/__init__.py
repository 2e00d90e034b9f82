"""Go's text/template, as far as a log's tag can need it: actions, pipelines, conditions, loops and functions. Pure.

Values are str, int, float, bool, None, lists, dicts and records (Fields). Functions are those of Go's package and of
dockerd's own templates. Errors are told in Go's words.
"""

from __future__ import annotations

from typing import Any

from engine.containers.go_template.parsing import Parsed
from engine.containers.go_template.running import Run, Scope
from engine.containers.go_template.values import BadTemplate, Fields

__all__ = ["BadTemplate", "Fields", "Template"]


class Template:
    """A template that can be filled in; name is what its errors call it. Raises BadTemplate."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._body = Parsed(name, text).body

    def render(self, data: Any) -> str:
        """Fill the template in. Raises BadTemplate."""
        out: list[str] = []
        variables = Scope()
        variables["$"] = data
        Run(self._name, out).carry_out(self._body, variables, data)
        return "".join(out)
