from __future__ import annotations

import pytest

from engine.containers.config import ContainerConfig, EndpointRequest, HostConfig, MountPoint
from engine.containers.listing import ListQuery, network_names, select
from engine.containers.record import ConnectedEndpoint, Container, Definition, NetworkState, State
from engine.errors import EngineError, InvalidFilter, NoSuchContainer


def container(number: int, name: str, status: str = "running", **more: object) -> Container:
    definition = Definition(
        config=ContainerConfig(labels=more.get("labels")),  # type: ignore[arg-type]
        host=HostConfig(network_mode=str(more.get("network_mode", "bridge"))),
        endpoints=more.get("endpoints", {}),  # type: ignore[arg-type]
        mounts=more.get("mounts", []),  # type: ignore[arg-type]
    )
    state = State(status=status, started=0 if status == "created" else 1, exit_code=int(str(more.get("code", 0))))
    network = more.get("network", NetworkState())
    return Container(
        id=f"{number}{name}" + "0" * 60, name=name, created=number, image_id=str(more.get("image", "aa")),
        definition=definition, state=state, network=network,  # type: ignore[arg-type]
    )  # fmt: skip


THREE = [
    container(1, "old", "exited", code=3, labels={"a": "1", "b": ""}),
    container(2, "mid", "running", image="bb"),
    container(3, "new", "created"),
]


def names(filters: dict[str, list[str]] | None = None, *, everything: bool = True, limit: int = 0) -> list[str]:
    found = select(THREE, ListQuery(everything, limit, filters or {}), {"busybox": ["aa"]}.get)  # type: ignore[arg-type]
    return [each.name for each in found]


def test_newest_first_and_only_what_runs_unless_all() -> None:
    assert names() == ["new", "mid", "old"]
    assert names(everything=False) == ["mid"]


def test_a_limit_shows_stopped_ones_too() -> None:
    assert names(everything=False, limit=1) == ["new"]
    assert names(everything=False, limit=2) == ["new", "mid"]
    assert names(everything=False, limit=-1) == ["mid"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"status": ["exited"]}, ["old"]),
        ({"status": ["exited", "created"]}, ["new", "old"]),
        ({"exited": ["3"]}, ["old"]),
        ({"exited": ["0"]}, []),
        ({"name": ["^/?n"]}, ["new"]),
        ({"name": ["/mid"]}, ["mid"]),
        ({"name": ["["]}, []),
        ({"id": ["1o"]}, ["old"]),
        ({"id": ["1o"], "name": ["mid"]}, []),
        ({"id": [""]}, []),
        ({"label": ["a"]}, ["old"]),
        ({"label": ["a=1", "b="]}, ["old"]),
        ({"label": ["a=2"]}, []),
        ({"label": ["a", "c"]}, []),
        ({"before": ["mid"]}, ["old"]),
        ({"since": ["mid"]}, ["new"]),
        ({"since": ["/old"], "before": ["new"]}, ["mid"]),
        ({"is-task": ["true"]}, []),
        ({"is-task": ["0"]}, ["new", "mid", "old"]),
        ({"health": ["none"]}, ["new", "mid", "old"]),
        ({"health": ["healthy"]}, []),
        ({"network": ["bridge"]}, ["new", "mid", "old"]),
        ({"network": ["other"]}, []),
        ({"network": []}, []),
        ({"volume": []}, []),
        ({"isolation": ["x"]}, ["new", "mid", "old"]),
    ],
)
def test_filters(filters: dict[str, list[str]], expected: list[str]) -> None:
    assert names(filters) == expected


def test_status_implies_all() -> None:
    assert names({"status": ["created"]}, everything=False) == ["new"]


def test_ancestor_asks_for_the_image() -> None:
    found = select(THREE, ListQuery(True, 0, {"ancestor": ["busybox"]}), lambda _: {"bb"})
    assert [each.name for each in found] == ["mid"]
    assert select(THREE, ListQuery(True, 0, {"ancestor": ["busybox"]}), lambda _: ()) == []


