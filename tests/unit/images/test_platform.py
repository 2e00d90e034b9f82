"""Which platforms run what is for which others: cases that containerd's matcher decides so."""

from __future__ import annotations

import pytest

from engine.images.platform import Platform, is_exactly, normalized, of_document, runs_on


def platform(text: str) -> Platform:
    system, architecture, *variant = text.split("/")
    return Platform(system, architecture, *variant)


@pytest.mark.parametrize(
    ("found", "wanted", "fits"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/386", "linux/amd64", True),
        ("linux/amd64", "linux/386", False),
        ("linux/amd64/v2", "linux/amd64", False),
        ("linux/amd64/v2", "linux/amd64/v3", True),
        ("linux/arm/v6", "linux/arm/v7", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v7", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8.2", True),
        ("linux/arm64/v8.5", "linux/arm64/v9", True),
        ("linux/arm64/v8.6", "linux/arm64/v9", False),
        ("linux/arm64/v9", "linux/arm64", False),
        ("linux/arm", "linux/arm/v6", True),  # it names no variant
        ("linux/amd64", "windows/amd64", False),
        ("linux/aarch64", "linux/arm64", True),
    ],
)
def test_a_machine_runs_the_lesser_ones_of_its_kind(found: str, wanted: str, fits: bool) -> None:
    assert runs_on(platform(found), platform(wanted)) is fits


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        ("linux/amd64", "linux/x86_64", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/386", "linux/amd64", False),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("Linux/ARM", "linux/arm/7", True),
    ],
)
def test_exactly_the_same_but_for_aliases(found: str, wanted: str, same: bool) -> None:
    assert is_exactly(platform(found), platform(wanted)) is same


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("macos/i386/v1", "darwin/386"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/arm64/9.0", "linux/arm64/v9"),
    ],
)
def test_aliases(text: str, expected: str) -> None:
    assert str(normalized(platform(text))) == expected


def test_a_platform_as_text_says_what_is_missing() -> None:
    assert str(of_document({"architecture": "arm", "variant": "v7", "os": "linux"})) == "linux/arm/v7"
    assert str(of_document({})) == "unknown"
    assert str(Platform("windows", "amd64", os_version="10.0")) == "windows(10.0)/amd64"
