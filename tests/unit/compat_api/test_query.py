from __future__ import annotations

import pytest

from compat_api.problems import BadRequest
from compat_api.query import MalformedFilters, Query, parse_filters
from engine.go_text import go_quote


@pytest.mark.parametrize("text", ["", "0", "no", "false", "none", "False", " NO "])
def test_false(text: str) -> None:
    assert not Query(f"x={text.replace(' ', '%20')}").flag("x", default=True)


@pytest.mark.parametrize("text", ["1", "yes", "true", "x", "-1", "off"])
def test_true(text: str) -> None:
    assert Query(f"x={text}").flag("x")


def test_a_missing_flag_has_its_default() -> None:
    assert Query("").flag("x", default=True)
    assert not Query("").flag("x")


def test_values_are_decoded_as_in_a_url() -> None:
    query = Query("a=1%202+3&a=x&b&%63=d%C3%A9&=z")
    assert query.all("a") == ["1 2 3", "x"]
    assert (query.get("b"), query.get("c"), query.get("none", "?")) == ("", "dé", "?")
    assert "b" in query
    assert "d" not in query


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a=%zz", 'invalid URL escape "%zz"'),
        ("a=%2", 'invalid URL escape "%2"'),
        ("a=1;b=2", "invalid semicolon separator in query"),
    ],
)
def test_what_go_refuses(text: str, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Query(text)
    assert caught.value.message == words


def test_numbers() -> None:
    assert Query("n=-5").integer("n") == -5
    assert Query("n=").integer("n", 7) == 7
    for text, cause in (
        ("x", "invalid syntax"),
        ("9223372036854775808", "value out of range"),
        ("٣", "invalid syntax"),
    ):
        with pytest.raises(BadRequest) as caught:
            Query(f"n={text}").integer("n", function="Atoi")
        assert caught.value.message == f'strconv.Atoi: parsing "{text}": {cause}'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("null", {}),
        ("{}", {}),
        ('{"label":["a","b","a"]}', {"label": ["a", "b"]}),
        ('{"label":{"a":true,"b":false}}', {"label": ["a", "b"]}),
        ('{"label":null}', {"label": []}),
        ('{"label":[null]}', {"label": [""]}),
    ],
)
def test_filters(text: str, found: dict[str, list[str]]) -> None:
    assert parse_filters(text) == found


@pytest.mark.parametrize(
    "text",
    ["x", "[]", "1", "{", '{"label":"a"}', '{"a":{"b":1}}', '{"a":["b"],"c":{"d":true}}', '{"a":[1]}', "[" * 100000],
)
def test_malformed_filters_are_an_error_and_never_no_filter(text: str) -> None:
    with pytest.raises(MalformedFilters) as caught:
        parse_filters(text)
    assert str(caught.value) == "invalid filter"


def test_quoting() -> None:
    assert go_quote('a"b\\\n\x01é\u2028') == r'"a\"b\\\n\x01é\u2028"'
