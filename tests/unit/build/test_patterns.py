import pytest

from engine.build.patterns import Matcher, SyntaxProblem, go_pattern, has_wildcards, ignore_file


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "ab/c", False),
        ("a*/b", "abc/b", True),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("ab[c]", "abc", True),
        ("ab[b-d]", "abc", True),
        ("ab[e-g]", "abc", False),
        ("ab[^c]", "abc", False),
        ("ab[^e-g]", "abc", True),
        (r"a\*b", "a*b", True),
        (r"a\*b", "ab", False),
        ("a?b", "a☺b", True),
        ("a[^a]b", "a☺b", True),
        ("a?b", "a/b", False),
        (r"[\]a]", "]", True),
        (r"[\-x]", "-", True),
        (r"[x\-]", "z", False),
        ("*x", "xxx", True),
    ],
)  # fmt: skip
def test_gos_own_patterns(pattern: str, path: str, expected: bool) -> None:
    assert go_pattern(pattern)(path) == expected


@pytest.mark.parametrize("pattern", ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "\\"])
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(SyntaxProblem):
        go_pattern(pattern)


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["**"], "file", True),
        (["**/"], "dir/file", True),
        (["**/**"], "dir/file", True),
        (["dir/**"], "dir/file", True),
        (["dir/**"], "other/file", False),
        (["**/dir2/*"], "dir/dir2/file", True),
        (["**/dir2/**"], "dir/dir2/dir2/file", True),
        (["**file"], "dir/file", True),
        (["**/file"], "file", True),
        (["**/file"], "dir/dir/file", True),
        (["**/file*"], "dir/file.txt", True),
        (["**/**/*.txt"], "dir/file.txt", True),
        (["a**/*.txt"], "a/dir/file.txt", True),
        (["a[b-d]e"], "ace", True),
        (["abc.def"], "abcdef", False),
        (["a.|)$(}+{bc"], "a.|)$(}+{bc", True),
        (["dir"], "dir/sub/file", True),
        (["dir", "!dir/sub"], "dir/sub/file", False),
        (["dir", "!dir/sub", "dir/sub/file"], "dir/sub/file", True),
        (["*", "!a", "!b/c"], "b/c/d", False),
        (["*", "!a"], "b", True),
        (["!a"], "a", False),
        (["**/.foo"], "bar/.foo", True),
        (["*.go"], "dir/x.go", False),
    ],
)  # fmt: skip
def test_the_last_pattern_that_matches_decides(patterns: list[str], path: str, expected: bool) -> None:
    assert Matcher(patterns).matches(path) == expected


def test_a_lone_exclamation_mark_is_no_pattern() -> None:
    with pytest.raises(SyntaxProblem, match="illegal exclusion pattern"):
        Matcher(["!"])


def test_ignore_files_are_cleaned() -> None:
    data = b"\xef\xbb\xbf# comment\n\n /abs/ \n! x/../y \n\ta//b\n#last\n/"
    assert ignore_file(data) == ["abs", "!y", "a/b", "/"]


def test_wildcards() -> None:
    assert has_wildcards("a*")
    assert has_wildcards("[a]")
    assert not has_wildcards(r"a\*")
