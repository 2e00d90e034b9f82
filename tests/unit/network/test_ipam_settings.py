"""The addresses that a network is asked to have."""

from __future__ import annotations

import pytest

from engine.network import ipam
from engine.network.ipam_settings import (
    AddressReserved,
    InvalidNetworkConfig,
    Ipv6Unsupported,
    PoolRequest,
    SeveralSubnets,
    SubnetTaken,
    check,
    chosen,
)


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        (PoolRequest("10.0.0.5/24"), "invalid subnet 10.0.0.5/24: it should be 10.0.0.0/24"),
        (PoolRequest("10.0.0.0/33"), "invalid subnet 10.0.0.0/33: invalid CIDR block notation"),
        (PoolRequest("10.0.0.0"), "invalid subnet 10.0.0.0: invalid CIDR block notation"),
        (PoolRequest("10.0.0.0/24", gateway="::1"), "invalid gateway ::1: parent subnet 10.0.0.0/24 doesn't contain"),
        (PoolRequest("10.0.0.0/24", ip_range="10.0.1.0/25"), "parent subnet 10.0.0.0/24 doesn't contain ip-range"),
        (PoolRequest("10.0.0.0/24", ip_range="10.0.0.0/8"), "CIDR block is bigger than its parent subnet"),
        (PoolRequest("10.0.0.0/24", auxiliary={"a": "1"}), "invalid auxiliary address a: invalid address"),
    ],
)
def test_what_is_no_range_of_addresses(pool: PoolRequest, words: str) -> None:
    with pytest.raises(InvalidNetworkConfig) as caught:
        check([pool])
    assert words in str(caught.value)


def test_everything_that_is_wrong_is_told() -> None:
    with pytest.raises(InvalidNetworkConfig) as caught:
        check([PoolRequest("x"), PoolRequest("10.0.0.0/24", gateway="x")])
    assert str(caught.value) == (
        "invalid network config:\n* invalid subnet x: invalid CIDR block notation\n* invalid gateway x: invalid address"
    )


def test_a_gateway_is_the_first_address_that_containers_may_have() -> None:
    check([PoolRequest("10.0.0.0/24", "10.0.0.128/25")])
    assert chosen([PoolRequest("10.0.0.0/24", "10.0.0.128/25")], []).gateway == "10.0.0.128"
    assert chosen([PoolRequest("10.0.0.0/24", "10.0.0.0/25")], []).gateway == "10.0.0.1"
    assert chosen([PoolRequest("10.0.0.0/31")], []).gateway == "10.0.0.0"
    made = chosen([PoolRequest("10.0.0.0/24", gateway="10.0.0.9")], ["10.0.1.0/24"])
    assert (made.gateway, made.shown_gateway) == ("10.0.0.9", True)


def test_addresses_that_are_taken() -> None:
    with pytest.raises(SubnetTaken):
        chosen([PoolRequest("10.0.0.0/24")], ["10.0.0.128/25"])
    with pytest.raises(SubnetTaken):
        chosen([PoolRequest("10.0.0.0/24"), PoolRequest("10.0.0.0/24")], [])
    with pytest.raises(SeveralSubnets):
        chosen([PoolRequest("10.0.0.0/24"), PoolRequest("10.0.1.0/24")], [])
    with pytest.raises(Ipv6Unsupported):
        chosen([PoolRequest("fd00::/64")], [])
    for pool in (
        PoolRequest("10.0.0.0/24", gateway="10.0.0.255"),
        PoolRequest("10.0.0.0/24", auxiliary={"a": "10.0.0.1"}),
        PoolRequest("10.0.0.0/24", auxiliary={"a": "10.0.0.7", "b": "10.0.0.7"}),
    ):
        with pytest.raises(AddressReserved):
            chosen([pool], [])


def test_addresses_of_a_part_of_a_subnet() -> None:
    assert ipam.free_address("10.0.0.0/24", ["10.0.0.128"], "10.0.0.128/25") == "10.0.0.129"
    assert ipam.free_address("10.0.0.0/24", [], "10.0.0.255/32") is None
    assert ipam.free_address("10.0.0.0/31", ["10.0.0.0"]) == "10.0.0.1"
    assert ipam.free_address("10.0.0.0/32", ["10.0.0.0"]) is None
