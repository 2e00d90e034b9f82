"""What the attendant is told: the text that the engine writes is the state that the attendant reads."""

from __future__ import annotations

from engine.attendant.state import State
from engine.network.attendant_state import Facts, text
from engine.network.record import Endpoint

ONE, TWO = "1" * 64, "2" * 64
LAN, FAR = "a" * 64, "b" * 64


def endpoint(container: str, network: str, address: str, *names: str, **more: object) -> Endpoint:
    return Endpoint("e", network, container, ip_address=address, names=list(names), **more)  # type: ignore[arg-type]


JOINED = [
    ("lan", endpoint(ONE, LAN, "10.0.0.2", "first", "Web", ipv6_address="2001:db8::2")),
    ("lan", endpoint(TWO, LAN, "10.0.0.3", "second", "web", links=["first:db"], leads_out=False)),
    ("far.net", endpoint(TWO, FAR, "10.1.0.3", "second", "web.lan", servers=["192.0.2.53"], leads_out=False)),
    ("bridge", endpoint(ONE, "c" * 64, "172.17.0.2")),
]
STATE = State(text(Facts(JOINED, {"tcp/::/80": ("10.0.0.2", 8080)}, ["192.0.2.1"])))


def test_names_are_found_in_the_networks_of_who_asks() -> None:
    assert STATE.find(ONE, "second") == ["10.0.0.3"]
    assert STATE.find(ONE, "FIRST.") == ["10.0.0.2", "2001:db8::2"]
    assert STATE.find(ONE, "web") == ["10.0.0.2", "2001:db8::2", "10.0.0.3"]
    assert STATE.find(TWO, "second.far.net") == ["10.1.0.3"]
    assert STATE.find(ONE, "second.far.net") is None
    assert STATE.find(ONE, "nobody") is None


def test_a_name_with_dots_is_a_name_before_it_is_one_in_a_network() -> None:
    assert STATE.find(ONE, "web.lan") == ["10.0.0.2", "2001:db8::2", "10.0.0.3"]
    assert STATE.find(TWO, "web.lan") == ["10.1.0.3"]


def test_a_link_is_a_name_for_one_container_alone() -> None:
    assert STATE.find(TWO, "db") == ["10.0.0.2", "2001:db8::2"]
    assert STATE.find(ONE, "db") is None


def test_addresses_have_their_first_name() -> None:
    assert STATE.owner(TWO, "10.0.0.2") == "first.lan"
    assert STATE.owner(TWO, "2001:db8::2") == "first.lan"
    assert STATE.owner(ONE, "10.1.0.3") is None, "a network that it is not in"


def test_who_is_asked_outside() -> None:
    assert (STATE.containers[ONE].servers, STATE.containers[ONE].forward) == (["192.0.2.1"], True)
    assert (STATE.containers[TWO].servers, STATE.containers[TWO].forward) == (["@192.0.2.53"], False)


def test_relays_and_keys() -> None:
    facts = Facts(JOINED, {"tcp/::/80": ("10.0.0.2", 8080)})
    assert STATE.relays == {"tcp/::/80": ("10.0.0.2", 8080)}
    assert facts.keys() == [f"dns/{ONE}", f"dns/{TWO}", "tcp/::/80"]


def test_nothing_to_answer_is_an_empty_text() -> None:
    assert text(Facts(JOINED[3:])) == ""


def test_names_that_no_line_can_hold_are_left_out() -> None:
    odd = [("a b", endpoint(ONE, LAN, "10.0.0.2", "good", "b ad"))]
    assert State(text(Facts(odd))).find(ONE, "good") == ["10.0.0.2"]
    assert State(text(Facts(odd))).owner(ONE, "10.0.0.2") == "good"
