"""Which platforms run what is for which others: cases that containerd's matcher decides so."""

from __future__ import annotations

import pytest

from engine.containers.config import ContainerConfig
from engine.images.platform import (
    Platform,
    WrongPlatform,
    amd64_variant,
    check,
    is_exactly,
    normalized,
    of_document,
    runs_on,
    unfitting,
)
from engine.images.record import Image


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


@pytest.mark.parametrize(
    ("flags", "variant"),
    [
        ("fpu cx16", "v1"),
        ("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx512f", "v2"),
        ("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave", "v3"),
    ],
)
def test_a_processors_level_is_told_by_its_flags(flags: str, variant: str) -> None:
    assert amd64_variant(frozenset(flags.split())) == variant


def test_an_image_for_another_machine_is_warned_of_in_dockerds_words() -> None:
    def image(**document: str) -> Image:
        return Image("", [], None, ContainerConfig(), document)

    own = Platform("linux", "amd64", "v4")
    assert unfitting(image(os="linux", architecture="386"), own) == ""
    assert unfitting(image(os="linux", architecture="amd64", variant="v2"), own) == ""
    assert unfitting(image(os="linux", architecture="arm64"), own) == (
        "The requested image's platform (linux/arm64) does not match the detected host platform (linux/amd64/v4) and "
        "no specific platform was requested"
    )


def test_another_platform_than_was_asked_for_is_refused_in_dockerds_words() -> None:
    image = Image("", [], None, ContainerConfig(), {"os": "linux", "architecture": "amd64", "variant": "v2"})
    check(image, "busybox", Platform("linux", "amd64", "v3"))
    with pytest.raises(WrongPlatform) as caught:
        check(image, "busybox", Platform("linux", "amd64"))
    assert str(caught.value) == (
        "image with reference busybox was found but its platform (linux/amd64/v2) does not match the specified "
        "platform (linux/amd64)"
    )
