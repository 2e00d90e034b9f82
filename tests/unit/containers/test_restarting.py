from __future__ import annotations

import dataclasses

import pytest

from engine.containers.config import HostConfig, RestartPolicy
from engine.containers.record import Container, Definition, NetworkState, State
from engine.containers.restarting import next_backoff, wants_restart, wants_restore
from engine.containers.restore import in_order

RAN = State(status="exited", run=1)


@pytest.mark.parametrize(
    ("policy", "state", "code", "wanted"),
    [
        ("", {}, 1, False),
        ("no", {}, 1, False),
        ("always", {}, 0, True),
        ("always", {"stop_requested": True}, 0, False),
        ("always", {"manual_stop": True}, 0, True),
        ("unless-stopped", {}, 0, True),
        ("unless-stopped", {"manual_stop": True}, 0, False),
        ("on-failure", {}, 0, False),
        ("on-failure", {}, 1, True),
        ("on-failure", {"restart_count": 50}, 1, True),
        ("on-failure:2", {"restart_count": 1}, 1, True),
        ("on-failure:2", {"restart_count": 2}, 1, False),
    ],
)
def test_who_is_restarted_after_an_end(policy: str, state: dict[str, int], code: int, wanted: bool) -> None:
    name, _, most = policy.partition(":")
    changed = dataclasses.replace(RAN, **state)  # type: ignore[arg-type]
    assert wants_restart(RestartPolicy(name, int(most or 0)), changed, code) is wanted


@pytest.mark.parametrize(
    ("policy", "state", "wanted"),
    [
        ("no", {"exit_code": 255}, False),
        ("always", {}, True),
        ("always", {"manual_stop": True, "stop_requested": True}, True),
        ("always", {"run": 0}, False),
        ("unless-stopped", {"stop_requested": True, "exit_code": 137}, True),
        ("unless-stopped", {"manual_stop": True}, False),
        ("on-failure", {"exit_code": 255}, True),
        ("on-failure", {"exit_code": 0}, False),
        ("on-failure:1", {"exit_code": 1, "restart_count": 1}, False),
    ],
)
def test_who_comes_back_after_a_boot(policy: str, state: dict[str, int], wanted: bool) -> None:
    name, _, most = policy.partition(":")
    changed = dataclasses.replace(RAN, **state)  # type: ignore[arg-type]
    assert wants_restore(RestartPolicy(name, int(most or 0)), changed) is wanted


def test_the_back_off_doubles_up_to_a_minute_and_begins_anew_after_ten_seconds() -> None:
    waits, backoff = [], 0
    for _ in range(12):
        backoff = next_backoff(backoff, 5_000_000_000)
        waits.append(backoff)
    assert waits == [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]
    assert next_backoff(60000, 10_000_000_000) == 100


def make(container_id: str, **modes: str) -> Container:
    host = HostConfig(**modes)  # type: ignore[arg-type]
    return Container(container_id, container_id, 0, "", Definition(host=host), State(), NetworkState())


def test_donors_of_namespaces_come_first() -> None:
    made = [
        make("c", network_mode="container:b"),
        make("b", ipc_mode="container:a"),
        make("a"),
        make("x", pid_mode="container:gone"),
    ]
    assert [[each.id for each in group] for group in in_order(made)] == [["a", "x"], ["b"], ["c"]]


def test_a_circle_of_donors_ends() -> None:
    made = [make("a", network_mode="container:b"), make("b", network_mode="container:a")]
    assert [[each.id for each in group] for group in in_order(made)] == [["a", "b"]]
