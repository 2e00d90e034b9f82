"""Requests that nobody makes on purpose: what is told first of several wrong things, and names of nothing."""

from __future__ import annotations

import re

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Record, Session


@scenario
def oddly_named_networks(s: Session) -> None:
    """The word default, the beginning of every id, and what is looked up first of a container and a network."""
    s.quietly("DELETE", "/networks/conf-odd")
    made = s.quietly("POST", "/networks/create", {"Name": "conf-odd"})
    s.ids[made["Id"]] = "conf-odd"
    s.create("conf-a", "sleep", "1000", HostConfig={"NetworkMode": "conf-odd"})
    s.call("POST", "/containers/conf-a/start")
    s.create("conf-b", "true", HostConfig={"NetworkMode": "conf-odd"})
    s.call("GET", "/networks/default")
    s.call("GET", "/networks/*")
    s.call("DELETE", "/networks/default")
    s.call("DELETE", "/networks/*")
    s.call("DELETE", "/networks/")
    message = s.records[-1]["body"]["message"]
    s.records[-1]["body"]["message"] = re.sub(r"\d+ matches", "<number> matches", message)
    for name in ("", "nope", "conf-a", "conf-b", f"/{'conf-b'}"):
        for network in ("nope", "default", "bridge", "host", "conf-odd"):
            for force in (False, True):
                s.call("POST", f"/networks/{network}/disconnect", {"Container": name, "Force": force})
            s.call("POST", f"/networks/{network}/connect", {"Container": name})
    for name in ("conf-a", "conf-b"):
        networks = s.quietly("GET", f"/containers/{name}/json")["NetworkSettings"]["Networks"]
        s.records.append({"request": f"the networks of {name}", "body": sorted(networks)})
    s.remove("conf-a")
    s.remove("conf-b")
    s.quietly("DELETE", "/networks/conf-odd")


@scenario
def networks_that_come_later(s: Session) -> None:
    """A container that is connected to a network before there is one, and to one that it is in."""
    s.quietly("DELETE", "/networks/conf-later")
    for asked in (
        None,
        {"Aliases": ["x"], "GwPriority": 5},
        {"IPAMConfig": {"IPv4Address": "nonsense"}},
    ):
        s.create("conf-a", "sleep", "1000")
        s.call("POST", "/networks/conf-later/connect", {"Container": "conf-a", "EndpointConfig": asked})
        s.call("GET", "/containers/conf-a/json")
        s.call("GET", "/containers/json", query={"all": "1", "filters": {"name": ["conf-a"]}})
        s.call("GET", "/containers/json", query={"all": "1", "filters": {"network": ["conf-later"]}})
        s.call("POST", "/containers/conf-a/start")
        made = s.quietly("POST", "/networks/create", {"Name": "conf-later"})
        s.ids[made["Id"]] = "conf-later"
        s.call("POST", "/containers/conf-a/start")
        state = s.call("GET", "/containers/conf-a/json")["State"]
        if not state["Running"]:  # which of its networks it was in for a moment is up to chance
            s.records[-1]["body"] = s.records[-1]["body"]["State"]
        s.remove("conf-a")
        s.quietly("DELETE", "/networks/conf-later")
    s.create("conf-a", "true")
    s.call("POST", "/networks/conf-later/connect", {"Container": "conf-a"})
    s.call("POST", "/networks/conf-later/disconnect", {"Container": "conf-a"})
    s.call("POST", "/networks/conf-later/disconnect", {"Container": "conf-a"})
    made = s.quietly("POST", "/networks/create", {"Name": "conf-later"})
    s.ids[made["Id"]] = "conf-later"
    for aliases in (["first"], ["second"]):
        asked = {"Aliases": aliases}
        s.call("POST", "/networks/conf-later/connect", {"Container": "conf-a", "EndpointConfig": asked})
    s.call("GET", "/containers/conf-a/json")
    s.remove("conf-a")
    s.quietly("DELETE", "/networks/conf-later")


