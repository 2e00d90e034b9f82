"""Answers and errors as status, headers and body, for both servers: the full one and the plain one."""

from __future__ import annotations

from time import time
from typing import Any

from compat_api.answers import Empty, Json, Plain, Written
from compat_api.errors import status_and_words
from compat_api.headers import COMMON, http_date
from engine.go_json import bytes_of, dumps, dumps_escaped

JSON = ("Content-Type", "application/json")

Headers = list[tuple[str, str]]


def rendered(answer: Json | Written | Empty | Plain) -> tuple[int, Headers, bytes, bool]:
    """Return an answer's status, headers and body, and whether those are all the headers there are."""
    if isinstance(answer, Json):
        return answer.status, [*COMMON, JSON], written(answer.value, escaped=answer.escaped), False
    if isinstance(answer, Written):
        return 200, [*COMMON, JSON], answer.body, False
    if isinstance(answer, Empty):
        return answer.status, list(COMMON), b"", False
    return (
        answer.status,
        [*([] if answer.complete else COMMON), *answer.headers],
        answer.body,
        answer.complete,
    )


def written(value: Any, *, escaped: bool = False) -> bytes:
    """Return a value as the body of an answer; escaped as in compat_api.answers.Json."""
    return bytes_of((dumps_escaped if escaped else dumps)(value) + "\n")


def completed(status: int, headers: Headers, body: bytes) -> Headers:
    """Return headers in dockerd's order, with those that every whole answer has."""
    headers = sorted(headers, key=lambda each: each[0])
    headers.append(("Date", http_date(time())))
    if status not in (204, 304):
        headers.append(("Content-Length", str(len(body))))
    return headers


def failed(error: Exception, method: str, target: str) -> tuple[int, str]:
    """Return the status and the words that answer an exception, and log one that is the engine's own fault."""
    status, words, expected = status_and_words(error)
    if status >= 500:
        from compat_api.log import logger

        if expected:
            logger.error("Handler for %s %s failed: %s", method, target, words)
        else:
            logger.error("Unexpected failure of %s %s", method, target, exc_info=error)
    return status, words


def message(words: str) -> bytes:
    """Return an error's body."""
    return written({"message": words})
