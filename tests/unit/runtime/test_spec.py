"""The runtime spec, held against the specs that a real dockerd 28.5 wrote for the same containers.

The files under dockerd/ are its config.json with the ids, the root and its own folder replaced, and with the
default device rules, which it writes twice, once. All but plain.json lack the list of always allowed calls.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.containers.config import (
    ContainerConfig,
    Device,
    HostConfig,
    MountPoint,
    ThrottleDevice,
    Ulimit,
)
from engine.containers.defaults import complete
from engine.runtime import capabilities
from engine.runtime.cgroups import HYBRID, SYSTEMD, V2, CgroupLayout
from engine.runtime.devices import HostDevices
from engine.runtime.facts import HostFacts
from engine.runtime.security import InvalidSecurityOption
from engine.runtime.spec import SpecRequest, build_spec, merge_environment
from engine.runtime.spec_mounts import InvalidTmpfsOption, RecursiveReadOnlyUnsupported, merge_tmpfs_options
from engine.runtime.support import ResourceSupport
from engine.runtime.users import ProcessUser

Json = dict[str, Any]

# The machine on which dockerd wrote its specs: hybrid cgroups, and no CAP_SYS_RESOURCE to hand on.
MACHINE = HostFacts(
    kernel=(6, 18),
    cgroups=CgroupLayout(HYBRID),
    support=ResourceSupport(swappiness=True, oom_kill_disable=True),
    capabilities=tuple(name for name in capabilities.NAMES if name != "CAP_SYS_RESOURCE"),
)
DISK = (254, 0)
FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")


def device(path: str, major: int, minor: int, mode: int) -> Json:
    return {"path": path, "type": "c", "major": major, "minor": minor, "fileMode": mode, "uid": 0, "gid": 0}


def bind(source: str, destination: str, **more: Any) -> MountPoint:
    return MountPoint("bind", source, destination, propagation="rprivate", **more)


@dataclass
class Case:
    """A container as it was asked of dockerd."""

    config: Json = field(default_factory=dict)
    host: Json = field(default_factory=dict)
    more: Json = field(default_factory=dict)


CASES = {
    "plain": Case(),
    "privileged": Case(
        host={"privileged": True},
        more={"devices": HostDevices([device("/dev/fuse", 10, 229, 0o600), device("/dev/null", 1, 3, 0o666)])},
    ),
    "all_capabilities": Case(host={"cap_add": ["ALL"]}),
    "dropped_capabilities": Case(
        host={"cap_add": ["CHOWN"], "cap_drop": ["ALL"], "security_opt": ["seccomp=unconfined"]},
        more={"mounts": [bind("/srv/data", "/s")]},
    ),
    "host_namespaces": Case(
        host={"pid_mode": "host", "ipc_mode": "host", "uts_mode": "host", "network_mode": "host"},
        more={"network_namespace": None, "shm_path": "/dev/shm"},
    ),
    "no_shm": Case(host={"ipc_mode": "none", "network_mode": "none", "cgroupns_mode": "private"}),
    "limits": Case(
        host={
            "ipc_mode": "shareable",
            "cpu_shares": 100,
            "cpuset_cpus": "0",
            "memory": 32 << 20,
            "memory_swap": -1,
            "memory_swappiness": 10,
            "oom_kill_disable": True,
            "blkio_device_read_bps": [ThrottleDevice("/dev/disk", 1 << 20)],
            "pids_limit": -1,
            "ulimits": [Ulimit("core", -1, -1), Ulimit("nofile", 100, 100)],
            "sysctls": {"kernel.msgmax": "65536"},
            "cgroup_parent": "/foo",
        },
        more={
            "shm_path": "/store/containers/CID/mounts/shm",
            "mounts": [
                MountPoint("tmpfs", "", "/t", options=["mode=700", "size=1m"]),
                bind("/srv/data", "/ro", read_write=False, options=["ro"]),
                bind("/srv/data", "/nr", options=["bind"]),
            ],
            "devices": HostDevices(block_numbers={"/dev/disk": DISK}),
        },
    ),
    "many_options": Case(
        config={
            "tty": True,
            "hostname": "h1",
            "domainname": "ex.com",
            "env": ["HOME=/x", "FOO=1"],
            "working_dir": "/wd/a",
        },
        host={
            "cap_add": ["SYS_ADMIN"],
            "cap_drop": ["MKNOD"],
            "memory": 64 << 20,
            "memory_reservation": 32 << 20,
            "nano_cpus": 1_500_000_000,
            "cpu_shares": 512,
            "pids_limit": 100,
            "ulimits": [Ulimit("nofile", 1000, 2000)],
            "tmpfs": {"/tmp/x": "", "/y": "size=1m,exec"},
            "devices": [Device("/dev/null", "/dev/nulx", "r")],
            "device_cgroup_rules": ["c 1:* rwm"],
            "security_opt": ["no-new-privileges"],
            "annotations": {"a": "b"},
            "oom_score_adj": 5,
            "shm_size": 1 << 20,
            "readonly_rootfs": True,
            "sysctls": {"net.ipv4.ip_forward": "1"},
        },
        more={
            "user": ProcessUser(1000, 5, [5, 10]),
            "init_path": "/usr/bin/docker-init",
            "mounts": [
                bind("/srv/data", "/mnt/c", read_write=False),
                MountPoint("volume", "/store/volumes/vv/_data", "/data", name="vv"),
            ],
            "devices": HostDevices(
                [device("/dev/nulx", 1, 3, 0o666)],
                [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}],
            ),
        },
    ),
    "terminal": Case(
        config={"tty": True, "working_dir": "/tmp", "env": ["PATH=/bin", "TERM=vt100", "A"]},
        more={"user": ProcessUser(33, 10, [10])},
    ),
}


def request(case: Case, facts: HostFacts = MACHINE) -> SpecRequest:
    """Put a request together as the start verb does."""
    host = complete(HostConfig(**({"network_mode": "bridge"} | case.host)), facts)
    folder = "/store/containers/CID"
    given: Json = {
        "user": ProcessUser(0, 0, [0, 10]),
        "hosts_path": f"{folder}/hosts",
        "hostname_path": f"{folder}/hostname",
        "resolv_conf_path": f"{folder}/resolv.conf",
        "facts": facts,
    }
    config = ContainerConfig(**({"hostname": "hosty"} | case.config))
    return SpecRequest("CID", config, host, ["sleep", "300"], "/merged", **given | case.more)


def comparable(spec: Json) -> Json:
    """Bring a spec into a form in which only differences that a container could notice remain."""
    spec = json.loads(json.dumps(spec))
    del spec["ociVersion"]
    resources = spec["linux"]["resources"]
    # What these say is what holds without them.
    if resources.get("memory", {}).get("disableOOMKiller") is False:
        del resources["memory"]["disableOOMKiller"]
    for name in ("memory", "blockIO"):
        if resources.get(name) == {}:
            del resources[name]
    # runc allows it by itself.
    resources["devices"] = [
        rule for rule in resources["devices"] if (rule.get("major"), rule.get("minor")) != (10, 200)
    ]
    for rule in resources["devices"]:
        for number in ("major", "minor"):
            if rule.get(number) == -1:
                del rule[number]
    for mount in spec["mounts"]:
        if mount["destination"] in FILES:
            mount["options"] = ["ro" if option == "rro" else option for option in mount["options"]]
    # Go's maps gave these an order of chance: of mounts equally deep, limits, seccomp rules.
    spec["mounts"].sort(key=lambda mount: mount["destination"])
    spec["process"].get("rlimits", []).sort(key=lambda limit: limit["type"])
    spec["linux"]["namespaces"].sort(key=lambda namespace: namespace["type"])
    spec["linux"]["maskedPaths"] = spec["linux"].get("maskedPaths", [])
    spec["linux"]["readonlyPaths"] = spec["linux"].get("readonlyPaths", [])
    if "seccomp" in spec["linux"]:
        calls = [rule | {"names": [name]} for rule in spec["linux"]["seccomp"]["syscalls"] for name in rule["names"]]
        spec["linux"]["seccomp"]["syscalls"] = sorted(json.dumps(call, sort_keys=True) for call in calls)
    return spec


@pytest.mark.parametrize("name", CASES)
def test_spec_is_dockerds(name: str) -> None:
    theirs = json.loads((Path(__file__).parent / "dockerd" / f"{name}.json").read_text())
    ours = build_spec(request(CASES[name]))
    if name != "plain" and "seccomp" in ours["linux"]:
        ours["linux"]["seccomp"]["syscalls"] = [
            rule for rule in ours["linux"]["seccomp"]["syscalls"] if len(rule["names"]) < 300
        ]
    assert comparable(ours) == comparable(theirs)


def test_parents_are_mounted_before_what_lies_in_them() -> None:
    points = [bind("/a", "/x/y/z"), bind("/b", "/x"), bind("/c", "/x/y")]
    mounts = build_spec(request(Case(more={"mounts": points})))["mounts"]
    order = [mount["destination"] for mount in mounts if mount["destination"].startswith("/x")]
    assert order == ["/x", "/x/y", "/x/y/z"]


def test_a_mount_of_the_clients_takes_the_place_of_a_default_one() -> None:
    points = [bind("/a", "/dev"), bind("/b", "/etc/hosts", read_write=False), bind("/c", "/proc")]
    mounts = build_spec(request(Case(more={"mounts": points})))["mounts"]
    by_place = {mount["destination"]: mount["source"] for mount in mounts}
    assert len(by_place) == len(mounts)
    assert (by_place["/dev"], by_place["/etc/hosts"], by_place["/proc"]) == ("/a", "/b", "/c")
    assert not [place for place in by_place if place.startswith("/dev/")]


def test_tmpfs_has_the_mode_of_the_folder_it_covers() -> None:
    case = Case(
        host={"tmpfs": {"/x": "", "/y/": "mode=700", "/z": ""}}, more={"tmpfs_modes": {"/x": 0o1755, "/y": 0o755}}
    )
    mounts = {mount["destination"]: mount["options"] for mount in build_spec(request(case))["mounts"]}
    assert "mode=1755" in mounts["/x"]
    assert [option for option in mounts["/y"] if option.startswith("mode")] == ["mode=700"]
    assert not [option for option in mounts["/z"] if option.startswith("mode")]


def test_read_only_is_recursive_where_the_kernel_can() -> None:
    points = [bind("/a", "/x", read_write=False)]
    old = HostFacts(kernel=(5, 10), recursive_read_only=False)
    for facts, word in ((MACHINE, "rro"), (old, "ro")):
        mounts = build_spec(request(Case(more={"mounts": points}), facts))["mounts"]
        assert next(mount for mount in mounts if mount["destination"] == "/x")["options"] == ["rbind", word, "rprivate"]
    forced = Case(more={"mounts": [bind("/a", "/x", read_write=False, options=["rro"])]})
    with pytest.raises(RecursiveReadOnlyUnsupported):
        build_spec(request(forced, old))


@pytest.mark.parametrize(
    ("propagations", "root"), [((), None), (("rslave",), "rslave"), (("rslave", "rshared"), "shared")]
)
def test_root_lets_through_what_mounts_share(propagations: tuple[str, ...], root: str | None) -> None:
    points = [MountPoint("bind", "/a", f"/x{kind}", propagation=kind) for kind in propagations]
    assert build_spec(request(Case(more={"mounts": points})))["linux"].get("rootfsPropagation") == root


def test_joined_namespaces_are_named_by_their_files() -> None:
    case = Case(
        host={"network_mode": "container:other", "pid_mode": "container:other", "ipc_mode": "container:other"},
        more={"network_namespace": "/n/net", "pid_namespace": "/n/pid", "ipc_namespace": "/n/ipc", "shm_path": "/shm"},
    )
    linux = build_spec(request(case))["linux"]
    paths = {entry["type"]: entry.get("path") for entry in linux["namespaces"]}
    assert paths == {"mount": None, "network": "/n/net", "uts": None, "pid": "/n/pid", "ipc": "/n/ipc"}
    # The donor's network is set up already, and is not ours to change.
    assert "sysctl" not in linux


def test_cgroups_of_version_2() -> None:
    plain = HostFacts(cgroups=CgroupLayout(V2))
    host = {"memory": 64 << 20, "memory_swappiness": 10, "oom_kill_disable": True}
    linux = build_spec(request(Case(host=host), plain))["linux"]
    assert linux["cgroupsPath"] == "/docker/CID"
    assert {"type": "cgroup"} in linux["namespaces"]
    # Version 2 has neither swappiness nor a switch for the OOM killer.
    assert linux["resources"]["memory"] == {"limit": 64 << 20, "swap": 128 << 20}
    booted = HostFacts(cgroups=CgroupLayout(V2, SYSTEMD))
    assert build_spec(request(Case(), booted))["linux"]["cgroupsPath"] == "system.slice:docker:CID"


def test_client_can_lift_masks_without_privileges() -> None:
    linux = build_spec(request(Case(host={"masked_paths": [], "readonly_paths": ["/proc/sys"]})))["linux"]
    assert (linux["maskedPaths"], linux["readonlyPaths"]) == ([], ["/proc/sys"])


def test_apparmor_profile_where_the_kernel_has_apparmor() -> None:
    facts = HostFacts(apparmor=True)
    cases = (({}, "docker-default"), ({"privileged": True}, "unconfined"), ({"security_opt": ["apparmor=own"]}, "own"))
    for host, profile in cases:
        assert build_spec(request(Case(host=host), facts))["process"]["apparmorProfile"] == profile
    assert "apparmorProfile" not in build_spec(request(Case()))["process"]


def test_console_size_is_the_terminals() -> None:
    case = Case(config={"tty": True}, host={"console_size": [24, 80]})
    assert build_spec(request(case))["process"]["consoleSize"] == {"height": 24, "width": 80}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("foo", 'invalid --security-opt 1: "foo"'),
        ("foo=bar", 'invalid --security-opt 2: "foo=bar"'),
        ("no-new-privileges=x", 'invalid --security-opt 2: "no-new-privileges=x"'),
    ],
)
def test_unknown_security_options_are_refused(option: str, message: str) -> None:
    with pytest.raises(InvalidSecurityOption) as caught:
        build_spec(request(Case(host={"security_opt": [option]})))
    assert str(caught.value) == message


def test_environment_keeps_places_and_takes_away() -> None:
    base = ["PATH=/bin", "HOSTNAME=h", "TERM=xterm"]
    assert merge_environment(base, ["B=2", "PATH=/x", "TERM", "A=1", "NOPE"]) == ["PATH=/x", "HOSTNAME=h", "B=2", "A=1"]


def test_tmpfs_options_last_of_a_kind_wins() -> None:
    assert merge_tmpfs_options(["noexec", "nosuid", "rprivate", "size=1m", "exec", "size=2m", "rshared"]) == [
        "nosuid",
        "exec",
        "size=2m",
        "rshared",
    ]
    with pytest.raises(InvalidTmpfsOption) as caught:
        merge_tmpfs_options(["foo=1"])
    assert str(caught.value) == 'invalid tmpfs option "foo"'