@scenario
def addresses_on_built_in_networks(s: Session) -> None:
    """Addresses that nobody can choose, on networks that always exist.

    Of the default one only for IPv6: its subnet counts for IPv4 when dockerd found the bridge there as it started.
    """
    for mode in ("bridge", "none"):
        s.create("conf-a", "true", HostConfig={"NetworkMode": mode})
        for address, address6 in (
            ("172.24.56.89", ""), ("", "2001:db8::1"), ("172.24.56.89", "2001:db8::1"), ("x", "y"),
        ):  # fmt: skip
            asked = {"IPAMConfig": {"IPv4Address": address, "IPv6Address": address6}}
            for network in ("host", "none") if address else ("bridge", "host", "none"):
                s.call("POST", f"/networks/{network}/connect", {"Container": "conf-a", "EndpointConfig": asked})
        asked = {"MacAddress": "x", "IPAMConfig": {"IPv4Address": "x"}}
        s.call("POST", "/networks/bridge/connect", {"Container": "conf-a", "EndpointConfig": asked})
        s.remove("conf-a")


@scenario
def containers_that_leave_all_networks(s: Session) -> None:
    """Containers that are taken out of their only network, and put into one again, before and after a start."""
    s.create("conf-donor", "sleep", "1000")
    s.quietly("POST", "/containers/conf-donor/start")
    for mode in ("bridge", "host", "none", "container:conf-donor"):
        s.create("conf-a", "sleep", "1000", HostConfig={"NetworkMode": mode})
        own = mode.partition(":")[0].replace("container", "bridge")
        for verb in ("disconnect", "connect", "disconnect"):
            s.call("POST", f"/networks/{own}/{verb}", {"Container": "conf-a"})
            _show_networks(s, "conf-a")
        s.call("POST", "/containers/conf-a/start")
        _show_networks(s, "conf-a")
        for verb in ("disconnect", "connect", "disconnect"):
            s.call("POST", f"/networks/{own}/{verb}", {"Container": "conf-a"})
        _show_networks(s, "conf-a")
        s.call("POST", "/containers/conf-a/kill")
        s.quietly("POST", "/containers/conf-a/wait")
        _show_networks(s, "conf-a")
        for verb in ("connect", "disconnect"):
            s.call("POST", f"/networks/{own}/{verb}", {"Container": "conf-a"})
        s.call("POST", "/containers/conf-a/start")
        _show_networks(s, "conf-a")
        s.remove("conf-a")
    s.remove("conf-donor")


