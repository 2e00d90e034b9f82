import pytest

from engine.build.dockerfile.errors import ExpansionError
from engine.build.dockerfile.expansion import Rules, expand, expand_words

ENV = {"PWD": "/home", "SHELL": "bash", "NULL": "", "LAND": "한국어"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("hello", "hello"),
        ("he'll'o", "hello"),
        (r"he\'llo", "he'llo"),
        (r"abc\tdef", "abctdef"),
        (r'"abc\tdef"', r"abc\tdef"),
        (r"'abc\tdef'", r"abc\tdef"),
        ("hello\\", "hello"),
        ("\"hel'lo\"", "hel'lo"),
        (r"'hello\'", "hello\\"),
        ("$.", "$."),
        ("he$1x", "hex"),
        ("he$PWD", "he/home"),
        (r"he\$PWD", "he$PWD"),
        (r"he\\$PWD", r"he\/home"),
        (r"\${}xx", "${}xx"),
        ("he${hi}xx", "hexx"),
        ("he${XXX:-000}xx", "he000xx"),
        ("he${PWD:-000}xx", "he/homexx"),
        ("he${NULL:-000}xx", "he000xx"),
        ("he${NULL-000}xx", "hexx"),
        ("he${XXX:-${YYY:-yyy}}xx", "heyyyxx"),
        ("he${PWD:+${SHELL}}xx", "hebashxx"),
        ("he${NULL+set}", "heset"),
        ("he${PWD?}", "he/home"),
        ("'he${XX}'", "he${XX}"),
        ("\"he'$PWD'\"", "he'/home'"),
        (r"he${XXX:-\${PWD}z}xx", "he${PWDz}xx"),
        ("${aaa}}", "}"),
        ("${aaa:-bbb {foo}", "bbb {foo"),
        ("$LAND", "한국어"),
        ("$999aaa", "aaa"),
        ("$@@@", "@@"),
        ("a<<b", "a<<b"),
        ("${PWD#/ho}", "me"),
        ("${PWD#*o}", "me"),
        ("${PWD##*[}", "/home"),
        ("${PWD%m*}", "/ho"),
        ("${PWD%%o*}", "/h"),
        ("${PWD/o/0}", "/h0me"),
        ("${PWD//[^/]/x}", "/home"),
        ("${PWD//?/x}", "xxxxx"),
        ("${PWD/\\//}", "home"),
        ("${XXX#a}", ""),
    ],
)  # fmt: skip
def test_words_become(word: str, expected: str) -> None:
    assert expand(word, ENV) == expected


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("he'llo", "unexpected end of statement while looking for matching single-quote"),
        ('"hello', "unexpected end of statement while looking for matching double-quote"),
        ("${}", "syntax error: bad substitution"),
        ("${{aaa}", "syntax error: bad substitution"),
        ("${aaa", "unsupported modifier (\ufffd) in substitution"),
        ("${", "syntax error: missing '}'"),
        ("${XXX:YYY}", "unsupported modifier (:Y) in substitution"),
        ("${XXX=a}", "unsupported modifier (=) in substitution"),
        ("${XXX?}", "XXX: is not allowed to be unset"),
        ("${NULL:?}", "NULL: is not allowed to be empty"),
        ("${XXX:?no way}", "XXX: no way"),
        ("${PWD:#x}", "unsupported modifier (:#) in substitution"),
        ("${PWD/x}", "syntax error: missing '/' in ${}"),
        (r"${PWD#\a}", r"invalid pattern (\a) in substitution: invalid escape '\a'"),
    ],
)
def test_what_cannot_be_meant(word: str, reason: str) -> None:
    with pytest.raises(ExpansionError) as caught:
        expand(word, ENV)
    assert caught.value.reason.endswith(reason)
    assert caught.value.reason.startswith("failed to process ")


def test_a_word_becomes_several_at_spaces_that_are_not_quoted() -> None:
    variables = {"space": "abc  def", "leading": "  ab c"}
    assert expand_words("hello${space}bye", variables) == ["helloabc", "defbye"]
    assert expand_words('hello"${space}"bye', variables) == ["helloabc  defbye"]
    assert expand_words("hello${leading}def", variables) == ["hello", "ab", "cdef"]
    assert expand_words(r"hello\ there", variables) == ["hello there"]


def test_another_character_escapes() -> None:
    assert expand("a`$b\\c", {}, Rules("`")) == "a$b\\c"


def test_a_heredocs_quotes_mean_nothing() -> None:
    assert expand("it's $PWD", ENV, Rules(keep_quotes=True)) == "it's /home"


def test_nested_words_end_somewhere() -> None:
    with pytest.raises(ExpansionError, match="nested too deeply"):
        expand("${a:-" * 5000 + "x" + "}" * 5000, {})


def test_few_lines_do_not_fill_all_memory() -> None:
    values = {"x": "a" * 1000}
    for _ in range(2):
        values["x"] = expand("$x" * 10, values)
    with pytest.raises(ExpansionError, match="longer than"):
        expand("$x" * 100, values)


def test_a_hostile_pattern_takes_no_longer_than_its_length() -> None:
    assert expand("${x##" + "*a" * 500 + "*b}", {"x": "a" * 2000}) == "a" * 2000
