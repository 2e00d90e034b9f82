"""Patterns with many stars: the same answers as a backtracking engine's, in no time that a pattern chooses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.build.patterns import Matcher, SyntaxProblem, go_pattern
from engine.build.wildcards import ANY, FOLDERS, MAXIMUM, STAR, matcher

PARTS = st.lists(st.sampled_from([STAR, ANY, FOLDERS, "a", "b", "/", "[^/]", "[a-b]"]), max_size=8)
PATHS = st.lists(st.text("ab/", max_size=9), min_size=1, max_size=20)


@given(PARTS, PATHS)
def test_it_agrees_with_a_backtracking_engine(parts: list[str], paths: list[str]) -> None:
    fits, regex = matcher(parts), re.compile("".join(parts), re.DOTALL)
    for path in paths:
        assert fits(path) == (regex.fullmatch(path) is not None)


@pytest.mark.parametrize("pattern", ["*a" * 100 + "b", "**/*a" * 100 + "b", "**a*" * 100 + "b"])
def test_no_pattern_takes_forever(pattern: str) -> None:
    """Each would take longer than the universe has been there, if every way were tried."""
    assert not Matcher([pattern]).matches("a" * 250)
    assert not Matcher([pattern]).matches("/".join(["aa"] * 250))
    assert not go_pattern("*a" * 100 + "b")("a" * 250)


def test_wildcards_without_end_are_refused() -> None:
    with pytest.raises(SyntaxProblem):
        go_pattern("*a" * (MAXIMUM + 1))