def test_volumes_match_by_name_source_and_destination() -> None:
    mounts = [
        MountPoint("volume", "/v/x/_data", "/data", name="x", driver="local"),
        MountPoint("bind", "/srv", "/bound"),
    ]
    one = container(1, "one", mounts=mounts)

    def matches(value: str) -> bool:
        return bool(select([one], ListQuery(filters={"volume": [value]}), lambda _: ()))

    assert [matches(v) for v in ("x", "/data", "/srv", "/bound", "/v/x/_data", "y")] == [True] * 4 + [False] * 2


def test_ports_match_by_host_side_and_by_inner_side() -> None:
    network = NetworkState(ports={"80/tcp": [("0.0.0.0", "8080")], "81/udp": None})
    one = container(1, "one", network=network)

    def matches(name: str, value: str) -> bool:
        return bool(select([one], ListQuery(filters={name: [value]}), lambda _: ()))

    assert matches("publish", "8080")
    assert matches("publish", "8000-9000/tcp")
    assert not matches("publish", "80")
    assert matches("expose", "80/tcp")
    assert matches("expose", "81/udp")
    assert not matches("expose", "81")


def test_networks_match_by_name_and_by_beginning_of_the_id() -> None:
    network = NetworkState(endpoints={"mine": ConnectedEndpoint(network_id="abcdef")})
    one = container(1, "one", network=network, endpoints={"mine": EndpointRequest()})
    assert select([one], ListQuery(filters={"network": ["abc"]}), lambda _: ()) == [one]
    assert select([one], ListQuery(filters={"network": ["bcd"]}), lambda _: ()) == []


def test_network_names_without_endpoints_follow_the_mode() -> None:
    assert network_names(container(1, "a", network_mode="host")) == ["host"]
    assert network_names(container(1, "a", network_mode="container:b")) == []


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"foo": ["x"]}, "invalid filter 'foo'"),
        ({"exited": ["abc"]}, "invalid filter 'exited=abc': strconv.Atoi: parsing \"abc\": invalid syntax"),
        (
            {"exited": ["99999999999999999999"]},
            "invalid filter 'exited=99999999999999999999': "
            'strconv.Atoi: parsing "99999999999999999999": value out of range',
        ),
        (
            {"status": ["nope"]},
            "invalid filter 'status=nope': invalid value for state (nope): must be one of created, running, "
            "paused, restarting, removing, exited, dead",
        ),
        ({"is-task": ["x"]}, "invalid filter 'is-task=[x]'"),
        ({"is-task": []}, "invalid filter 'is-task'"),
        (
            {"health": ["x"]},
            "invalid filter 'health=x': invalid value for health (x): "
            "must be one of none, starting, healthy, unhealthy",
        ),
    ],
)
def test_bad_values_are_refused_in_dockerds_words(filters: dict[str, list[str]], words: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        names(filters)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a:b", "filter for 'publish' should not contain ':': a:b"),
        ("abc", 'error while looking up for publish abc: strconv.ParseUint: parsing "abc": invalid syntax'),
        ("70000", 'error while looking up for publish 70000: strconv.ParseUint: parsing "70000": value out of range'),
        ("80-70", "error while looking up for publish 80-70: Invalid range specified for the Port: 80-70"),
        ("/tcp", "error while looking up for publish /tcp: Empty string specified for ports."),
    ],
)
def test_bad_ports(value: str, words: str) -> None:
    with pytest.raises(EngineError) as caught:
        names({"publish": [value]})
    assert str(caught.value) == words
    assert not isinstance(caught.value, InvalidFilter)


@pytest.mark.parametrize("name", ["before", "since"])
def test_an_unknown_container_in_before_or_since(name: str) -> None:
    with pytest.raises(NoSuchContainer):
        names({name: ["nope"]})
