from __future__ import annotations

from dataclasses import replace

import pytest

from compat_api.models.system import InfoAnswer, VersionAnswer
from compat_api.shapes.system import info, version
from engine.runtime.support import ResourceSupport
from engine.system import Facts, Tool, Versions, file_system, limit_warnings, operating_system

FACTS = Facts(
    id="i",
    containers={"running": 2, "paused": 1, "exited": 3, "created": 1},
    images=4,
    file_system="extfs",
    support=ResourceSupport(),
    cgroup_driver="cgroupfs",
    cgroup_version="1",
    ipv4_forwarding=True,
    open_files=9,
    kernel="6.1",
    operating_system="Debian",
    os_version="12",
    machine="x86_64",
    processors=2,
    memory=1 << 30,
    hostname="h",
    root="/r",
    runtimes={"runc": "/usr/bin/runc", "crun": "/usr/bin/crun"},
    default_runtime="crun",
    init="tini",
    seccomp=True,
    apparmor=True,
    warnings=[],
)


def test_info_counts_containers_by_state() -> None:
    found = info(FACTS, 0, (1, 51))
    assert [found[f"Containers{kind}"] for kind in ("", "Running", "Paused", "Stopped")] == [7, 2, 1, 4]
    assert found["Warnings"] is None
    assert list(found["Runtimes"]) == ["crun", "runc"]


@pytest.mark.parametrize(
    ("api", "extra"),
    [
        ((1, 51), {"FirewallBackend"}),
        ((1, 49), {"FirewallBackend", "BridgeNfIptables", "BridgeNfIp6tables"}),
        ((1, 48), {"BridgeNfIptables", "BridgeNfIp6tables"}),
        ((1, 41), {"BridgeNfIptables", "BridgeNfIp6tables", "KernelMemory"}),
    ],
)
def test_fields_come_and_go_by_version(api: tuple[int, int], extra: set[str]) -> None:
    changing = {"FirewallBackend", "BridgeNfIptables", "BridgeNfIp6tables", "KernelMemory"}
    assert set(info(FACTS, 0, api)) & changing == extra


def test_security_options() -> None:
    assert info(FACTS, 0, (1, 51))["SecurityOptions"] == ["name=apparmor", "name=seccomp,profile=builtin"]
    assert info(FACTS, 0, (1, 24))["SecurityOptions"] == ["apparmor", "seccomp"]
    second = replace(FACTS, cgroup_version="2", apparmor=False)
    assert info(second, 0, (1, 51))["SecurityOptions"] == ["name=seccomp,profile=builtin", "name=cgroupns"]


def test_the_answers_are_what_the_document_says() -> None:
    versions = version(Versions("6.1", "amd64", [Tool("conmon", "2.1.6")]))
    answers = ((InfoAnswer, info(FACTS, 0, (1, 51))), (InfoAnswer, info(FACTS, 0, (1, 24))), (VersionAnswer, versions))
    for model, answer in answers:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        assert set(answer) - set(fields) == set()
        assert {name for name, field in fields.items() if field.is_required()} - set(answer) == set()


def test_operating_system() -> None:
    text = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME=Debian\nVERSION_ID="12"\n'
    assert operating_system(text) == ("Debian GNU/Linux 12 (bookworm)", "12")
    assert operating_system("") == ("Linux", "")


def test_the_file_system_of_a_path() -> None:
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "2 1 0:5 / /run rw shared:1 - tmpfs tmpfs rw\n"
        "3 1 0:6 / /data\\040store rw - xfs /dev/sdb rw\n"
    )
    paths = ("/var/lib", "/run", "/runner", "/data store/x", "/run/a")
    assert [file_system(mounts, path) for path in paths] == ["extfs", "tmpfs", "extfs", "xfs", "tmpfs"]
    assert file_system("", "/") == "<unknown>"


def test_missing_limits_are_warned_of() -> None:
    assert limit_warnings(ResourceSupport()) == []
    assert limit_warnings(ResourceSupport(swap=False)) == ["WARNING: No swap limit support"]
