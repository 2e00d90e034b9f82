"""Volumes: made, shown, listed, used, removed and pruned, with every option and filter."""

from __future__ import annotations

from typing import Any

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session

LABELS = {"Labels": {"conf": "vol"}}
TMPFS = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=77,mode=0750"}


def _drop(s: Session, *names: str) -> None:
    for name in names:
        s.quietly("DELETE", f"/volumes/{name}", query={"force": "1"})


@scenario
def volumes(s: Session) -> None:
    """A volume from create to remove, and what is refused."""
    _drop(s, "conf-v1", "conf-v2", "conf-v3")
    for body in (
        {"Name": "conf-v1", **LABELS}, {"Name": "conf-v1", "Labels": {"c": "d"}},
        {"Name": "conf-v1", "Driver": "local"},
        {"Name": "conf-v1", "DriverOpts": TMPFS}, {"Name": "conf-v2", "DriverOpts": TMPFS},
        {"Name": "conf-v3", "DriverOpts": {"type": "none", "device": "/nonesuch", "o": "bind"}},
        {"Name": "x"}, {"Name": "a/b"}, {"Name": "-ab"}, {"Name": 5}, {"Name": "n", "DriverOpts": {"o": "x"}},
        {"Name": "conf-n", "DriverOpts": {"o": "x"}}, {"Name": "conf-n", "DriverOpts": {"device": "x"}},
        {"Name": "conf-n", "DriverOpts": {"nonesuch": "x"}}, {"Name": "conf-n", "DriverOpts": {"size": "1m"}},
        {"Name": "conf-n", "ClusterVolumeSpec": {}},
    ):  # fmt: skip
        s.call("POST", "/volumes/create", body)
    for name in ("conf-v1", "conf-v2", "nonesuch"):
        s.call("GET", f"/volumes/{name}")
    for filters in (
        {"name": ["conf-v1"]}, {"name": ["^conf-v1$"], "driver": ["local"]}, {"label": ["conf=vol"]},
        {"label": ["conf=x"]}, {"driver": ["nonesuch"]}, {"dangling": ["true"], "label": ["conf"]},
        {"dangling": ["false"], "label": ["conf"]}, {"dangling": ["x"]}, {"dangling": ["true", "false"]},
        {"x": ["y"]}, {"label!": ["a"]}, {"name": ["["]},
    ):  # fmt: skip
        s.call("GET", "/volumes", query={"filters": filters})
    s.call("PUT", "/volumes/conf-v1", {"Spec": {}})
    for name in ("conf-v1", "conf-v1", "conf-v3"):
        s.call("DELETE", f"/volumes/{name}")
    s.call("DELETE", "/volumes/conf-v1", query={"force": "1"})
    _drop(s, "conf-v1", "conf-v2", "conf-v3")


