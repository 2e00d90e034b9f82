"""What is wrong with a request itself, before the engine is asked; texts are dockerd's own words."""

from __future__ import annotations


class Problem(Exception):
    """An answer that is an error; the text is what the client reads."""

    status = 500

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status


class BadRequest(Problem):
    """The client sent what cannot be meant."""

    status = 400


class PageNotFound(Problem):
    """No route has this method and path."""

    status = 404

    def __init__(self) -> None:
        super().__init__("page not found")


class TruncatedBody(Problem):
    """The client closed its writing half in the middle of the request's body."""

    status = 400

    def __init__(self) -> None:
        super().__init__("unexpected EOF")
