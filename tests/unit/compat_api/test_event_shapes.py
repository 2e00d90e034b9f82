from __future__ import annotations

import pytest

from compat_api.problems import BadRequest
from compat_api.shapes.events import Filter, message, timestamp
from engine.events import Event

CREATED = Event(1, 1795469921148300733, "container", "create", "abc", {"name": "web", "image": "busybox:1", "app": "x"})
PULLED = Event(2, 1795469921000000000, "image", "pull", "sha256:def", {"name": "busybox:1"})
HEALTH = Event(3, 0, "container", "health_status: healthy", "abc", {"name": "web"})
JOINED = Event(4, 0, "network", "connect", "net", {"name": "bridge", "container": "abc", "type": "bridge"})


def test_a_container_event_as_dockerd_shapes_it() -> None:
    assert list(message(CREATED).items()) == [
        ("status", "create"),
        ("id", "abc"),
        ("from", "busybox:1"),
        ("Type", "container"),
        ("Action", "create"),
        ("Actor", {"ID": "abc", "Attributes": {"app": "x", "image": "busybox:1", "name": "web"}}),
        ("scope", "local"),
        ("time", 1795469921),
        ("timeNano", 1795469921148300733),
    ]


def test_other_events_have_no_old_fields() -> None:
    assert {"status", "id", "from"} & set(message(JOINED)) == set()
    assert list(message(PULLED))[:3] == ["status", "id", "Type"]


@pytest.mark.parametrize(
    ("filters", "matching"),
    [
        ({}, [CREATED, PULLED, HEALTH, JOINED]),
        ({"type": ["container"]}, [CREATED, HEALTH]),
        ({"type": ["container"], "event": ["create"]}, [CREATED]),
        ({"event": ["create", "pull"]}, [CREATED, PULLED]),
        ({"event": ["health_status"]}, [HEALTH]),
        ({"container": ["web"]}, [CREATED, HEALTH]),
        ({"container": ["ab"]}, [CREATED, HEALTH]),
        ({"image": ["busybox"]}, [CREATED, PULLED]),
        ({"image": ["busybox:1"]}, [CREATED, PULLED]),
        ({"image": ["busybox:2"]}, []),
        ({"label": ["app"]}, [CREATED]),
        ({"label": ["app=y"]}, []),
        ({"network": ["bridge"]}, [JOINED]),
        ({"scope": ["swarm"]}, []),
        ({"nonsense": ["x"]}, [CREATED, PULLED, HEALTH, JOINED]),
    ],
)
def test_filters(filters: dict[str, list[str]], matching: list[Event]) -> None:
    wanted = Filter(filters)
    assert [each for each in (CREATED, PULLED, HEALTH, JOINED) if wanted.matches(each)] == matching


def test_old_clients_do_not_see_that_images_are_created() -> None:
    event = Event(5, 0, "image", "create", "sha256:x", {})
    assert Filter({}).matches(event)
    assert not Filter({}, images_are_created=False).matches(event)


def test_times() -> None:
    assert timestamp("") is None
    assert timestamp("5") == 5_000_000_000
    assert timestamp("1.5") == 1_500_000_000
    assert timestamp("1795469921.148300733") == 1795469921148300733
    for text, part in (("x", "x"), ("2020-01-01", "2020-01-01"), ("1.5x", "5x")):
        with pytest.raises(BadRequest) as caught:
            timestamp(text)
        assert caught.value.message == f'strconv.ParseInt: parsing "{part}": invalid syntax'
