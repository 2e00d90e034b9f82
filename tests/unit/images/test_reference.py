"""Image references by dockerd's rules; the expected errors are what dockerd 28.5 answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidReference
from engine.images.reference import is_digest, parse, parse_any, parse_target

ID = "68752451448f9efba691e08f501c026056e6e52c605a07ac3c32b7b4a374d473"


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("user/thing", "docker.io/user/thing:latest", "user/thing:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("localhost/busybox", "localhost/busybox:latest", "localhost/busybox:latest"),
        ("localhost:5000/a", "localhost:5000/a:latest", "localhost:5000/a:latest"),
        ("registry:5000/busy/box", "registry:5000/busy/box:latest", "registry:5000/busy/box:latest"),
        ("quay.io/a/b:c", "quay.io/a/b:c", "quay.io/a/b:c"),
        ("Host/a", "Host/a:latest", "Host/a:latest"),
        ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
        (f"a@sha256:{ID}", f"docker.io/library/a@sha256:{ID}", f"a@sha256:{ID}"),
        (f"a:t@sha256:{ID}", f"docker.io/library/a:t@sha256:{ID}", f"a:t@sha256:{ID}"),
        ("a__b-c/d.e", "docker.io/a__b-c/d.e:latest", "a__b-c/d.e:latest"),
    ],
)
def test_full_and_familiar_forms(text: str, full: str, familiar: str) -> None:
    found = parse(text).with_default_tag
    assert (found.full, found.familiar) == (full, familiar)
    assert parse(found.full) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("BusyBox", "invalid reference format: repository name (library/BusyBox) must be lowercase"),
        ("busybox:", "invalid reference format"),
        ("-x", "invalid reference format"),
        ("x:y:z", "invalid reference format"),
        (" ", "invalid reference format"),
        ("", "invalid reference format"),
        ("a@b", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("busybox@sha256:12", "invalid reference format"),
        ("x" * 300, "repository name must not be more than 255 characters"),
        (ID, f"invalid repository name ({ID}), cannot specify 64-byte hexadecimal strings"),
        ("a:" + "t" * 129, "invalid reference format"),
        ("a\n", "invalid reference format"),
        ("a@sha256:" + "a" * 63, "invalid checksum digest length"),
        ("a@md5:" + "a" * 32, "unsupported digest algorithm"),
    ],
)
def test_what_is_no_reference(text: str, reason: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse(text)
    assert caught.value.reason == reason


def test_a_whole_id_is_a_digest() -> None:
    assert parse_any(ID) == f"sha256:{ID}"
    assert parse_any(f"sha256:{ID}") == f"sha256:{ID}"
    assert parse_any("sha256:687") == parse("sha256:687")
    assert not is_digest("sha256:" + "g" * 64)


@pytest.mark.parametrize(
    ("repository", "tag", "full"),
    [
        ("a", "", "docker.io/library/a:latest"),
        ("a", "b", "docker.io/library/a:b"),
        ("a:b", "", "docker.io/library/a:b"),
        ("a:b", "c", "docker.io/library/a:c"),
    ],
)
def test_targets(repository: str, tag: str, full: str) -> None:
    found = parse_target(repository, tag)
    assert found is not None
    assert found.full == full


def test_an_empty_repository_is_no_target() -> None:
    assert parse_target("", "x") is None


@pytest.mark.parametrize(
    ("repository", "tag", "reason"),
    [
        ("a/b", "-bad", "invalid tag format"),
        ("a", f"sha256:{ID}", "invalid tag format"),
        (f"x@sha256:{ID}", "", "cannot import digest reference"),
        ("Bad", "x", "invalid reference format: repository name (library/Bad) must be lowercase"),
    ],
)
def test_what_is_no_target(repository: str, tag: str, reason: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse_target(repository, tag)
    assert caught.value.reason == reason


@given(st.text(max_size=40))
def test_any_text_is_a_reference_that_reads_back_or_an_error(text: str) -> None:
    try:
        found = parse(text)
    except InvalidReference:
        return
    assert parse(found.full) == found
    assert parse(found.familiar) == found
