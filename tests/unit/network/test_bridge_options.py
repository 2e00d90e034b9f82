"""The options of bridge networks."""

from __future__ import annotations

import pytest

from engine.network.bridge_options import ImpossibleNetworkOption, InvalidNetworkOption, NotInternal, check
from engine.network.record import MTU_OPTION, OPTION


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("enable_icc", "yes", 'value: yes (strconv.ParseBool: parsing "yes": invalid syntax)'),
        ("host_binding_ipv4", "localhost", "value: localhost (nil ip)"),
        ("gateway_mode_ipv4", "x", "value: x (unknown gateway mode x)"),
    ],
)
def test_values_that_an_option_does_not_take(option: str, value: str, words: str) -> None:
    with pytest.raises(InvalidNetworkOption) as caught:
        check({f"{OPTION}{option}": value})
    assert str(caught.value).endswith(words)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        (f"{OPTION}name", "sixteen-letters-", "numerical result out of range"),
        (f"{OPTION}name", "a/b", "invalid argument"),
        (MTU_OPTION, "67", "invalid argument"),
        (MTU_OPTION, "65536", "invalid argument"),
    ],
)
def test_values_that_the_kernel_does_not_take(option: str, value: str, words: str) -> None:
    with pytest.raises(ImpossibleNetworkOption) as caught:
        check({option: value})
    assert str(caught.value) == words


def test_only_a_network_without_a_way_out_can_be_isolated() -> None:
    with pytest.raises(NotInternal):
        check({f"{OPTION}gateway_mode_ipv6": "isolated"})
    check({f"{OPTION}gateway_mode_ipv6": "isolated"}, internal=True)


def test_options_that_can_be() -> None:
    check({f"{OPTION}enable_icc": "F", f"{OPTION}name": "fifteen-letters", f"{OPTION}gateway_mode_ipv4": "nat"})
    check({"com.docker.network.driver.mtu": "0", "anything": "at all", f"{OPTION}inhibit_ipv4": "false"})
