"""Where Skiff's answers differ from dockerd's for good, each with its reason; everything else is a defect.

An entry is for one scenario, or all, and names the lines of the comparison that it stands for. One that stands for
nothing any more fails the comparison too, so that the list stays true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """Lines that may differ: of requests that match (regular expressions, searched), at places that match."""

    scenario: str
    request: str
    place: str
    reason: str

    def covers(self, scenario: str, request: str, line: str) -> bool:
        """Whether a line of the comparison is one of these."""
        wanted = (self.scenario == scenario, re.search(self.request, request), re.match(self.place, line))
        return all(bool(each) for each in wanted)


RUNTIME = "what follows dockerd's own words is the runtime's: crun's here, runc's there"
CASE_WORDS = r"\.body\.start\.1\.message: "

LASTING: tuple[Difference, ...] = (
    Difference(
        "fields_of_limits", "CpuShares = 1$", r"\.body\.(start|look)",
        "runc refuses shares below 2, crun gives 2",
    ),
    Difference("fields_of_security", "net.nope", CASE_WORDS, RUNTIME),
    Difference(
        "devices_of_vendors", "thing=one'(, 'conf.example/thing=one')?]", r"\.body\.look\.1\.stdout",
        "dockerd loses the additionalGids of a CDI file",
    ),
    Difference("fields_of_binds", "'/etc/passwd:/etc'|'/etc/passwd/x:/m'|size=nonsense", CASE_WORDS, RUNTIME),
    Difference(
        "fields_of_binds", "'/anonymous'", r"\.body\.inspect\.Mounts\.0\.Name",
        "dockerd forgets the name of an anonymous volume of Binds, so that nobody can tell which one it is",
    ),
    Difference(
        "fields_of_endpoints", "ifname': 'a/b'", r"\.body\.(start|inspect)",
        "the name is given to the interface when it is made, and not afterwards; the failed start leaves no endpoint",
    ),
)  # fmt: skip


def unexpected(scenario: str, found: Iterable[tuple[str, list[str]]]) -> list[str]:
    """Return the lines that no entry covers, each after its request, and the entries that cover none.

    found: (the request with its number, the lines that differ) of a scenario's comparison.
    """
    unused = [each for each in LASTING if each.scenario == scenario]
    kept: list[str] = []
    for request, lines in found:
        left = []
        for line in lines:
            covering = [each for each in LASTING if each.covers(scenario, request.partition(". ")[2], line)]
            unused = [each for each in unused if each not in covering]
            if not covering:
                left.append(f"    {line}")
        if left:
            kept += [request, *left]
    return kept + [f"no longer differs: {each.request} at {each.place} ({each.reason})" for each in unused]
