from __future__ import annotations

import pytest

from compat_api.options import BadOption, parse


def test_what_is_not_said_has_its_default() -> None:
    found = parse([])
    assert (found.listen, found.root, found.run_root, found.runtime) == (None, None, None, None)
    assert (found.idle_timeout, found.log_level, found.help) == (10.0, "info", False)


def test_both_spellings() -> None:
    found = parse(["--root", "/a", "--run-root=/b", "--idle-timeout=0.5", "--runtime", "runc", "--log-level", "debug"])
    assert (found.root, found.run_root, found.idle_timeout, found.runtime, found.log_level) == (
        "/a",
        "/b",
        0.5,
        "runc",
        "debug",
    )


def test_a_server_of_its_own_stays_unless_told_otherwise() -> None:
    assert parse(["--listen", "unix:///x"]).idle_timeout == 0
    assert parse(["--listen", "unix:///x", "--idle-timeout", "3"]).idle_timeout == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rot", "x"],
        ["x"],
        ["--root"],
        ["--root="],
        ["--idle-timeout", "x"],
        ["--idle-timeout", "-1"],
        ["--idle-timeout", "nan"],
        ["--idle-timeout", "inf"],
        ["--log-level", "loud"],
    ],
)
def test_what_cannot_be_meant(arguments: list[str]) -> None:
    with pytest.raises(BadOption):
        parse(arguments)


def test_access_options() -> None:
    found = parse(["--policy", "read-only", "--policy=label=a=b", "--deny", "privileged"])
    assert (found.policies, found.deny, found.audit) == (("read-only", "label=a=b"), "privileged", True)
    assert not parse([]).audit
    assert parse(["--audit"]).audit
    files = ["--tlscacert", "ca", "--tlscert", "cert", "--tlskey", "key"]
    assert parse(["--tlsverify", *files]).tls == ("ca", "cert", "key")
    assert parse(["--insecure-no-auth"]).insecure


@pytest.mark.parametrize(
    "arguments",
    [["--tlsverify"], ["--tlscert", "x"], ["--tlsverify", "--tlscert", "x"], ["--audit=yes"], ["--policy="]],
)
def test_half_of_an_access_option_is_refused(arguments: list[str]) -> None:
    with pytest.raises(BadOption):
        parse(arguments)
