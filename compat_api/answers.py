"""What a handler returns: an answer as a value, which dispatch turns into bytes."""

from __future__ import annotations

from typing import Any

from engine.lean_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON body, written as dockerd writes it; escaped: with <, > and & as Go's default has them."""

    value: Any
    status: int = 200
    escaped: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A JSON body that has been written (compat_api.rendering.written)."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Empty:
    """No body at all."""

    status: int = 204


@dataclass(frozen=True, slots=True)
class Plain:
    """Bytes with headers of their own, which replace the common ones when complete is set."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    status: int = 200
    complete: bool = False


Answer = Json | Written | Empty | Plain | None  # None: the handler has streamed or hijacked
