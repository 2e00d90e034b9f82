"""What fields and parameters mean, in our own words, which are in words.txt beside this file."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("words.txt")


@cache
def meanings() -> dict[str, str]:
    """Return the lines of words.txt by what stands before the colon."""
    lines = (line for line in FILE.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split(": ", 1) for line in lines)


def of_field(schema: str, name: str) -> str:
    """Return what a field of a schema means; where nobody wrote it down, its name's words."""
    found = meanings()
    return found.get(f"{schema}.{name}") or found.get(name) or in_words(name)


def of_parameter(operation: str, name: str) -> str:
    """Return what a parameter of an operation ("POST /build") means."""
    found = meanings()
    return found.get(f"{operation}?{name}") or found.get(f"?{name}") or in_words(name)


def in_words(name: str) -> str:
    """Return a name's words: "LastTagTime" is "last tag time"."""
    parts = re.findall(r"IPv[46]|[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)
    return " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts) or name
