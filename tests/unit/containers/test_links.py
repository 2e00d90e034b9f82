"""Links: what their texts mean and which variables they make."""

from __future__ import annotations

import pytest

from engine.containers.links import InvalidLink, parse, variables


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("db", ("db", "db")),
        ("db:alias", ("db", "alias")),
        ("/db:/web/alias", ("db", "alias")),
        ("/db:/alias", ("db", "alias")),
        (":x", ("", "x")),
    ],
)
def test_texts(text: str, meant: tuple[str, str]) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize(
    ("text", "words"), [("", "empty string specified for links"), ("a:b:c", "bad format for links: a:b:c")]
)
def test_what_is_no_link(text: str, words: str) -> None:
    with pytest.raises(InvalidLink, match=words):
        parse(text)


def test_variables_are_dockerds() -> None:
    made = variables(
        "/web/my-db", "10.0.0.9", ["53/udp", "8001/tcp", "8000/tcp"], ["A=1=2", "HOME=/x", "NOTHING", "E="]
    )
    assert made == [
        "MY_DB_PORT=tcp://10.0.0.9:8000",
        "MY_DB_PORT_8000_TCP_START=tcp://10.0.0.9:8000",
        "MY_DB_PORT_8000_TCP_ADDR=10.0.0.9",
        "MY_DB_PORT_8000_TCP_PROTO=tcp",
        "MY_DB_PORT_8000_TCP_PORT_START=8000",
        "MY_DB_PORT_8000_TCP_END=tcp://10.0.0.9:8001",
        "MY_DB_PORT_8000_TCP_PORT_END=8001",
        "MY_DB_PORT_8000_TCP=tcp://10.0.0.9:8000",
        "MY_DB_PORT_8000_TCP_ADDR=10.0.0.9",
        "MY_DB_PORT_8000_TCP_PORT=8000",
        "MY_DB_PORT_8000_TCP_PROTO=tcp",
        "MY_DB_PORT_8001_TCP=tcp://10.0.0.9:8001",
        "MY_DB_PORT_8001_TCP_ADDR=10.0.0.9",
        "MY_DB_PORT_8001_TCP_PORT=8001",
        "MY_DB_PORT_8001_TCP_PROTO=tcp",
        "MY_DB_PORT_53_UDP=udp://10.0.0.9:53",
        "MY_DB_PORT_53_UDP_ADDR=10.0.0.9",
        "MY_DB_PORT_53_UDP_PORT=53",
        "MY_DB_PORT_53_UDP_PROTO=udp",
        "MY_DB_NAME=/web/my-db",
        "MY_DB_ENV_A=1=2",
        "MY_DB_ENV_E=",
    ]


def test_a_link_without_ports_tells_its_name() -> None:
    assert variables("/web/db", "10.0.0.9", [], []) == ["DB_NAME=/web/db"]