@scenario
def what_is_said_first(s: Session) -> None:
    """Requests with more than one thing wrong."""
    s.create("conf-a", "true")
    s.create("conf-none", "true", HostConfig={"LogConfig": {"Type": "none"}})
    for name in ("conf-a", "nope", "conf-none"):
        for moments in ({"since": "x"}, {"until": "1.5.6"}, {"since": "0x", "until": "0"}, {"until": "0"}):
            s.call("GET", f"/containers/{name}/logs", query={"stdout": "1", **moments})
    for flags in ({}, {"force": "1"}, {"v": "1"}, {"link": "1"}):
        s.call("DELETE", "/containers/", query=flags)
    for method in ("HEAD", "GET"):
        s.call(method, "/containers//archive", query={"path": "/"})
    s.remove("conf-a")
    s.remove("conf-none")
    for body in (
        {"Name": "", "IPAM": {"Config": [{"Subnet": "x"}]}}, {"Name": "bridge", "IPAM": {"Config": [{"Subnet": "x"}]}},
        {"Name": "", "Driver": "overlay"}, {"Name": "", "Scope": "swarm"}, {"Name": "", "ConfigOnly": True},
        {"Name": "n", "Driver": "overlay", "ConfigOnly": True}, {"Name": "n", "Driver": "overlay", "Scope": "swarm"},
        {"Name": "n", "Scope": "swarm", "IPAM": {"Config": [{"Subnet": "x"}]}},
        {"Name": "", "Options": {"com.docker.network.enable_ipv4": "x"}},
        {"Name": "host", "Options": {"com.docker.network.enable_ipv4": "x"}},
        {"Name": "", "Ingress": True}, {"Name": "", "Driver": "host"}, {"Name": "", "Driver": "nonesuch"},
        {"Name": "n", "Ingress": True, "Driver": "nonesuch"}, {"Name": "n", "Driver": "host", "Scope": "swarm"},
        {"Name": "n", "ConfigFrom": {"Network": "x"}, "Ingress": True, "Options": {"a": "b"}},
        {"Name": "n", "ConfigFrom": {"Network": "x"}, "EnableIPv4": False},
        {"Name": "n", "ConfigFrom": {"Network": "x"}, "IPAM": {"Driver": "null"}},
        {"Name": "n", "ConfigFrom": {"Network": "x"}, "Driver": "nonesuch"},
        {"Name": "n", "ConfigFrom": {"Network": "x"}, "Driver": "host"},
        {"Name": "n", "ConfigFrom": {"Network": "x"}, "Scope": "swarm"},
        {"Name": "conf-n"}, {"Name": "conf-n", "Driver": "nonesuch"}, {"Name": "conf-n", "ConfigOnly": True},
        {"Name": "conf-n", "IPAM": {"Config": [{"Subnet": "x"}]}}, {"Name": "conf-n", "Scope": "swarm"},
    ):  # fmt: skip
        s.call("POST", "/networks/create", body)
    s.quietly("DELETE", "/networks/conf-n")
    for body in (
        {"Name": "conf-v", "DriverOpts": {}, "Labels": {}}, {"Name": "conf-v", "ClusterVolumeSpec": [1]},
        {"Name": "conf-v", "ClusterVolumeSpec": {}},
    ):  # fmt: skip
        s.call("POST", "/volumes/create", body)
    s.call("GET", "/volumes/conf-v")
    s.quietly("DELETE", "/volumes/conf-v")
    s.call("POST", "/volumes/create", {"Name": "conf-v"})
    s.quietly("DELETE", "/volumes/conf-v")
    for host in (
        {"Binds": ["conf-v:/v"]},
        {"Mounts": [{"Type": "volume", "Source": "conf-v", "Target": "/v"}]},
        {"Mounts": [{"Type": "volume", "Source": "conf-v", "Target": "/v", "VolumeOptions": {"DriverConfig": {}}}]},
        {"Mounts": [{"Type": "volume", "Source": "conf-v", "Target": "/v",
                     "VolumeOptions": {"Labels": {}, "DriverConfig": {"Options": {}}}}]},
    ):  # fmt: skip
        s.create("conf-a", "true", HostConfig=host)
        s.call("GET", "/volumes/conf-v")
        s.remove("conf-a")
        s.quietly("DELETE", "/volumes/conf-v")


@scenario
def odd_updates(s: Session) -> None:
    """Restart policies without a name, and lists of the wrong kind."""
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    s.create("conf-a", "true", HostConfig={"RestartPolicy": policy})
    for given in (
        {"Name": "", "MaximumRetryCount": 5}, {"MaximumRetryCount": -1}, {"Name": "no", "MaximumRetryCount": 5},
        {"Name": "always"}, {"Name": "x", "MaximumRetryCount": 5},
    ):  # fmt: skip
        for name in ("conf-a", "nope"):
            s.call("POST", f"/containers/{name}/update", {"RestartPolicy": given})
        shown = s.quietly("GET", "/containers/conf-a/json")["HostConfig"]["RestartPolicy"]
        s.records.append({"request": f"after {given}", "body": shown})
    for key in (
        "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps",
        "BlkioDeviceWriteIOps", "Ulimits", "Devices", "DeviceRequests", "DeviceCgroupRules",
    ):  # fmt: skip
        for value in (-1, [1], [{"Path": 1, "Name": 1, "Driver": 1, "PathOnHost": 1}]):
            s.call("POST", "/containers/conf-a/update", {key: value})
    s.remove("conf-a")


@scenario
def restarts_that_fail(s: Session) -> None:
    """What is said of a restart whose start fails, and which files such a container has; sizes with a sign."""
    s.create("conf-donor", "true")
    s.quietly("DELETE", "/networks/conf-gone")
    s.quietly("POST", "/networks/create", {"Name": "conf-gone"})
    for mode in ("container:conf-donor", "container:conf-a", "container:nope", "conf-gone", "bridge"):
        s.create("conf-a", "nosuch", HostConfig={"NetworkMode": mode})
        if mode == "conf-gone":  # what lacks two things is told of either
            s.create("conf-a", "true", HostConfig={"NetworkMode": mode})
            s.quietly("DELETE", "/networks/conf-gone")
        for verb in ("start", "restart"):
            s.call("POST", f"/containers/conf-a/{verb}")
            shown = s.quietly("GET", "/containers/conf-a/json")
            paths = {key: bool(shown[key]) for key in ("ResolvConfPath", "HostnamePath", "HostsPath")}
            s.records.append({"request": f"files after {verb} with {mode}", "body": [shown["State"]["Status"], paths]})
        s.remove("conf-a")
    s.call("POST", "/containers/nope/restart")
    for size in ("h=%2B1", "h=1&w=%2B1", "h=-1&w=-1", "h=-x", "h=-&w=1", "h=--1&w=1", "h=4294967296&w=1"):
        s.call("POST", f"/containers/conf-donor/resize?{size}")
    s.remove("conf-donor")


