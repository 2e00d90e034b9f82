"""The options of bridge networks."""

from __future__ import annotations

import pytest

from engine.network.bridge_options import InvalidNetworkOption, UnsupportedNetworkOption, check
from engine.network.record import OPTION


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("enable_icc", "yes", 'value: yes (strconv.ParseBool: parsing "yes": invalid syntax)'),
        ("name", "sixteen-letters-", "numerical result out of range"),
        ("name", "a/b", "invalid argument"),
        ("host_binding_ipv4", "localhost", "value: localhost (nil ip)"),
        ("gateway_mode_ipv4", "x", "value: x (unknown gateway mode x)"),
    ],
)
def test_values_that_an_option_does_not_take(option: str, value: str, words: str) -> None:
    with pytest.raises(InvalidNetworkOption) as caught:
        check({f"{OPTION}{option}": value})
    assert str(caught.value).endswith(words)


@pytest.mark.parametrize(("option", "value"), [("gateway_mode_ipv4", "routed"), ("inhibit_ipv4", "true")])
def test_what_only_dockerd_has(option: str, value: str) -> None:
    with pytest.raises(UnsupportedNetworkOption):
        check({f"{OPTION}{option}": value})


def test_options_that_can_be() -> None:
    check({f"{OPTION}enable_icc": "F", f"{OPTION}name": "fifteen-letters", f"{OPTION}gateway_mode_ipv4": "nat"})
    check({"com.docker.network.driver.mtu": "0", "anything": "at all", f"{OPTION}inhibit_ipv4": "false"})
