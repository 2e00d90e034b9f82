"""Records to JSON and back."""

from hypothesis import given
from hypothesis import strategies as st

from engine.containers.config import HostConfig, PortBinding, Ulimit
from engine.containers.record import Definition
from engine.state.codec import decode, encode

hosts = st.builds(
    HostConfig,
    binds=st.none() | st.lists(st.text()),
    port_bindings=st.dictionaries(st.text(), st.lists(st.builds(PortBinding, st.text(), st.text()))),
    ulimits=st.none() | st.lists(st.builds(Ulimit, st.text(), st.integers(), st.integers())),
    init=st.none() | st.booleans(),
    memory=st.integers(min_value=0),
)


@given(hosts)
def test_round_trip(host: HostConfig) -> None:
    definition = Definition(host=host, path="sh")
    assert decode(Definition, encode(definition)) == definition


def test_defaults_are_left_out_and_come_back() -> None:
    assert encode(Definition()) == "{}"
    assert decode(Definition, "{}") == Definition()


def test_a_key_that_a_newer_engine_wrote_is_passed_over() -> None:
    assert decode(Ulimit, '{"name": "nofile", "flavour": "mint"}') == Ulimit("nofile")