@scenario
def odd_prunes(s: Session) -> None:
    """Prunes whose filters name no label, or an odd time."""
    mine = ["conf=prune"]
    for filters in (
        {"label!": []}, {"label!": {}}, {"label!": ["other"], "until": ["-10m"]}, {"until": ["nan"]},
        {"until": ["1e3"]}, {"until": ["+1000"]}, {"until": ["1.5"]}, {"label!": ["conf=prune"]}, {"label!": ["conf"]},
        {"label!": ["conf=other"]},
    ):  # fmt: skip
        asked = {"label": mine, **filters}
        s.create("conf-a", "true", Labels={"conf": "prune"})
        s.quietly("POST", "/networks/create", {"Name": "conf-n", "Labels": {"conf": "prune"}})
        made = s.quietly("POST", "/volumes/create", {"Labels": {"conf": "prune"}})
        s.ids[made["Name"]] = "conf-v"
        for kind in ("containers", "networks", "volumes"):
            s.call("POST", f"/{kind}/prune", query={"filters": asked})
            if kind != "volumes" and isinstance(s.records[-1]["body"], dict):
                s.records[-1]["body"].pop("SpaceReclaimed", None)
        s.remove("conf-a")
        s.quietly("DELETE", "/networks/conf-n")
        s.quietly("DELETE", f"/volumes/{made['Name']}")
    for version in ("v1.41", "v1.42"):
        s.call("POST", "/volumes/create", {"Name": "conf-v", "ClusterVolumeSpec": {}}, version=version)
    s.quietly("DELETE", "/volumes/conf-v")


@scenario
def happenings_of_failed_starts(s: Session) -> None:
    """The events of starts that fail, and of one that does not, in their order."""
    s.create("conf-donor", "true", HostConfig={"IpcMode": "shareable"})
    s.quietly("DELETE", "/networks/conf-gone")
    for command, host in (
        ("true", {}), ("nosuch", {}), ("nosuch", {"AutoRemove": True}), ("true", {"NetworkMode": "container:nope"}),
        ("true", {"NetworkMode": "container:conf-donor"}), ("true", {"PidMode": "container:conf-donor"}),
        ("true", {"IpcMode": "container:conf-donor"}), ("true", {"NetworkMode": "conf-gone"}),
        ("true", {"NetworkMode": "container:conf-a"}), ("true", {"SecurityOpt": ["seccomp={"]}),
        ("true", {"NetworkMode": "none", "Tmpfs": {"/t": "bad=option"}}),
    ):  # fmt: skip
        since = s.now()
        s.create("conf-a", command, HostConfig={"Binds": ["conf-v:/v"], **host})
        s.quietly("POST", "/containers/conf-a/start")
        s.quietly("POST", "/containers/conf-a/wait")
        s.until(lambda: not s.quietly("GET", "/containers/conf-a/json").get("State", {}).get("Running"))
        s.remove("conf-a")
        s.happened(since, type=["container", "volume", "network"])
        told = [each for each in s.records[-1]["body"] if _is_about(each, "<conf-a>")]
        s.records[-1] = {"request": f"{command} with {host}", "body": told}
        s.quietly("DELETE", "/volumes/conf-v")
    s.remove("conf-donor")


def _is_about(event: Record, container: str) -> bool:
    actor = event["Actor"]
    return container in (actor["ID"], actor["Attributes"].get("container"))


def _show_networks(s: Session, name: str) -> None:
    s.call("GET", f"/containers/{name}/json")
    s.records[-1]["body"] = s.records[-1]["body"]["NetworkSettings"]
