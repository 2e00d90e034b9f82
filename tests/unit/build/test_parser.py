import pytest

from engine.build.dockerfile.errors import DockerfileError
from engine.build.dockerfile.parser import parse


def test_lines_are_joined_and_comments_left_out() -> None:
    parsed = parse("# one\nFROM a\n\nRUN echo a \\\n  # within\n  b\\\n\n  c\n")
    assert [(node.name, node.arguments, node.line, node.last_line) for node in parsed.nodes] == [
        ("FROM", ["a"], 2, 2),
        ("RUN", ["echo a   b  c"], 4, 8),
    ]
    assert parsed.warnings == ["Empty continuation line found in: RUN echo a   b  c"]


def test_a_byte_order_mark_and_windows_line_ends() -> None:
    assert [node.arguments for node in parse(b"\xef\xbb\xbfFROM a\r\nRUN b\r\n").nodes] == [["a"], ["b"]]


def test_directives_choose_the_escape_character() -> None:
    parsed = parse("# syntax=x/y\n# escape=`\nFROM a\nRUN b `\n c\\\n")
    assert parsed.escape == "`"
    assert parsed.nodes[1].arguments == ["b  c\\"]
    assert parsed.directives == {"syntax": "x/y", "escape": "`"}


def test_a_directive_after_anything_else_is_a_comment() -> None:
    assert parse("\n# escape=`\nFROM a\n").escape == "\\"


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("", "file with no instructions", 0),
        ("# only\n\n", "file with no instructions", 2),
        ("# escape=`\n# escape=\\\nFROM a", "only one escape parser directive can be used", 1),
        ("# escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\", 0),
        ("FROM a\nENV x\n", "ENV must have two arguments", 2),
        (
            "FROM a\nENV x=1 y\n",
            'Syntax error - can\'t find = in "y". Must be of the form: name=value',
            2,
        ),
        ("FROM a\nRUN <<E\nx\n", "unterminated heredoc", 2),
        ('FROM a\nCMD ["a", 1]\n', "when using JSON array syntax, arrays must be comprised of strings only", 2),
        ("FROM a\nRUN " + "x" * 70000, "dockerfile line greater than max allowed size of 65535", 1),
    ],
)
def test_what_cannot_be_taken_apart(text: str, reason: str, line: int) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse(text)
    assert (caught.value.reason, caught.value.line) == (reason, line)


def test_heredocs_are_read_up_to_their_names() -> None:
    text = "FROM a\nRUN <<A cat - <<-'B'\none\nA\n\ttwo $x\n\tB\nCOPY <<\"f\" /x\nthree\nf\nONBUILD RUN <<E\nx\nE\n"
    run, copy, trigger = parse(text).nodes[1:]
    assert [(each.name, each.content, each.text, each.expand) for each in run.heredocs] == [
        ("A", "one\n", "one\n", True),
        ("B", "\ttwo $x\n", "two $x\n", False),
    ]
    assert (copy.heredocs[0].name, copy.heredocs[0].content, copy.heredocs[0].expand) == ("f", "three\n", False)
    assert trigger.heredocs[0].content == "x\n"
    assert (trigger.line, trigger.last_line) == (10, 12)


def test_flags_end_where_words_begin() -> None:
    node = parse('FROM --platform=linux/amd64 --x="a b" a\n').nodes[0]
    assert (node.flags, node.arguments) == (["--platform=linux/amd64", "--x=a b"], ["a"])
    assert parse("FROM a\nRUN -- --x\n").nodes[1].flags == []


def test_pairs_keep_their_quotes_and_escapes() -> None:
    node = parse("FROM a\nENV a=\"x y\" b=c\\ d e='f'\n").nodes[1]
    assert node.arguments == ["a", '"x y"', "=", "b", "c\\ d", "=", "e", "'f'", "="]
    assert parse("FROM a\nENV a b c\n").nodes[1].arguments == ["a", "b c", ""]


def test_arrays_that_are_no_json_are_words() -> None:
    assert parse("FROM a\nCMD [a]\n").nodes[1].is_json is False
    assert parse('FROM a\nCMD ["a", "b"]\n').nodes[1].arguments == ["a", "b"]
    assert parse("FROM a\nHEALTHCHECK --interval=1s CMD  x  y\n").nodes[1].arguments == ["CMD", "x  y"]
