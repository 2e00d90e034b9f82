from __future__ import annotations

import pytest

from engine.containers.platform import OtherPlatform, Platform, check, fits, of_image

AMD64 = ("linux", "amd64", "")


@pytest.mark.parametrize(
    ("image", "wanted", "fit"),
    [
        (AMD64, AMD64, True),
        (AMD64, ("linux", "amd64", "v2"), True),
        (AMD64, ("linux", "arm64", ""), False),
        (("linux", "arm", "v7"), ("linux", "arm", "v6"), False),
        (("linux", "arm", "v6"), ("linux", "arm", "v7"), True),
        (("linux", "arm", "v7"), ("linux", "arm", ""), True),
        (("windows", "amd64", ""), AMD64, False),
        (("linux", "", ""), AMD64, True),
    ],
)
def test_an_image_fits_its_platform_and_newer_variants(image: Platform, wanted: Platform, fit: bool) -> None:
    assert fits(image, wanted) is fit


def test_another_platform_than_was_asked_for_is_refused_in_dockerds_words() -> None:
    with pytest.raises(OtherPlatform) as caught:
        check("busybox", AMD64, ("linux", "arm", "v7"), AMD64)
    assert str(caught.value) == (
        "image with reference busybox was found but its platform (linux/amd64) does not match the specified platform "
        "(linux/arm/v7)"
    )


def test_an_image_for_another_machine_is_warned_of_when_none_was_asked_for() -> None:
    other = of_image({"os": "linux", "architecture": "arm64"})
    assert check("busybox", other, other, AMD64) == []
    assert check("busybox", AMD64, None, AMD64) == []
    assert check("busybox", other, None, AMD64) == [
        "The requested image's platform (linux/arm64) does not match the detected host platform (linux/amd64) and no "
        "specific platform was requested"
    ]
