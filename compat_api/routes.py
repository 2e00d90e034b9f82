"""The route table: everything that the API serves, as data.

A path's last variable {name:.*} takes slashes, others do not. Handlers and models are named as "module:name" below
compat_api.handlers and compat_api.models, and loaded when a request first needs them; the models of answers are only
for the OpenAPI document (compat_api.openapi), which is made from this table. Rows are tried in their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field


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


SYSTEM = (
    Route("GET", "/_ping", "system:ping", "Tell that the server is there", stream="text/plain"),
    Route("HEAD", "/_ping", "system:ping", "Tell that the server is there", stream="text/plain"),
)

CONTAINERS: tuple[Route, ...] = ()

EXECS: tuple[Route, ...] = ()

ROUTES: tuple[Route, ...] = (*SYSTEM, *CONTAINERS, *EXECS)
