"""Comparing two answers, place by place. Pure."""

from __future__ import annotations

import json
from typing import Any


def differ(theirs: Any, ours: Any, where: str) -> list[str]:
    """Return a line for each place at which two values differ; where is the place of both."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        lines = [line for key in theirs if key in ours for line in differ(theirs[key], ours[key], f"{where}.{key}")]
        lines += [f"{where}.{key}: is missing, dockerd: {_short(theirs[key])}" for key in theirs.keys() - ours.keys()]
        lines += [
            f"{where}.{key}: is more than dockerd says: {_short(ours[key])}" for key in ours.keys() - theirs.keys()
        ]
        if not lines and where.startswith(".body") and list(theirs) != list(ours):
            lines.append(f"{where}: another order of keys: {list(ours)}, dockerd: {list(theirs)}")
        return lines
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        pairs = enumerate(zip(theirs, ours, strict=True))
        return [line for index, (a, b) in pairs for line in differ(a, b, f"{where}.{index}")]
    if type(theirs) is not type(ours) or theirs != ours:
        return [f"{where}: {_short(ours)}, dockerd: {_short(theirs)}"]
    return []


def _short(value: Any) -> str:
    return json.dumps(value)[:300]
