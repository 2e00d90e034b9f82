"""The platform parameter: what dockerd 28.5 says of each text, recorded from it."""

from __future__ import annotations

import pytest

from compat_api.platforms import parse
from compat_api.problems import BadRequest
from engine.images.platform import Platform


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "failed to parse platform: invalid character 'x' looking for beginning of value"),
        ('{"os"', "failed to parse platform: unexpected end of JSON input"),
        ("{} x", "failed to parse platform: invalid character 'x' after top-level value"),
        ("[]", "failed to parse platform: json: cannot unmarshal array into Go value of type v1.Platform"),
        (
            '{"os":1}',
            "failed to parse platform: json: cannot unmarshal number into Go struct field Platform.os of type string",
        ),
        (
            '{"os.features":1}',
            "failed to parse platform: json: cannot unmarshal number into Go struct field Platform.os.features of "
            "type []string",
        ),
        ("null", "both OS and Architecture must be provided"),
        ('{"os":"linux"}', "both OS and Architecture must be provided"),
        ('{"variant":"v7"}', "optional platform fields provided, but OS and Architecture are missing"),
    ],
)
def test_what_is_wrong_is_said_as_dockerd_says_it(text: str, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(text)
    assert caught.value.message == words


def test_keys_match_whatever_their_case() -> None:
    assert parse('{"OS":"linux","Architecture":"arm","variant":"v7"}') == Platform("linux", "arm", "v7")
