from __future__ import annotations

from dataclasses import replace

import pytest

from compat_api.access.policy import (
    BadPolicy,
    Policy,
    Reference,
    build_problem,
    named_by,
    network_problem,
    parse,
    problem_of,
    volume_problem,
)
from compat_api.access.rules import RULES, rule_of
from compat_api.routes import all_routes
from engine.containers.config import ContainerConfig, EndpointRequest, HostConfig, MountPoint, MountRequest
from engine.containers.defaults import complete
from engine.runtime.facts import HostFacts

TEAM = parse(["label=team=a"], "")


def test_every_route_is_known_or_would_be_denied() -> None:
    unknown = [f"{each.method} {each.path}" for each in all_routes() if rule_of(each.method, each.path) is None]
    assert not unknown, "give these a rule in compat_api/access/rules.py; until then every policy denies them"


def test_only_what_cannot_change_anything_is_read() -> None:
    reading = {name for name, rule in RULES.items() if rule.reads}
    assert {name for name in reading if not name.startswith(("GET ", "HEAD "))} == {"POST /containers/{}/wait"}
    assert "GET /containers/{}/attach/ws" not in reading


def test_an_unknown_route_has_no_rule() -> None:
    assert rule_of("POST", "/containers/{name:.*}/destroy") is None
    assert rule_of("GET", "/containers/{name:.*}") is None


@pytest.mark.parametrize(
    ("policies", "deny", "expected"),
    [
        (["read-only"], "", Policy(read_only=True)),
        ([], "privileged", Policy(denied=frozenset(["privileged"]))),
        (["label=a=b=c"], "", Policy(False, ("a", "b=c"), frozenset(["privileged", "host-mounts", "host-network"]))),
        (["read-only", "label=a=b"], "privileged", replace(parse(["label=a=b"], ""), read_only=True)),
    ],
)
def test_options_make_a_policy(policies: list[str], deny: str, expected: Policy) -> None:
    assert parse(policies, deny) == expected


@pytest.mark.parametrize("text", ["", "readonly", "label", "label=", "label=a", "label=a=", "label==b", "label=name=x"])
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(BadPolicy):
        parse([text], "")


def test_owners() -> None:
    assert [TEAM.owner(labels) for labels in (None, {}, {"team": "a"}, {"team": "b"}, {"TEAM": "a"})] == [
        "common", "common", "own", "foreign", "common",
    ]  # fmt: skip
    assert TEAM.labelled({"x": "y"}) == {"x": "y", "team": "a"}
    assert TEAM.labelled({"team": "b"}) is None
    assert parse(["read-only"], "").owner({"team": "b"}) == "own"


def test_a_container_as_it_is_by_default_is_allowed_before_and_after_it_is_made() -> None:
    assert problem_of(TEAM, HostConfig()) == ""
    assert problem_of(TEAM, complete(HostConfig(), HostFacts()), made=True) == ""


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(privileged=True),
        HostConfig(cap_add=["CAP_SYS_PTRACE"]),
        HostConfig(security_opt=["apparmor=unconfined"]),
        HostConfig(security_opt=["label=disable"]),
        HostConfig(uts_mode="host"),
        HostConfig(userns_mode="host"),
        HostConfig(readonly_paths=[]),
        HostConfig(runtime="other"),
        HostConfig(oom_score_adj=-1),
        HostConfig(binds=["/a:/b"]),
        HostConfig(volume_driver="other"),
        HostConfig(mounts=[MountRequest(type="npipe", source="x")]),
        HostConfig(network_mode="host"),
    ],
)
def test_what_is_more_than_the_default_is_denied(host: HostConfig) -> None:
    assert problem_of(TEAM, host) != ""
    assert problem_of(parse(["read-only"], ""), host) == ""


def test_what_is_no_more_than_the_default_is_not() -> None:
    host = HostConfig(
        cap_add=["CHOWN", "cap_kill"],
        cap_drop=["ALL"],
        security_opt=["no-new-privileges", "no-new-privileges:true"],
        binds=["/anonymous", "name:/data"],
        mounts=[MountRequest(type="tmpfs", target="/t"), MountRequest(type="volume", target="/v")],
        sysctls={"net.core.somaxconn": "1"},
    )
    assert problem_of(TEAM, host) == ""


def test_a_made_container_is_judged_by_its_mounts() -> None:
    assert problem_of(TEAM, HostConfig(), [MountPoint("bind", "/etc", "/x")], made=True) != ""
    assert problem_of(TEAM, HostConfig(), [MountPoint("volume", "/v", "/x", name="v")], made=True) == ""


def test_volumes_are_judged_by_what_they_lead_to() -> None:
    for options in ({"device": "/etc"}, {"type": "ext4", "device": "/dev/sda"}, {"type": "tmpfs", "o": "size=1,bind"},
                    {"type": "tmpfs", "o": "lowerdir=/"}, {"type": "", "o": " bind"}):  # fmt: skip
        assert volume_problem(TEAM, options) != "", options
    for fine in (None, {}, {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=1"}, {"type": "nfs", "o": "addr=h"}):
        assert volume_problem(TEAM, fine) == "", fine


def test_networks_and_builds() -> None:
    assert network_problem(TEAM, "host", None)
    assert network_problem(TEAM, "bridge", {"com.docker.network.bridge.name": "br0"})
    assert not network_problem(TEAM, "", {"com.docker.network.bridge.enable_icc": "false"})
    assert build_problem(TEAM, "host", {}) and build_problem(TEAM, "container:x", {})
    assert build_problem(TEAM, "", {"cgroupparent": "/x"})
    assert not build_problem(TEAM, "none", {"cgroupparent": ""})


def test_everything_that_a_container_names_is_found() -> None:
    host = HostConfig(
        network_mode="container:n",
        pid_mode="container:p",
        ipc_mode="container:i",
        links=["l:alias", "m"],
        volumes_from=["f:ro"],
        binds=["v:/a", "/b", "/c:/d"],
        mounts=[MountRequest("volume", "w", "/w"), MountRequest("image", "img", "/i"), MountRequest("volume")],
    )
    found = named_by(ContainerConfig(image="busybox"), host, {"net": EndpointRequest(links=["e:x"])})
    assert sorted((each.kind, each.name) for each in found) == [
        ("container", "e"), ("container", "f"), ("container", "i"), ("container", "l"), ("container", "m"),
        ("container", "n"), ("container", "p"), ("image", "busybox"), ("image", "img"), ("network", "net"),
        ("volume", "v"), ("volume", "w"),
    ]  # fmt: skip
    assert named_by(ContainerConfig(), HostConfig(network_mode="x"), {}) == [Reference("network", "x", "connect")]
