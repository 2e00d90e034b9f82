"""What is packed by hand for nftables is what libnftables makes of the same text."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.network import elements, nftables, ruleset, sandbox
from engine.network.nftables import FirewallFailed
from engine.network.resolver import open_sockets
from engine.network.ruleset import DIRECT, PublishedPort
from tests.harness.boxes import in_namespace, make_namespace, run_inside

TABLE = "skiff_test_elements"
PORTS = [
    PublishedPort("tcp", "0.0.0.0", 8080, "198.18.9.2", 80),
    PublishedPort("udp", "", 53, "198.18.9.2", 5353),
    PublishedPort("sctp", "192.0.2.7", 9999, "198.18.9.3", 65535),
    PublishedPort("tcp", "::", 8080, "2001:db8::2", 80),
    PublishedPort("udp", "2001:db8:7::1", 1, "2001:db8::2", 2),
    PublishedPort("tcp", f"{DIRECT}198.18.9.4", 80, "198.18.9.4", 80),
    PublishedPort("udp", f"{DIRECT}2001:db8::4", 80, "2001:db8::4", 80),
]


@pytest.fixture
def empty() -> Iterator[str]:
    """What the table is without ports."""
    nftables.run(ruleset.whole_table(TABLE, [], []))
    yield listed()
    nftables.run(f"delete table inet {TABLE}")


def listed() -> str:
    return nftables.run(f"list table inet {TABLE}")


def test_they_are_what_libnftables_makes(empty: str) -> None:
    elements.change(TABLE, [], PORTS)
    by_hand = listed()
    nftables.run(ruleset.whole_table(TABLE, [], PORTS))
    assert by_hand == listed() != empty
    elements.change(TABLE, PORTS, [])
    assert listed() == empty


def test_a_change_is_made_whole_or_not_at_all(empty: str) -> None:
    elements.change(TABLE, [], PORTS[:1])
    before = listed()
    with pytest.raises(FirewallFailed):
        elements.change(TABLE, PORTS[1:2], PORTS[2:])  # that one is not there
    with pytest.raises(FirewallFailed):
        elements.change(TABLE, [], [PublishedPort("tcp", "0.0.0.0", 8080, "198.18.9.9", 80), *PORTS[2:]])
    assert listed() == before
    elements.change(TABLE, PORTS[:1], PORTS[1:])
    elements.change(TABLE, PORTS[1:], PORTS[:1])
    assert listed() == before


def test_many_at_once(empty: str) -> None:
    many = [PublishedPort("tcp", "0.0.0.0", 10_000 + number, "198.18.9.2", number) for number in range(1, 1001)]
    elements.change(TABLE, [], many)
    assert listed().count("198.18.9.2") == len(many)
    elements.change(TABLE, many, [])
    assert listed() == empty


def test_a_table_that_is_not_there() -> None:
    with pytest.raises(FirewallFailed):
        elements.change("skiff_test_no_table", [], PORTS)
    elements.change("skiff_test_no_table", [], [])


def test_questions_are_led_on_as_the_rules_say(tmp_path: Path) -> None:
    namespace = tmp_path / "namespace"
    make_namespace(namespace)
    try:
        for fresh in (True, False):  # the second time in the place of the first
            opened = in_namespace(namespace, lambda fresh=fresh: open_sockets(fresh=fresh))  # type: ignore[misc]
            sockets = [socket.socket(fileno=each) for each in opened]
            udp, tcp = (each.getsockname()[1] for each in sockets[:2])
            for each in sockets:
                each.close()
            assert (
                run_inside(str(namespace), "nft", "list", "ruleset")
                == f"""table ip skiff_resolver {{
	chain output {{
		type nat hook output priority -100; policy accept;
		ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:{udp}
		ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:{tcp}
	}}
}}
"""
            )
    finally:
        sandbox.remove(namespace)
