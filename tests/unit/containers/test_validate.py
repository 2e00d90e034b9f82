"""What create refuses and warns about; messages and statuses were asked of dockerd 28.5 on a 2-core hybrid machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.containers.config import (
    ContainerConfig,
    Healthcheck,
    HostConfig,
    MountRequest,
    PortBinding,
    RestartPolicy,
    WeightDevice,
)
from engine.containers.defaults import complete
from engine.containers.validate import UnsupportedStorageOption, check_security, validate
from engine.errors import InvalidParameter
from engine.runtime import capabilities
from engine.runtime.cgroups import HYBRID, SYSTEMD, V2, CgroupLayout
from engine.runtime.facts import HostFacts
from engine.runtime.limits import parse_list
from engine.runtime.support import ResourceSupport

MACHINE = HostFacts(
    cgroups=CgroupLayout(HYBRID),
    capabilities=tuple(name for name in capabilities.NAMES if name != "CAP_SYS_RESOURCE"),
    support=ResourceSupport(
        swappiness=True,
        oom_kill_disable=True,
        block_weight=False,
        block_weight_device=False,
        cpus="0-1",
        mems="0",
        processors=2,
    ),
)
NO_CPU_PAIR = "Conflicting options: Nano CPUs and CPU {} cannot both be set"
TOO_MANY_CPUS = "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"
RESTART = "invalid restart policy: "
UNDEFINED = "This would result in undefined behavior"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ({"cap_add": ["foo"]}, 'invalid CapAdd: unknown capability: "CAP_FOO"'),
        ({"cap_drop": ["foo"], "privileged": True}, 'invalid CapDrop: unknown capability: "CAP_FOO"'),
        (
            {"cap_add": ["sys_resource"]},
            "invalid CapAdd: capability not supported by your kernel or not available in the current environment: "
            '"CAP_SYS_RESOURCE"',
        ),
        ({"memory": 1000}, "Minimum memory limit allowed is 6MB"),
        (
            {"memory": 6 << 20, "memory_swap": 100},
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        ({"memory_swap": 10_000_000}, "You should always set the Memory limit when using Memoryswap limit, see usage"),
        ({"memory_reservation": 100}, "Minimum memory reservation allowed is 6MB"),
        (
            {"memory": 10_000_000, "memory_reservation": 20_000_000},
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ),
        ({"memory_swappiness": 101}, "Invalid value: 101, valid memory swappiness range is 0-100"),
        ({"nano_cpus": 3_000_000_000}, TOO_MANY_CPUS),
        ({"nano_cpus": -1}, TOO_MANY_CPUS),
        ({"nano_cpus": 10**9, "cpu_period": 10_000}, NO_CPU_PAIR.format("Period")),
        ({"nano_cpus": 10**9, "cpu_quota": 10_000}, NO_CPU_PAIR.format("Quota")),
        ({"cpu_period": 10}, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"),
        ({"cpu_quota": 10}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        ({"cpu_shares": -3}, "invalid CPU shares (-3): value must be a positive integer"),
        ({"cpuset_cpus": "0-5"}, "Requested CPUs are not available - requested 0-5, available: 0-1"),
        ({"cpuset_cpus": "a"}, "Invalid value a for cpuset cpus: invalid format: a"),
        ({"cpuset_mems": "7"}, "Requested memory nodes are not available - requested 7, available: 0"),
        ({"cpu_realtime_period": 1000}, "kernel does not support CPU real-time scheduler"),
        ({"oom_score_adj": 2000}, "Invalid value 2000, range for oom score adj is [-1000, 1000]"),
        ({"ipc_mode": "foo"}, "invalid IPC mode: foo"),
        ({"pid_mode": "foo"}, "invalid PID mode: foo"),
        ({"pid_mode": "container:"}, "invalid PID mode: container:"),
        ({"uts_mode": "foo"}, "invalid UTS mode: foo"),
        ({"cgroupns_mode": "foo"}, "invalid cgroup namespace mode: foo"),
        ({"shm_size": -1}, "SHM size can not be less than 0"),
        (
            {"restart_policy": RestartPolicy("foo")},
            f"{RESTART}unknown policy 'foo'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        ),
        (
            {"restart_policy": RestartPolicy("always", 3)},
            f"{RESTART}maximum retry count can only be used with 'on-failure'",
        ),
        (
            {"restart_policy": RestartPolicy("always", -3)},
            f"{RESTART}maximum retry count can only be used with 'on-failure' and cannot be negative",
        ),
        ({"restart_policy": RestartPolicy("on-failure", -3)}, f"{RESTART}maximum retry count cannot be negative"),
        (
            {"restart_policy": RestartPolicy("always"), "auto_remove": True},
            "can't create 'AutoRemove' container with restart policy",
        ),
        ({"isolation": "hyperv"}, "invalid isolation (hyperv): linux only supports 'default'"),
        (
            {"io_maximum_bandwidth": 10},
            "invalid option: QoS maximum bandwidth configuration is not supported on linux",
        ),
        ({"annotations": {"": "x"}}, "invalid Annotations: the empty string is not permitted as an annotation key"),
        ({"extra_hosts": ["foo"]}, 'bad format for add-host: "foo"'),
        ({"extra_hosts": ["foo:bar"]}, 'invalid IP address in add-host: "bar"'),
        ({"port_bindings": {"foo/tcp": [PortBinding()]}}, 'invalid port specification: "foo"'),
        ({"port_bindings": {"80/tcp": [PortBinding("", "foo")]}}, 'invalid port specification: "foo"'),
        ({"network_mode": "container:"}, "invalid network mode: invalid container format container:<name|id>"),
        (
            {"network_mode": "container:x", "port_bindings": {"80/tcp": [PortBinding()]}},
            "conflicting options: port publishing and the container type network mode",
        ),
        (
            {"network_mode": "host", "links": ["a:b"]},
            f"conflicting options: host type networking can't be used with links. {UNDEFINED}",
        ),
        (
            {"mounts": [MountRequest("bind", "/does/not/exist", "/b")]},
            'invalid mount config for type "bind": bind source path does not exist: /does/not/exist',
        ),
    ],
)
def test_refused_host_settings(host: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        validate(ContainerConfig(), HostConfig(**host), MACHINE)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("config", "host", "message"),
    [
        ({"working_dir": "x"}, {}, "the working directory 'x' is invalid, it needs to be an absolute path"),
        ({"stop_signal": "FOO"}, {}, "invalid signal: FOO"),
        ({"env": ["A=1", "=x"]}, {}, "invalid environment variable: =x"),
        ({"env": [""]}, {}, "invalid environment variable: "),
        ({"healthcheck": Healthcheck(interval=1)}, {}, "Interval in Healthcheck cannot be less than 1ms"),
        ({"healthcheck": Healthcheck(start_period=-1)}, {}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ({"healthcheck": Healthcheck(retries=-1)}, {}, "Retries in Healthcheck cannot be negative"),
        ({"hostname": "x"}, {"uts_mode": "host"}, "conflicting options: hostname and the UTS mode"),
        ({"hostname": "x"}, {"network_mode": "container:y"}, "conflicting options: hostname and the network mode"),
    ],
)
def test_refused_settings(config: dict[str, Any], host: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        validate(ContainerConfig(**config), HostConfig(**host), MACHINE)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("host", "warnings"),
    [
        ({}, []),
        ({"memory_swappiness": -1, "pids_limit": -5}, []),
        (
            {"blkio_weight": 5},
            ["Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."],
        ),
        (
            {"blkio_weight_device": [WeightDevice("/dev/x", 1)]},
            [
                "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. "
                "Weight-device discarded."
            ],
        ),
        ({"cpu_percent": 10}, ["linux does not support CPU percent. Percent discarded."]),
        (
            {"oom_kill_disable": True},
            [
                "OOM killer is disabled for the container, but no memory limit is set, "
                "this can result in the system running out of resources."
            ],
        ),
        (
            {"network_mode": "host", "port_bindings": {"80/tcp": [PortBinding("", "80")]}},
            ["Published ports are discarded when using host network mode"],
        ),
    ],
)
def test_warnings(host: dict[str, Any], warnings: list[str]) -> None:
    assert validate(ContainerConfig(), HostConfig(**host), MACHINE) == warnings


def test_what_the_machine_cannot_keep_is_warned_of_and_left_out() -> None:
    nothing = HostFacts(support=ResourceSupport(*[False] * 18))
    host = HostConfig(
        memory=64 << 20, cpu_shares=5, cpu_quota=5000, cpuset_cpus="0", pids_limit=5, oom_kill_disable=True
    )
    warnings = validate(ContainerConfig(), host, nothing)
    # Swap has no warning of its own: with memory unlimited there is nothing to say about it.
    assert [warning.split(". ")[-1] for warning in warnings] == [
        "Limitation discarded.",
        "OomKillDisable discarded.",
        "PIDs limit discarded.",
        "Shares discarded.",
        "CPU period/quota discarded.",
        "Cpuset discarded.",
    ]
    left = complete(host, nothing)
    assert (left.memory, left.memory_swap, left.cpu_shares, left.cpu_quota, left.cpuset_cpus) == (0, -1, 0, 0, "")
    assert (left.pids_limit, left.oom_kill_disable) == (None, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "1G"}, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"),
        ({"foo": "1"}, "Unknown option foo"),
    ],
)
def test_options_of_the_layer_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(UnsupportedStorageOption) as caught:
        check_security(HostConfig(storage_opt=options))
    assert str(caught.value) == message


def test_systemd_wants_slices() -> None:
    booted = HostFacts(cgroups=CgroupLayout(V2, SYSTEMD))
    with pytest.raises(InvalidParameter, match="should be a valid slice"):
        validate(ContainerConfig(), HostConfig(cgroup_parent="foo"), booted)
    assert validate(ContainerConfig(), HostConfig(cgroup_parent="foo"), MACHINE) == []


def test_sources_of_mounts_are_looked_for(tmp_path: Path) -> None:
    there = HostConfig(mounts=[MountRequest("bind", str(tmp_path), "/b")])
    made = HostConfig(mounts=[MountRequest("bind", str(tmp_path / "x"), "/b", bind_options={"CreateMountpoint": True})])
    assert validate(ContainerConfig(), there, MACHINE) == validate(ContainerConfig(), made, MACHINE) == []


def test_defaults_are_dockerds() -> None:
    made = complete(HostConfig(memory=64 << 20), MACHINE)
    assert (made.memory_swap, made.shm_size, made.ipc_mode, made.cgroupns_mode) == (
        128 << 20,
        64 << 20,
        "private",
        "host",
    )
    assert (made.restart_policy.name, made.security_opt, made.oom_kill_disable) == ("no", None, False)
    assert made.masked_paths is not None
    assert "/proc/kcore" in made.masked_paths
    assert complete(HostConfig(), HostFacts()).cgroupns_mode == "private"
    privileged = complete(HostConfig(privileged=True), MACHINE)
    assert (privileged.security_opt, privileged.masked_paths) == (["label=disable"], None)
    assert complete(HostConfig(pid_mode="host", security_opt=["label=x"]), MACHINE).security_opt == ["label=x"]


def test_lists_of_processors() -> None:
    assert parse_list("0-2,7") == {0, 1, 2, 7}
    assert parse_list("") == set()
    for text in ("2-1", "-1", "1-", "1,,2", "x"):
        with pytest.raises(ValueError, match="invalid format"):
            parse_list(text)
    with pytest.raises(ValueError, match="maximum is 8192"):
        parse_list("1-9223372036854775807")
