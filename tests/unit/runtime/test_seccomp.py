"""Clients' seccomp profiles; the default one is compared in test_spec."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.runtime.capabilities import DEFAULT
from engine.runtime.facts import HostFacts
from engine.runtime.seccomp import InvalidProfile, default_profile, load_profile


def names(profile: dict[str, Any] | None) -> set[str]:
    assert profile is not None
    return {name for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}


def test_conditions_select_the_rules() -> None:
    def rule(name: str, **conditions: Any) -> dict[str, Any]:
        return {"names": [name], "action": "SCMP_ACT_ALLOW", **conditions}

    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        "syscalls": [
            rule("always"),
            rule("here", includes={"arches": ["amd64"]}),
            rule("elsewhere", includes={"arches": ["arm64"]}),
            rule("held", includes={"caps": ["CAP_CHOWN"]}),
            rule("both", includes={"caps": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}),
            rule("not_held", excludes={"caps": ["CAP_SYS_ADMIN"]}),
            rule("any_held", excludes={"caps": ["CAP_SYS_ADMIN", "CAP_CHOWN"]}),
            rule("old", includes={"minKernel": "4.8"}),
            rule("future", includes={"minKernel": "99.0"}),
            rule("past", excludes={"minKernel": "4.8"}),
            {"name": "single", "action": "SCMP_ACT_ALLOW"},
        ],
    }
    made = load_profile(json.dumps(profile), DEFAULT, HostFacts(kernel=(6, 1)))
    assert names(made) == {"always", "here", "held", "not_held", "old", "single"}
    assert made is not None
    assert made["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]


@pytest.mark.parametrize(
    "text", ["foo", "[]", '{"defaultAction": "x", "syscalls": [3]}', '{"syscalls": [{"names": []}]}']
)
def test_unreadable_profiles_are_refused(text: str) -> None:
    with pytest.raises(InvalidProfile, match="Decoding seccomp profile failed"):
        load_profile(text, DEFAULT, HostFacts())


def test_contradictions_are_refused() -> None:
    both = {"defaultAction": "a", "architectures": ["x"], "archMap": [{"architecture": "x"}]}
    with pytest.raises(InvalidProfile, match="both 'architectures' and 'archMap'"):
        load_profile(json.dumps(both), DEFAULT, HostFacts())
    twice = {"defaultAction": "a", "syscalls": [{"name": "read", "names": ["read"], "action": "SCMP_ACT_ALLOW"}]}
    with pytest.raises(InvalidProfile, match="both 'name' and 'names'"):
        load_profile(json.dumps(twice), DEFAULT, HostFacts())


def test_profile_that_says_nothing_is_none() -> None:
    assert load_profile("{}", DEFAULT, HostFacts()) is None


def test_default_depends_on_the_processor() -> None:
    arm = default_profile(DEFAULT, HostFacts(machine="aarch64"))
    assert arm["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    assert {"set_tls", "cacheflush"} <= names(arm)
    assert "arch_prctl" not in names(arm)
    assert "architectures" not in default_profile(DEFAULT, HostFacts(machine="ppc64le"))
    s390 = default_profile(DEFAULT, HostFacts(machine="s390x"))
    assert [rule["args"][0]["index"] for rule in s390["syscalls"] if rule["names"] == ["clone"]] == [1]


def test_ptrace_needs_a_kernel_that_checks_it_after_the_filter() -> None:
    assert "ptrace" not in names(default_profile(DEFAULT, HostFacts(kernel=(4, 7))))
    assert "ptrace" in names(default_profile(DEFAULT, HostFacts(kernel=(4, 8))))