@scenario
def volumes_of_containers(s: Session) -> None:
    """Volumes that containers use: filled, mounted by their options, counted, removed with their container."""
    s.remove("conf-a")
    _drop(s, "conf-v1", "conf-v2", "conf-v3", "conf-v4", "conf-v5")
    s.quietly("POST", "/volumes/create", {"Name": "conf-v2", "DriverOpts": TMPFS})
    s.quietly(
        "POST", "/volumes/create", {"Name": "conf-v3", "DriverOpts": {"type": "none", "device": "/etc", "o": "bind,ro"}}
    )
    s.quietly(
        "POST",
        "/volumes/create",
        {"Name": "conf-v5", "DriverOpts": {"type": "none", "device": "/nonesuch", "o": "bind"}},
    )

    def run(script: str, *binds: str, mounts: list[dict[str, Any]] | None = None) -> None:
        host = {"Binds": list(binds), **({"Mounts": mounts} if mounts else {})}
        s.create("conf-a", "sh", "-c", script, HostConfig=host)
        s.call("POST", "/containers/conf-a/start")
        s.wait("conf-a")
        s.call("GET", "/containers/conf-a/logs", query={"stdout": "1", "stderr": "1"})

    run("ls /v | head -1; echo x > /v/x; stat -c '%u:%g %a' /v", "conf-v1:/v")
    run("cat /v/x", "conf-v1:/v:ro")
    run("echo y > /v/x", "conf-v1:/v:ro")
    run("stat -c '%u:%g %a' /v; df -k /v | tail -1 | tr -s ' ' | cut -d' ' -f2", "conf-v2:/v")
    run("ls -d /v/passwd; mkdir /v/conf-nonesuch", "conf-v3:/v")
    run("ls -A /v | head -3", "conf-v4:/bin")
    run("ls /v", "conf-v5:/v")
    volume = {"Type": "volume", "Target": "/v", "Source": "conf-v1"}
    run("ls /v", mounts=[{**volume, "VolumeOptions": {"Subpath": "nonesuch"}}])
    run("mkdir -p /v/part/inner; echo z > /v/part/z", mounts=[volume])
    run("ls /v", mounts=[{**volume, "VolumeOptions": {"Subpath": "part"}}])
    outside = {"Mounts": [{**volume, "VolumeOptions": {"Subpath": "../.."}}]}
    s.call("POST", "/containers/create", {"Image": IMAGE, "HostConfig": outside})
    run("ls /bin | wc -l", mounts=[{"Type": "volume", "Target": "/bin2", "VolumeOptions": {"NoCopy": True}}])
    s.call("DELETE", "/volumes/conf-v1")
    s.create("conf-a", "true", HostConfig={"Binds": ["conf-v1:/v"]}, Volumes={"/w": {}})
    s.call("DELETE", "/volumes/conf-v1")
    s.call("DELETE", "/volumes/conf-v1", query={"force": "1"})
    s.call("GET", "/volumes", query={"filters": {"dangling": ["false"], "name": ["conf-v1"]}})
    s.call("POST", "/containers/create", {"Image": IMAGE, "HostConfig": {"Binds": ["conf-v9:/v"], "VolumeDriver": "x"}})
    s.remove("conf-a")
    _drop(s, "conf-v1", "conf-v2", "conf-v3", "conf-v4", "conf-v5", "conf-v9")


@scenario
def volumes_that_are_pruned(s: Session) -> None:
    """Pruning: anonymous volumes, all of them, by labels; never those with options."""
    names = ("conf-v1", "conf-v2", "conf-v3")
    s.remove("conf-a")
    _drop(s, *names)
    for filters in (
        {"x": ["y"]},
        {"until": ["1h"]},
        {"all": ["x"]},
        {"all": ["true", "false"]},
        {"dangling": ["true"]},
    ):
        s.call("POST", "/volumes/prune", query={"filters": filters})
    for name, more in (("conf-v1", LABELS), ("conf-v2", {"DriverOpts": TMPFS, **LABELS}), ("conf-v3", {})):
        s.quietly("POST", "/volumes/create", {"Name": name, **more})
    s.create("conf-a", "sh", "-c", "echo 12345 > /w/f", Volumes={"/w": {}}, HostConfig={"Binds": ["conf-v3:/v"]})
    s.quietly("POST", "/containers/conf-a/start")
    s.wait("conf-a")
    made = s.quietly("POST", "/volumes/create", LABELS)
    s.ids[made["Name"]] = "anonymous"
    s.call("POST", "/volumes/prune", query={"filters": {"label": ["conf=x"]}})
    s.call("POST", "/volumes/prune", query={"filters": {"label!": ["conf"], "label": ["conf"]}})
    s.call("POST", "/volumes/prune", query={"filters": {"label": ["conf=vol"]}})
    s.call("POST", "/volumes/prune", query={"filters": {"label": ["conf=vol"], "all": ["false"]}})
    s.call("POST", "/volumes/prune", query={"filters": {"label": ["conf=vol"], "all": ["true"]}})
    s.call("GET", "/volumes", query={"filters": {"label": ["conf=vol"]}})
    s.quietly("POST", "/volumes/create", {"Name": "conf-v1", **LABELS})
    s.call("POST", "/volumes/prune", query={"filters": {"label": ["conf=vol"]}}, version="v1.41")
    s.quietly("DELETE", "/containers/conf-a")  # its anonymous volume stays
    s.call("POST", "/volumes/prune", query={"filters": {"label!": ["conf"]}})
    s.remove("conf-a")
    _drop(s, *names)
