"""What one row of the route table says."""

from __future__ import annotations

from engine.lean_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path.

    body, answer: models, "" for none; answer may end in "[]" for a list of it. query: names of the parameters with
    their kinds (boolean, integer, string, filters, or strings for one that may be repeated). statuses: what the answers
    other than errors in general mean. stream: "" for a plain answer, else its media type, or hijack.
    """

    method: str
    path: str
    handler: str
    summary: str
    body: str = ""
    answer: str = ""
    query: dict[str, str] = field(default_factory=dict)
    statuses: dict[int, str] = field(default_factory=lambda: {200: "no error"})
    stream: str = ""
    since: str = "1.24"
