"""Requests that nobody makes on purpose: what is told first of several wrong things, and names of nothing."""

from __future__ import annotations

import re

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Session


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


def _show_networks(s: Session, name: str) -> None:
    s.call("GET", f"/containers/{name}/json")
    s.records[-1]["body"] = s.records[-1]["body"]["NetworkSettings"]
