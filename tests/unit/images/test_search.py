"""What a search asks, and what it finds."""

from __future__ import annotations

import pytest

from engine.errors import InvalidFilter
from engine.images.search import Found, InvalidEndpoint, InvalidLimit, SchemeInName, search, split
from tests.harness.registry import Registry


@pytest.mark.parametrize(
    ("term", "host", "words"),
    [
        ("busybox", "index.docker.io", "busybox"),
        ("library/busybox", "index.docker.io", "busybox"),
        ("some/busybox", "index.docker.io", "some/busybox"),
        ("docker.io/library/x", "index.docker.io", "x"),
        ("r.example/a/b", "r.example", "a/b"),
        ("localhost/a", "localhost", "a"),
        ("r:5000/a", "r:5000", "a"),
    ],
)
def test_where_a_term_is_searched(term: str, host: str, words: str) -> None:
    assert split(term) == (host, words)


async def test_results_are_filtered_here() -> None:
    with Registry() as registry:
        registry.found = [
            {"name": "x", "description": "d", "star_count": 3, "is_official": True},
            {"name": "a/x", "star_count": 1},
        ]
        term = f"{registry.host}/x"
        one, two = Found("x", "d", 3, True), Found("a/x", "", 1, False)
        assert await search(term) == [one, two]
        assert await search(term, 1) == [one]
        assert await search(term, filters={"stars": ["2"]}) == [one]
        assert await search(term, filters={"is-official": ["false"]}) == [two]
        assert await search(term, filters={"is-automated": ["true"]}) == []


@pytest.mark.parametrize(
    "filters", [{"a": ["b"]}, {"stars": ["x"]}, {"is-official": ["x"]}, {"is-official": ["1", "0"]}]
)
async def test_bad_filters(filters: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidFilter):
        await search("127.0.0.1:1/x", filters=filters)


async def test_what_is_not_asked_at_all() -> None:
    for limit in (-1, 101):
        with pytest.raises(InvalidLimit):
            await search("127.0.0.1:1/x", limit)
    with pytest.raises(SchemeInName):
        await search("http://x/y")
    with pytest.raises(InvalidEndpoint, match=r"HTTPS attempt: .* HTTP attempt: "):
        await search("127.0.0.1:1/x")
