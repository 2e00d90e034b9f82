"""Volumes with unusual options, mounted in unusual ways and places."""

from __future__ import annotations

from typing import Any

from tests.conformance.scenarios.registry import scenario
from tests.conformance.scenarios.volumes import TMPFS
from tests.conformance.session import IMAGE, Session


@scenario
def volumes_in_odd_ways(s: Session) -> None:
    """Volumes with unusual options, mounted in unusual ways and places."""
    names = [f"conf-w{number}" for number in range(12)]

    def drop() -> None:
        s.remove("conf-a")
        s.remove("conf-b")
        for name in names:
            s.quietly("DELETE", f"/volumes/{name}", query={"force": "1"})

    def made(name: str, **options: str) -> None:
        s.call("POST", "/volumes/create", {"Name": name, "DriverOpts": options})

    def run(script: str, *binds: str, mounts: list[dict[str, Any]] | None = None, **keys: Any) -> None:
        host = {"Binds": list(binds), **({"Mounts": mounts} if mounts else {})}
        s.remove("conf-a")
        body = {"Image": IMAGE, "Cmd": ["sh", "-c", script], "HostConfig": host, **keys}
        answer = s.call("POST", "/containers/create", body, query={"name": "conf-a"})
        if "Id" in answer:
            s.ids[answer["Id"]] = "conf-a"
        s.call("POST", "/containers/conf-a/start")
        s.quietly("POST", "/containers/conf-a/wait")
        s.call("GET", "/containers/conf-a/logs", query={"stdout": "1", "stderr": "1"})

    def mount(name: str, target: str = "/v", **more: Any) -> list[dict[str, Any]]:
        return [{"Type": "volume", "Source": name, "Target": target, **more}]

    drop()
    for body in (
        {"Name": "conf-w0", "Labels": None, "DriverOpts": None}, {"Name": "conf-w0", "Labels": {"a": ""}},
        {"Name": ""}, {}, {"Name": "conf w"}, {"Name": ".conf"}, {"Name": "conf-w0/.."}, {"Name": "c" * 300},
        {"Name": "conf-w0", "Driver": ""}, {"Name": "conf-w0", "Driver": "nonesuch"},
        {"Name": "conf-w1", "DriverOpts": {"type": "", "device": "", "o": ""}},
        {"Name": "conf-w1", "DriverOpts": {"type": "tmpfs"}},
        {"Name": "conf-w1", "DriverOpts": {"type": "tmpfs", "o": "x"}},
        {"Name": "conf-w1", "DriverOpts": {"TYPE": "tmpfs", "device": "x"}},
    ):  # fmt: skip
        s.call("POST", "/volumes/create", body)
    drop()
    made("conf-w0", type="tmpfs", device="tmpfs", o="size=nonsense")
    made("conf-w1", type="nonesuch", device="nothing", o="ro")
    made("conf-w2", type="none", device="etc", o="bind")
    made("conf-w3", type="none", device="/etc/passwd", o="bind")
    made("conf-w4", type="nonesuch", device="nothing", o="addr=x,password=secret,vers=3")
    made("conf-w5", type="tmpfs", device="tmpfs", o="nosuid,noexec,ro,size=64k")
    made("conf-w6", type="tmpfs", device="tmpfs", o="nodev,noexec")
    made("conf-w7", type="none", device="/nonesuch", o="rw")
    for name in names[:8]:
        run("ls -d /v/passwd; grep ' /v tmpfs' /proc/mounts | cut -d' ' -f4 | cut -d, -f1-4", f"{name}:/v")
    drop()
    run("ls -A /v; echo one > /v/one", "conf-w0:/v:nocopy")
    run("ls -A /etc/conf; cat /etc/conf/one", "conf-w0:/etc/conf:ro,nocopy")
    run("ls /v/..", "conf-w0:/v:rprivate")
    run("true", "conf-w0:/v:bogus")
    run("true", "conf-w0:/v:ro,rw")
    run("true", "conf-w0:v")
    run("true", "conf-w0:/")
    run("true", "conf-w0:/v:rshared")
    run("true", "conf-w0:/v", "conf-w1:/v")
    run("ls /v /v/in; echo x > /v/in/x", "conf-w0:/v", "conf-w1:/v/in")
    run("ls -R /v | head -8", "conf-w0:/v")
    run("cat /one/one /two/one", "conf-w0:/one:ro", "conf-w0:/two")
    run("ls -ld /bin | cut -c1-10; touch /bin/mine; ls /bin/mine", "conf-w2:/bin")
    run("ls /v/mine", "conf-w2:/v")
    run("cat /etc/hostname/x", "conf-w3:/etc/hostname")
    run("ls /etc/passwd", "conf-w4:/etc/passwd")
    inline = {"VolumeOptions": {"DriverConfig": {"Name": "local", "Options": TMPFS}, "Labels": {"conf": "inline"}}}
    run("stat -c '%u %a' /v", mounts=mount("conf-w6", **inline))
    s.call("GET", "/volumes/conf-w6")
    run("true", mounts=mount("conf-w7", VolumeOptions={"DriverConfig": {"Name": "nonesuch"}}))
    run("true", mounts=mount("conf-w7", VolumeOptions={"DriverConfig": {"Name": "local", "Options": {"bad": "x"}}}))
    run("touch /v/x", mounts=mount("conf-w8", ReadOnly=True))
    run(
        "mkdir /v/dir; echo f > /v/file; ln -s /etc /v/out; ln -s dir /v/in; echo d > /v/dir/d", mounts=mount("conf-w8")
    )
    for part in ("file", "in", "out", "dir/", "./dir", "dir/../dir", "/dir", "", "dir/nonesuch", "file/x"):
        run("ls -A /v", mounts=mount("conf-w8", VolumeOptions={"Subpath": part}))
    run("ls /v; touch /v/y", mounts=mount("conf-w8", ReadOnly=True, VolumeOptions={"Subpath": "dir"}))
    run("true", mounts=mount("conf-w8", BindOptions={"Propagation": "rshared"}))
    run("true", mounts=mount("conf-w8", TmpfsOptions={"SizeBytes": 5}))
    run("true", mounts=mount("conf-w8", "relative"))
    run("true", mounts=mount("conf-w8", "/"))
    run("true", mounts=mount("a/b"))
    run("true", mounts=mount("", "/v"))
    run("true", mounts=mount("conf-w8") + mount("conf-w7"))
    run("true", "conf-w5:/etc/passwd")
    run("true", "/etc/passwd")
    run("true", Volumes={"/etc/passwd": {}})
    run("true", Volumes={"/.dockerenv": {}})
    run("true", mounts=mount("conf-w5", "/etc/passwd"))
    run("ls /v", "conf-w7:/v", mounts=mount("conf-w8"))
    s.quietly("DELETE", "/volumes/conf-w7", query={"force": "1"})  # dockerd leaves it, although nothing was made
    run("ls -A /v", "conf-w9:/v", Volumes={"/v": {}})
    s.create("conf-b", "sleep", "100", HostConfig={"Mounts": mount("conf-w10", **inline)})
    s.call("POST", "/containers/conf-b/start")
    run("echo shared > /v/f", "conf-w10:/v")
    s.quietly("POST", "/containers/conf-b/stop", query={"t": "0"})
    s.call("POST", "/containers/conf-b/start")
    run("ls -A /v", "conf-w10:/v")
    s.remove("conf-a")
    s.call("DELETE", "/volumes/conf-w10", query={"force": "1"})
    s.call("DELETE", "/volumes/conf-w10", query={"force": "maybe"})
    for filters in (
        {"dangling": ["1"], "name": ["conf-w"]}, {"dangling": ["0"], "name": ["conf-w"]}, {"dangling": ["TRUE"]},
        {"name": ["conf-w1", "conf-w9"]}, {"label": ["conf=inline", "other"]}, {"label": ["conf"]},
        {"driver": ["loc"], "name": ["conf-w"]}, {"driver": ["local"], "name": ["w10$"]}, {"label!": ["conf"]},
        {"dangling": []}, {"name": [""], "label": ["conf=inline"]},
    ):  # fmt: skip
        answer = s.quietly("GET", "/volumes", query={"filters": filters})
        found = sorted(each["Name"] for each in answer.get("Volumes") or () if each["Name"].startswith("conf-w"))
        s.records.append({"request": f"volumes {filters}", "status": 0, "body": [answer.get("message"), found]})
    usage = s.quietly("GET", "/system/df", query={"type": "volume"})["Volumes"]
    mine = [each for each in usage if each["Name"].startswith("conf-w") and each["Name"] != "conf-w2"]  # it has /bin
    sizes = [[each["Name"], each["UsageData"]] for each in sorted(mine, key=lambda each: str(each["Name"]))]
    s.records.append({"request": "sizes of volumes", "status": 0, "body": sizes})
    s.call("GET", "/volumes", query={"filters": "nonsense"})
    s.call("POST", "/volumes/prune", query={"filters": "{"})
    drop()
