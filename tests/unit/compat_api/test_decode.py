"""Bodies that dockerd 28.5 refuses, with the words that it was seen to use."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat_api.body import blank
from compat_api.decode import decode_body, decode_list, parse_media_type
from compat_api.problems import BadRequest
from engine import go_json

JSON = "application/json"
VOLUME = "volumes:VolumeCreateBody"


def words_for(body: bytes, content_type: str = JSON, *, model: str = "containers:CreateBody") -> str:
    with pytest.raises(BadRequest) as caught:
        decode_body(model, body, content_type, required=True, length_known=True)
    return caught.value.message


@pytest.mark.parametrize(
    ("content_type", "body", "words"),
    [
        ("", b"", "invalid JSON: got EOF while reading request body"),
        ("", b"{}", "malformed Content-Type header (): mime: no media type"),
        ("text/plain", b"{}", "unsupported Content-Type header (text/plain): must be 'application/json'"),
        (
            "application/json;;",
            b"{}",
            "malformed Content-Type header (application/json;;): mime: invalid media parameter",
        ),
        (JSON, b"   ", "invalid JSON: got EOF while reading request body"),
        (JSON, b"{", "invalid JSON: unexpected EOF"),
        (JSON, b"[1", "invalid JSON: unexpected EOF"),
        (JSON, b"tru", "invalid JSON: unexpected EOF"),
        (JSON, b'{"Image":"x"}x', "unexpected content after JSON"),
        (JSON, b'{"Image":"x"} {}', "unexpected content after JSON"),
        (JSON, b"{'a':1}", r"invalid JSON: invalid character '\'' looking for beginning of object key string"),
        (JSON, b'{"a":1,}', "invalid JSON: invalid character '}' looking for beginning of object key string"),
        (JSON, b'{"a"}', "invalid JSON: invalid character '}' after object key"),
        (JSON, b'{"a" 1}', "invalid JSON: invalid character '1' after object key"),
        (JSON, b'{"a":\x01}', r"invalid JSON: invalid character '\x01' looking for beginning of value"),
        (JSON, b'{"a":"\x01"}', r"invalid JSON: invalid character '\x01' in string"),
        (JSON, b'{"a":nul}', "invalid JSON: invalid character '}' in literal null (expecting 'l')"),
        (JSON, b'{"a":01}', "invalid JSON: invalid character '1' after object key:value pair"),
        (JSON, b'{"a":1.}', "invalid JSON: invalid character '}' in numeric literal"),
        (JSON, rb'{"a":"\x"}', r"invalid JSON: invalid escape sequence `\x` in string"),
        (JSON, b"{a:1}", "invalid JSON: invalid character 'a' looking for beginning of object key string"),
        (JSON, b"}", "invalid JSON: invalid character '}' looking for beginning of value"),
    ],
)
def test_what_is_no_json(content_type: str, body: bytes, words: str) -> None:
    assert words_for(body, content_type) == words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[]", "array into Go value of type container.CreateRequest"),
        ('"a"', "string into Go value of type container.CreateRequest"),
        ("1", "number into Go value of type container.CreateRequest"),
        ('{"Image":1}', "number into Go struct field .Image of type string"),
        ('{"image":1}', "number into Go struct field .image of type string"),
        ('{"Tty":"x"}', "string into Go struct field .Tty of type bool"),
        ('{"Env":"a"}', "string into Go struct field .Env of type []string"),
        ('{"Env":[1]}', "number into .Env.0 of type string"),
        ('{"Env":{}}', "object into Go struct field .Env of type []string"),
        ('{"Labels":{"a":1}}', "number into Go struct field .Labels.a of type string"),
        ('{"Labels":[]}', "array into Go struct field .Labels of type map[string]string"),
        ('{"ExposedPorts":[]}', "array into Go struct field .ExposedPorts of type nat.PortSet"),
        ('{"Volumes":{"a":1}}', "number into Go struct field .Volumes.a of type struct {}"),
        ('{"StopTimeout":"a"}', "string into Go struct field .StopTimeout of type int"),
        ('{"Cmd":1}', "number into Go value of type string"),
        ('{"Entrypoint":[1]}', "array into Go value of type string"),
        ('{"Entrypoint":{"a":1}}', "object into Go value of type string"),
        (
            '{"Healthcheck":{"Interval":"1s"}}',
            "string into Go struct field .Healthcheck.Interval of type time.Duration",
        ),
        ('{"Image":"x","Tty":1,"Env":1}', "number into Go struct field .Tty of type bool"),
        ('{"Env":1,"Tty":1}', "number into Go struct field .Env of type []string"),
        ('{"HostConfig":[]}', "array into Go struct field .HostConfig of type container.HostConfig"),
        ('{"HostConfig":{"Memory":"1"}}', "string into Go struct field .HostConfig.Memory of type int64"),
        ('{"HostConfig":{"Memory":1.5}}', "number 1.5 into Go struct field .HostConfig.Memory of type int64"),
        ('{"HostConfig":{"Memory":1e3}}', "number 1e3 into Go struct field .HostConfig.Memory of type int64"),
        (
            '{"HostConfig":{"Memory":99999999999999999999}}',
            "number 99999999999999999999 into Go struct field .HostConfig.Memory of type int64",
        ),
        ('{"HostConfig":{"Memory":true}}', "bool into Go struct field .HostConfig.Memory of type int64"),
        ('{"HostConfig":{"BlkioWeight":-1}}', "number -1 into Go struct field .HostConfig.BlkioWeight of type uint16"),
        (
            '{"HostConfig":{"PortBindings":{"80/tcp":"x"}}}',
            "string into Go struct field .HostConfig.PortBindings.80~1tcp of type []nat.PortBinding",
        ),
        (
            '{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":80}]}}}',
            "number into Go struct field .HostConfig.PortBindings.80~1tcp.0.HostPort of type string",
        ),
        (
            '{"HostConfig":{"Ulimits":[{"Name":1}]}}',
            "number into Go struct field .HostConfig.Ulimits.0.Name of type string",
        ),
        ('{"HostConfig":{"Devices":[1]}}', "number into .HostConfig.Devices.0 of type container.DeviceMapping"),
        ('{"HostConfig":{"Init":"x"}}', "string into Go struct field .HostConfig.Init of type bool"),
        (
            '{"HostConfig":{"RestartPolicy":{"MaximumRetryCount":"x"}}}',
            "string into Go struct field .HostConfig.RestartPolicy.MaximumRetryCount of type int",
        ),
        (
            '{"HostConfig":{"DeviceRequests":[{"Capabilities":["a"]}]}}',
            "string into .HostConfig.DeviceRequests.0.Capabilities.0 of type []string",
        ),
        (
            '{"NetworkingConfig":{"EndpointsConfig":{"a":1}}}',
            "number into Go struct field .NetworkingConfig.EndpointsConfig.a of type network.EndpointSettings",
        ),
    ],
)
def test_values_of_a_wrong_type(body: str, words: str) -> None:
    assert words_for(body.encode()) == f"invalid JSON: json: cannot unmarshal {words}"


def test_a_plain_struct_has_its_name_in_the_words() -> None:
    words = "invalid JSON: json: cannot unmarshal number into Go struct field CreateOptions.Name of type string"
    assert words_for(b'{"Name":1}', model=VOLUME) == words
    words = "invalid JSON: json: cannot unmarshal array into Go struct field CreateOptions.DriverOpts of type "
    assert words_for(b'{"DriverOpts":[]}', model=VOLUME) == words + "map[string]string"


def test_an_empty_body_may_be_enough() -> None:
    assert decode_body(VOLUME, b"", "", required=False, length_known=True) == blank(VOLUME)
    assert decode_body(VOLUME, b"null", JSON, required=False, length_known=True) == blank(VOLUME)
    with pytest.raises(BadRequest):
        decode_body(VOLUME, b"", JSON, required=False, length_known=False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("application/json", ("application/json", "")),
        ("Application/JSON; charset=utf-8", ("application/json", "")),
        ('application/json; charset="utf-8";', ("application/json", "")),
        ("application/json;;", ("application/json", "invalid media parameter")),
        ("", ("", "no media type")),
        ("application/", ("", "expected token after slash")),
        ("application/json x", ("", "unexpected content after media subtype")),
        ("a/b; c=1; C=2", ("", "duplicate parameter name")),
    ],
)
def test_media_types(text: str, found: tuple[str, str]) -> None:
    assert parse_media_type(text) == found


@given(st.text(alphabet='{}[]:,"\\\\ntrfalseu0123.-+eE \x01', max_size=30))
def test_whatever_is_no_json_has_words(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        with pytest.raises((go_json.SyntaxProblem, go_json.TrailingContent)):
            go_json.loads(text)
    else:
        assert go_json.loads(text) == json.loads(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_what_we_write_reads_back(value: object) -> None:
    assert go_json.loads(go_json.dumps(value)) == value
    assert json.loads(go_json.dumps_escaped(value)) == value
    assert not set("<>&\u2028") & set(go_json.dumps_escaped(value))


def test_depth_is_no_crash() -> None:
    with pytest.raises((go_json.SyntaxProblem, go_json.TrailingContent)):
        go_json.loads("[" * 1_000_000)


@pytest.mark.parametrize(
    ("body", "go_type", "words"),
    [
        (b"{}", "[]string", "json: cannot unmarshal object into Go value of type []string"),
        (b"1", "types.Things", "json: cannot unmarshal number into Go value of type types.Things"),
        (b"true", "types.Things", "json: cannot unmarshal bool into Go value of type types.Things"),
        (b"[1]", "[]string", "json: cannot unmarshal number into .0 of type string"),
        (b'[{}, "a"]', "types.Things", "json: cannot unmarshal string into Things.1 of type types.Thing"),
    ],
)
def test_a_list_is_refused_in_the_words_of_go(body: bytes, go_type: str, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode_list(body, "application/json", go_type, length_known=True)
    assert caught.value.message == f"invalid JSON: {words}"


def test_a_list_may_be_empty_null_or_missing() -> None:
    for body, kind in ((b"", ""), (b"null", "application/json"), (b"[]", "application/json")):
        assert decode_list(body, kind, "[]string", length_known=True) == []
    assert decode_list(b'["a", null]', "application/json", "[]string", length_known=True) == ["a", None]
