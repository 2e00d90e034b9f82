"""The firewall's text. Whether the kernel takes it and does it is tested in tests/integration/network."""

from __future__ import annotations

from engine.network.ruleset import Bridge, PublishedPort, Range, add_bridge, add_port, set_of, whole_table

WEB = PublishedPort("tcp", "0.0.0.0", 8080, "172.17.0.2", 80)
LOCAL = PublishedPort("udp", "127.0.0.1", 53, "172.17.0.3", 5353)


def test_a_port_is_one_element_of_the_map_for_its_address() -> None:
    assert add_port("skiff", WEB) == "add element inet skiff any { tcp . 8080 : 172.17.0.2 . 80 }"
    assert add_port("skiff", LOCAL) == "add element inet skiff one { 127.0.0.1 . udp . 53 : 172.17.0.3 . 5353 }"


def test_the_whole_table_replaces_whatever_was_there() -> None:
    lines = whole_table("skiff_ab12cd", [Bridge("skiffab12cd", (Range("172.18.0.0/16"),))], [WEB, LOCAL]).splitlines()
    assert lines[:2] == ["add table inet skiff_ab12cd", "delete table inet skiff_ab12cd"]
    assert 'add element inet skiff_ab12cd bridges { "skiffab12cd" }' in lines
    assert 'add element inet skiff_ab12cd within { "skiffab12cd" . "skiffab12cd" }' in lines
    assert "add element inet skiff_ab12cd subnets { 172.18.0.0/16 }" in lines
    assert lines[-2:] == [add_port("skiff_ab12cd", WEB), add_port("skiff_ab12cd", LOCAL)]


def test_rules_name_no_port_and_no_bridge() -> None:
    one = whole_table("skiff", [Bridge("skiff0", (Range("172.17.0.0/16"),))], [])
    many = whole_table("skiff", [Bridge("skiff0", (Range("172.17.0.0/16"),))], [WEB, LOCAL])
    assert many.startswith(one), "a port adds nothing but its element"
    rules = one[one.index("chain raw") : one.index("add element")]
    assert "skiff0" not in rules
    assert "172.17" not in rules


def test_ipv6_has_sets_and_maps_of_its_own() -> None:
    port = PublishedPort("tcp", "::", 8080, "2001:db8::2", 80)
    assert add_port("skiff", port) == "add element inet skiff any6 { tcp . 8080 : 2001:db8::2 . 80 }"
    local = PublishedPort("tcp", "2001:db8:1::1", 8080, "2001:db8::2", 80)
    assert set_of(local) == "one6"
    direct = PublishedPort("tcp", "direct/2001:db8::2", 80, "2001:db8::2", 80)
    assert add_port("skiff", direct) == "add element inet skiff direct6 { 2001:db8::2 . tcp . 80 }"


def test_a_bridge_says_how_its_subnets_are_reached() -> None:
    ranges = (Range("172.18.0.0/16", source="192.0.2.1"), Range("2001:db8::/64", hidden=False, mode="routed"))
    lines = add_bridge("skiff", Bridge("br0", ranges, connects=False, internal=True, trusted=("eth7",))).splitlines()
    assert sorted(line.removeprefix("add element inet skiff ") for line in lines) == [
        'bridges { "br0" }',
        'internal { "br0" }',
        "routed6 { 2001:db8::/64 }",
        "sources { 172.18.0.0/16 : 192.0.2.1 }",
        "subnets { 172.18.0.0/16 }",
        "subnets6 { 2001:db8::/64 }",
        'within { "eth7" . "br0" }',
    ]
