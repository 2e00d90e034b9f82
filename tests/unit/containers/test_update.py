from __future__ import annotations

from dataclasses import replace

import pytest

from engine.containers.config import HostConfig, RestartPolicy
from engine.containers.update import (
    QualityOfServiceUnsupported,
    check,
    conflict,
    live_resources,
    merged,
)
from engine.containers.validate import InvalidRestartPolicy
from engine.runtime.cgroups import V1, V2, CgroupLayout
from engine.runtime.facts import HostFacts
from engine.runtime.limits import InvalidLimit

KNOWN = HostFacts()


def test_what_is_not_named_stays() -> None:
    old = HostConfig(memory=1 << 30, memory_swap=2 << 30, cpu_shares=5, cpuset_cpus="0", pids_limit=7, binds=["/a:/b"])
    assert merged(old, HostConfig()) == old
    changed = merged(old, HostConfig(cpu_shares=9, memory_swap=-1, restart_policy=RestartPolicy("always")))
    assert changed == replace(old, cpu_shares=9, memory_swap=-1, restart_policy=RestartPolicy("always"))


@pytest.mark.parametrize("field", ["devices", "ulimits", "cgroup_parent", "memory_swappiness", "oom_kill_disable"])
def test_what_cannot_be_changed_stays_without_a_word(field: str) -> None:
    value: object = {"devices": [], "ulimits": [], "cgroup_parent": "x", "oom_kill_disable": True}.get(field, 5)
    assert merged(HostConfig(), HostConfig(**{field: value})) == HostConfig()  # type: ignore[arg-type]


@pytest.mark.parametrize(("limit", "recorded"), [(5, 5), (0, 0), (-1, 0), (-7, 0)])
def test_the_limit_on_processes_can_be_lifted(limit: int, recorded: int) -> None:
    assert merged(HostConfig(pids_limit=9), HostConfig(pids_limit=limit)).pids_limit == recorded


@pytest.mark.parametrize(
    ("old", "wanted", "words"),
    [
        (HostConfig(cpu_period=5), HostConfig(nano_cpus=5), "Nano CPUs cannot be updated as CPU Period has already"),
        (HostConfig(cpu_quota=5), HostConfig(nano_cpus=5), "Nano CPUs cannot be updated as CPU Quota has already"),
        (HostConfig(nano_cpus=5), HostConfig(cpu_period=5), "CPU Period cannot be updated as NanoCPUs has already"),
        (HostConfig(nano_cpus=5), HostConfig(cpu_quota=5), "CPU Quota cannot be updated as NanoCPUs has already"),
        (HostConfig(memory_swap=5), HostConfig(memory=6), "Memory limit should be smaller than already set memoryswap"),
        (HostConfig(), HostConfig(memory=6), "Memory limit should be smaller than already set memoryswap"),
        (
            HostConfig(auto_remove=True),
            HostConfig(restart_policy=RestartPolicy("always")),
            "Restart policy cannot be updated because AutoRemove is enabled",
        ),
    ],
)
def test_conflicts_with_what_the_container_has(old: HostConfig, wanted: HostConfig, words: str) -> None:
    assert words in conflict(old, wanted)


@pytest.mark.parametrize(
    ("old", "wanted"),
    [
        (HostConfig(memory_swap=5), HostConfig(memory=6, memory_swap=7)),
        (HostConfig(memory_swap=5), HostConfig(memory=5)),
        (HostConfig(auto_remove=True), HostConfig(restart_policy=RestartPolicy("no"))),
        (HostConfig(cpu_quota=5), HostConfig(cpu_period=5)),
    ],
)
def test_no_conflict(old: HostConfig, wanted: HostConfig) -> None:
    assert conflict(old, wanted) == ""


def test_values_by_themselves_are_checked_as_at_create() -> None:
    with pytest.raises(InvalidLimit, match="6MB"):
        check(HostConfig(memory=1), KNOWN)
    with pytest.raises(InvalidRestartPolicy):
        check(HostConfig(restart_policy=RestartPolicy("sometimes")), KNOWN)
    with pytest.raises(QualityOfServiceUnsupported):
        check(HostConfig(io_maximum_iops=1), KNOWN)
    assert check(HostConfig(memory_swap=1 << 30), KNOWN) == []  # without memory, which create refuses
    assert check(HostConfig(cpu_percent=1), KNOWN) == ["linux does not support CPU percent. Percent discarded."]


def test_only_what_is_named_reaches_a_running_container() -> None:
    v1 = CgroupLayout(V1)
    assert live_resources(HostConfig(), v1) == {}
    swappy = HostConfig(memory_swappiness=5, oom_kill_disable=True, cpu_realtime_period=5, pids_limit=0)
    assert live_resources(swappy, v1) == {}
    assert live_resources(HostConfig(memory=7, memory_swap=-1, nano_cpus=500_000_000, pids_limit=3), v1) == {
        "memory": {"limit": 7, "swap": -1},
        "cpu": {"period": 100_000, "quota": 50_000},
        "pids": {"limit": 3},
    }
    assert live_resources(HostConfig(blkio_weight=300), CgroupLayout(V2)) == {"blockIO": {"weight": 300}}
