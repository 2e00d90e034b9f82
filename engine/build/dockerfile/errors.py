"""What can be wrong with a Dockerfile. The words are dockerd's, and lines count from 1."""

from __future__ import annotations

from engine.errors import InvalidParameter


class DockerfileError(InvalidParameter):
    """A Dockerfile that cannot be meant; reason says what is wrong, line and last_line where (0: nowhere)."""

    def __init__(self, reason: str, line: int = 0, last_line: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.last_line = max(line, last_line)


class InstructionError(DockerfileError):
    """An instruction that cannot be meant."""

    def __init__(self, reason: str, line: int, last_line: int = 0) -> None:
        super().__init__(f"dockerfile parse error on line {line}: {reason}", line, last_line)
        self.cause = reason


class ExpansionError(DockerfileError):
    """A word whose variables or quotes cannot be resolved."""
