"""What can go wrong while an image is built; the words are dockerd's."""

from __future__ import annotations

from engine.errors import EngineError, InvalidParameter


class BuildFailed(EngineError):
    """A step that could not be done; reason is in dockerd's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BuildCancelled(BuildFailed):
    """Somebody ended the build, or the client left."""

    def __init__(self) -> None:
        super().__init__("Build cancelled")


class CommandFailed(BuildFailed):
    """The command of a RUN ended with another code than 0."""

    def __init__(self, words: list[str], code: int) -> None:
        super().__init__(f"The command '{' '.join(words)}' returned a non-zero code: {code}")
        self.code = code


class BuildInvalid(InvalidParameter):
    """Something that the caller or the Dockerfile asks for and that cannot be meant; reason is in dockerd's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
