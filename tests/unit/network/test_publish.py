"""Where ports lead."""

from __future__ import annotations

import pytest

from engine.network.attend import is_relayed
from engine.network.connect import Ways, ways_out
from engine.network.publish import overlap, targets
from engine.network.record import OPTION, Endpoint, Network, NetworkDefinition

ROUTED = NetworkDefinition(options={f"{OPTION}gateway_mode_ipv4": "routed"})
LAN, FAR = Network("l", "lan", 0, NetworkDefinition()), Network("f", "far", 0, ROUTED)
FOUR = Endpoint("4", "l", "c", ip_address="10.0.0.2", gateway="10.0.0.1")
BOTH = Endpoint("b", "f", "c", "10.1.0.2", 24, "10.1.0.1", "2001:db8::2", 64, "2001:db8::1")


def test_the_default_routes_lead_where_both_kinds_do_before_names_count() -> None:
    assert ways_out([(LAN, FOUR), (FAR, BOTH)], {}) == Ways("b", "b")
    assert ways_out([(LAN, FOUR), (FAR, BOTH)], {"lan": 1}) == Ways("4", "b")
    assert ways_out([], {}) == Ways()


def test_ports_lead_to_the_endpoints_with_the_default_routes() -> None:
    found = targets([(LAN, FOUR), (FAR, BOTH)], Ways("4", "b"))
    assert found is not None
    assert (found.of("0.0.0.0"), found.of("::"), found.of("::1")) == ("10.0.0.2", "2001:db8::2", "2001:db8::2")
    alone = targets([(LAN, FOUR)], Ways("4"))
    assert alone is not None
    assert alone.of("::") == "10.0.0.2", "relayed"
    routed = targets([(FAR, BOTH)], Ways("b", "b"))
    assert routed is not None
    assert (routed.of("0.0.0.0"), routed.of("::")) == ("", "2001:db8::2")
    assert targets([(LAN, FOUR)], Ways()) is None


@pytest.mark.parametrize(
    ("host_ip", "container_ip", "relayed"),
    [
        ("0.0.0.0", "10.0.0.2", False),
        ("::", "10.0.0.2", True),
        ("2001:db8::9", "10.0.0.2", True),
        ("::", "2001:db8::2", True),  # what this machine sends to ::1
        ("2001:db8::9", "2001:db8::2", False),
        ("::", "", False),
    ],
)
def test_what_the_firewall_cannot_lead_on_is_relayed(host_ip: str, container_ip: str, relayed: bool) -> None:
    assert is_relayed(host_ip, container_ip) is relayed


def test_addresses_that_exclude_each_other() -> None:
    assert overlap("0.0.0.0", "127.0.0.1")
    assert overlap("::", "::1")
    assert not overlap("0.0.0.0", "::")
    assert not overlap("127.0.0.1", "127.0.0.2")
    assert not overlap("direct/10.0.0.2", "0.0.0.0")
