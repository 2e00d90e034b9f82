"""Corners that dockerd's own integration tests look into and no other scenario does."""

from __future__ import annotations

import re

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session
from tests.harness.tars import archive, member

PROPAGATIONS = ("", "private", "rprivate", "slave", "rslave", "shared", "rshared")


@scenario
def corners_of_paths(s: Session) -> None:
    """Paths of archives that end in dots and slashes, from the root and below."""
    s.create("conf-dots", "true")
    tar = archive(member("d/f", b"x", mode=0o644))
    s.quietly("PUT", "/containers/conf-dots/archive", tar, query={"path": "/home"})
    for path in ("home", "home/", "home/.", "home/./", "home//", "home/d/../", "home/d/..", "./home/.", "/home/d/././"):
        s.listing("GET", f"/containers/conf-dots/archive?path={path}")
        s.path_stat("conf-dots", path)
    for path in (".", "./", "/./", "/.", "//", "./.", "/home/../", "/home/.."):
        data = s.call("GET", f"/containers/conf-dots/archive?path={path}")
        s.records[-1]["body"] = data[:100].rstrip(b"\0").decode()  # the name of the first member
        s.path_stat("conf-dots", path)
    s.remove("conf-dots")


@scenario
def corners_of_links(s: Session) -> None:
    """Aliases that are paths, and the names that they make."""
    s.create("conf-child", "sleep", "1000")
    s.quietly("POST", "/containers/conf-child/start")
    for number, alias in enumerate(("/one", "a/b", "./c", "d/")):
        name = f"conf-parent-{number}"
        links = [f"conf-child:{alias}"]
        s.create(name, "cut", "-f2", "/etc/hosts", record=True, HostConfig={"Links": links})
        found = s.quietly("GET", f"/containers/{name}/json")
        s.records.append({"request": f"the links of {links}", "body": (found.get("HostConfig") or {}).get("Links")})
        s.call("POST", f"/containers/{name}/start")
        s.quietly("POST", f"/containers/{name}/wait")
        s.call("GET", f"/containers/{name}/logs?stdout=1")
    s.quietly("POST", "/containers/conf-parent-0/rename?name=conf-renamed")
    for name in ("conf-renamed/one", "conf-parent-0/one", "conf-parent-1/b", "conf-parent-1/a/b", "conf-parent-2/c"):
        answer = s.quietly("GET", f"/containers/{name}/json")
        s.records.append({"request": f"who is {name}", "body": answer.get("Name", answer.get("message"))})
    for number in range(1, 4):
        s.remove(f"conf-parent-{number}")
    s.remove("conf-renamed")
    s.remove("conf-child")


@scenario
def corners_of_platforms(s: Session) -> None:
    """Words for platforms that an import takes and refuses."""
    for text in (
        "       ", "/", "macos", "macos/arm64", "nintendo64", "a.b/c", "linux.x", "windows(10.0)/amd64",
        "linux(1+a)/amd64", "linux()", "linux(", "linux/amd64(1)", "LINUX/AMD64", "linux/", "/amd64",
        "linux//v8", "a/b/c/d",
    ):  # fmt: skip
        answer = s.quietly(
            "POST", "/images/create", b"", query={"fromSrc": "-", "repo": "conf-platform", "platform": text}
        )
        words = answer.get("message", "taken")
        s.records.append({"request": f"platform {text!r}", "body": words})
        s.quietly("DELETE", "/images/conf-platform")


@scenario
def corners_of_the_root(s: Session) -> None:
    """Binds of the engine's own root, of what is in it, and of what it lies in."""
    root = s.quietly("GET", "/info")["DockerRootDir"]
    s.ids[root] = "root"
    for source in (root, f"{root}/containers", "/"):
        for propagation in PROPAGATIONS:
            for host in (
                {"Binds": [f"{source}:/x:{propagation}" if propagation else f"{source}:/x"]},
                {"Mounts": [{"Type": "bind", "Source": source, "Target": "/x",
                             "BindOptions": {"Propagation": propagation}}]},
                {"Mounts": [{"Type": "bind", "Source": source, "Target": "/x"}]},
            ):  # fmt: skip
                answer = s.quietly("POST", "/containers/create", {"Image": IMAGE, "HostConfig": host},
                                   query={"name": "conf-root"})  # fmt: skip
                seen = s.quietly("GET", "/containers/conf-root/json") if "Id" in answer else answer
                words = str(seen.get("message", "")).replace(root, "<root>")
                shown = [each["Propagation"] for each in seen.get("Mounts", [])]
                s.records.append(
                    {"request": f"{propagation} of {source.replace(root, '<root>')}", "body": [words, shown]}
                )
                s.remove("conf-root")
    s.create("conf-root", "test", "-d", "/x", HostConfig={"Binds": ["/:/x"]})
    s.call("POST", "/containers/conf-root/start")
    s.call("POST", "/containers/conf-root/wait")
    s.remove("conf-root")


@scenario
def corners_of_volumes_and_limits(s: Session) -> None:
    """A folder of a volume that is filled from the image, and limits of processor time that are lifted."""
    s.quietly("POST", "/volumes/create", {"Name": "conf-parts"})
    made = "mkdir /v/empty /v/full; echo 1 >/v/full/x; ln -s empty /v/link; echo file >/v/file; ln -s / /v/out"
    s.create("conf-maker", "sh", "-c", made, HostConfig={"Binds": ["conf-parts:/v"]})
    s.quietly("POST", "/containers/conf-maker/start")
    s.quietly("POST", "/containers/conf-maker/wait")
    for subpath, target, command in (
        ("empty", "/etc", "cat /etc/group"), ("full", "/etc", "ls /etc/group /etc/x"),
        ("link", "/etc", "ls /etc/group"),
        ("nosuch", "/etc", "true"), ("out", "/etc", "true"),
    ):  # fmt: skip
        mount = {"Type": "volume", "Source": "conf-parts", "Target": target, "VolumeOptions": {"Subpath": subpath}}
        request = {"Image": IMAGE, "Cmd": ["sh", "-c", command], "HostConfig": {"Mounts": [mount]}}
        answer = s.quietly("POST", "/containers/create", request, query={"name": "conf-part"})
        status = "made" if "Id" in answer else answer["message"].split(":")[0]
        s.records.append({"request": f"part {subpath} at {target}", "body": status})
        if status == "made" and subpath in ("empty", "full", "link"):
            s.ids[answer["Id"]] = "part"
            s.call("POST", "/containers/conf-part/start")
            s.call("POST", "/containers/conf-part/wait")
            s.call("GET", "/containers/conf-part/logs?stdout=1")
        s.remove("conf-part")
    s.remove("conf-maker")
    s.quietly("DELETE", "/volumes/conf-parts")
    s.create("conf-quota", "sleep", "1000", HostConfig={"CpuQuota": -1})
    s.call("POST", "/containers/conf-quota/start")
    for quota in (15000, 20000, -1):
        s.call("POST", "/containers/conf-quota/update", {"CpuQuota": quota})
        file = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max"
        session = s.exec("conf-quota", "sh", "-c", file)
        s.call("POST", f"/exec/{session}/start", {})
        shown = s.quietly("GET", "/containers/conf-quota/json")["HostConfig"]["CpuQuota"]
        s.records.append({"request": f"a quota of {quota}", "body": shown})
    s.remove("conf-quota")


@scenario
def corners_of_terminals(s: Session) -> None:
    """Variables of exec sessions with and without terminals, links among them, and the event of a new size."""
    s.create("conf-child", "sleep", "1000")
    s.quietly("POST", "/containers/conf-child/start")
    for terminal, variables in ((True, []), (False, []), (True, ["TERM=dumb", "A=1"]), (False, ["PATH", "HOSTNAME=x"])):
        host = {"Links": ["conf-child:friend"]}
        s.create(
            "conf-tty", "/bin/busybox", "sleep", "1000", Tty=terminal, Env=variables, Hostname="conf", HostConfig=host
        )
        s.quietly("POST", "/containers/conf-tty/start")
        for tty, more in ((False, []), (True, []), (True, ["TERM=vt", "B=2"]), (False, ["A", "HOME=/x"])):
            session = s.exec("conf-tty", "/bin/busybox", "env", Tty=tty, Env=more)
            output = s.call("POST", f"/exec/{session}/start", {"Tty": tty})
            s.records[-1]["body"] = [
                line.split("172.")[0] for line in output.decode(errors="replace").replace("\r", "").splitlines()
            ]
            if not tty:  # the frames' heads
                s.records[-1]["body"] = [
                    line[line.find("P") :] if "PATH" in line else line for line in s.records[-1]["body"]
                ]
        since = s.now()
        s.call("POST", "/containers/conf-tty/resize?h=80&w=24")
        s.happened(since, container=["conf-tty"])
    s.call("POST", "/containers/conf-child/kill")
    s.quietly("POST", "/containers/conf-child/wait")
    s.call("POST", "/containers/conf-tty/exec", {"Cmd": ["true"]})
    s.remove("conf-tty")
    s.remove("conf-child")


@scenario
def corners_of_shared_networks(s: Session) -> None:
    """A container that shares its own network, links to the machine's, to a sharer's, and on networks of the user's."""
    s.create("conf-self", "true", HostConfig={"NetworkMode": "container:conf-self"})
    s.call("POST", "/containers/conf-self/start")
    s.create("conf-host", "sleep", "1000", HostConfig={"NetworkMode": "host"})
    s.create("conf-donor", "sleep", "1000")
    s.quietly("POST", "/containers/conf-donor/start")
    s.create("conf-sharer", "sleep", "1000", HostConfig={"NetworkMode": "container:conf-donor"})
    s.quietly("POST", "/networks/create", {"Name": "conf-own"})
    for mode, link in (
        ("bridge", "conf-host:a"), ("bridge", "conf-sharer:a"), ("conf-own", "conf-host:a"), ("conf-own", "nobody:a"),
        ("conf-own", "bad:format:a"), ("bridge", "nobody:a"), ("none", "nobody:a"), ("host", "conf-donor:a"),
        ("none", "conf-donor:a"),
    ):  # fmt: skip
        request = {"Image": IMAGE, "HostConfig": {"NetworkMode": mode, "Links": [link]}}
        answer = s.call("POST", "/containers/create", request, query={"name": "conf-linking"})
        if "Id" in answer:
            s.ids[answer["Id"]] = "conf-linking"
            s.records.pop()
            shown = s.quietly("GET", "/containers/conf-linking/json")["HostConfig"]["Links"]
            s.records.append({"request": f"{link} in {mode}", "body": shown})
        s.remove("conf-linking")
    for name in ("self", "host", "sharer", "donor"):
        s.remove(f"conf-{name}")
    s.quietly("DELETE", "/networks/conf-own")


@scenario
def corners_of_proc_and_empty_values(s: Session) -> None:
    """Mounts on /proc, and values that are there but empty."""
    for host in (
        {"Binds": ["/tmp:/proc/sys"]}, {"Binds": ["/tmp:/proc"]}, {"Binds": ["/etc/hosts:/proc/uptime"]},
        {"Binds": ["/proc:/proc"]}, {"Binds": ["conf-on-proc:/proc/acpi"]}, {"Binds": ["/etc/hosts:/proc/version"]},
        {"Binds": ["/tmp:/proc2"]}, {"Tmpfs": {"/proc/": ""}},
        {"Mounts": [{"Type": "tmpfs", "Target": "/proc"}]},
    ):  # fmt: skip
        s.create("conf-proc", "true", HostConfig=host)
        opened = s.open("POST", "/containers/conf-proc/start")
        s.finish(opened)
        record = s.records[-1]
        if isinstance(record["body"], dict):
            words = record["body"]["message"]
            record["body"] = re.sub(r'mount: "/\S*?/proc|"/\S*/_data"', "<path>", words)
        found = s.quietly("GET", "/containers/conf-proc/json")["State"]
        s.records.append({"request": f"after {host}", "body": found["ExitCode"]})
        s.remove("conf-proc")
    s.quietly("DELETE", "/volumes/conf-on-proc")
    for keys in (
        {"Volumes": {}},
        {"ExposedPorts": {}},
        {"Labels": {}},
        {"Env": []},
        {"Cmd": [], "Entrypoint": ["true"]},
        {"Healthcheck": {}},
        {"OnBuild": []},
        {"Shell": []},
        {"Env": ["HOME="]},
        {"Env": ["HOME=", "A="]},
    ):
        s.create("conf-empty", **{"Cmd": ["env"], **keys})
        config = s.quietly("GET", "/containers/conf-empty/json")["Config"]
        s.records.append({"request": f"made with {keys}", "body": {key: config.get(key, "<absent>") for key in keys}})
        s.quietly("POST", "/containers/conf-empty/start")
        s.quietly("POST", "/containers/conf-empty/wait")
        said = s.quietly("GET", "/containers/conf-empty/logs?stdout=1")
        lines = re.findall(r"(?:HOME|A)=.*", said.decode(errors="replace") if isinstance(said, bytes) else "")
        s.records.append({"request": f"variables with {keys}", "body": lines})
        s.remove("conf-empty")


@scenario
def corners_of_mount_points(s: Session) -> None:
    """The folders and files on the way to mounts: their modes in the container, and afterwards in its root."""
    host = {
        "Binds": ["/etc/passwd:/file/in/place", "conf-points:/outer/one", "conf-inner:/outer/one/two/three",
                  "conf-inner:/deep/er/est", "/etc/group:/outer/one/x/file", "conf-inner:/etc/ssl/x"],
        "Tmpfs": {"/t/mp": "mode=711", "/here": ""},
        "Mounts": [{"Type": "volume", "Target": "/an/onymous"}, {"Type": "bind", "Source": "/etc", "Target": "/b/ind"}],
        "Init": True,
    }  # fmt: skip
    places = (
        "/file", "/file/in", "/file/in/place", "/outer", "/outer/one", "/outer/one/two", "/outer/one/two/three",
        "/outer/one/x", "/outer/one/x/file", "/deep", "/deep/er", "/deep/er/est", "/t", "/t/mp", "/here", "/an",
        "/an/onymous", "/b", "/b/ind", "/etc/ssl", "/etc/ssl/x", "/sbin", "/sbin/docker-init", "/from/config",
    )  # fmt: skip
    s.create("conf-points", "stat", "-c", "%a %F %u %g %n", *places, HostConfig=host, Volumes={"/from/config": {}})
    s.call("POST", "/containers/conf-points/start")
    s.quietly("POST", "/containers/conf-points/wait")
    s.call("GET", "/containers/conf-points/logs?stdout=1&stderr=1")
    s.listing("GET", "/containers/conf-points/export")
    s.call("GET", "/containers/conf-points/changes")
    s.remove("conf-points")
    for volume in ("conf-points", "conf-inner"):
        s.quietly("DELETE", f"/volumes/{volume}")


@scenario
def corners_of_processes(s: Session) -> None:
    """Who has /dev/null where the user is not root, and what score an exec session has for the kernel."""
    for user in ("1000:1000", "5", "0:7", "root"):
        s.create("conf-null", "stat", "-c", "%u %g %a", "/dev/null", "/dev/zero", User=user)
        s.quietly("POST", "/containers/conf-null/start")
        s.quietly("POST", "/containers/conf-null/wait")
        s.call("GET", "/containers/conf-null/logs?stdout=1&stderr=1")
        s.remove("conf-null")
    s.create("conf-score", "sleep", "1000", HostConfig={"OomScoreAdj": 44}, User="7")
    s.quietly("POST", "/containers/conf-score/start")
    for options in ({}, {"Privileged": True}, {"User": "root"}, {"Tty": True}):
        session = s.exec("conf-score", "sh", "-c", "sleep 0.2; cat /proc/self/oom_score_adj",
                         AttachStdout=True, **options)  # fmt: skip
        s.call("POST", f"/exec/{session}/start", {"Detach": False, "Tty": options.get("Tty", False)})
    s.remove("conf-score")


@scenario
def corners_of_interfaces(s: Session) -> None:
    """What the kernel says of a container's interfaces, on the default network and on one of the user's."""
    s.quietly("POST", "/networks/create", {"Name": "conf-links"})
    look = (
        "for i in eth0 eth1 lo; do cd /sys/class/net/$i && echo $i $(cat mtu tx_queue_len flags operstate type); done"
    )
    for mode in ("bridge", "conf-links", "none"):
        s.create("conf-interfaces", "sh", "-c", look, HostConfig={"NetworkMode": mode})
        if mode == "conf-links":
            s.quietly("POST", "/networks/bridge/connect", {"Container": "conf-interfaces"})
        s.quietly("POST", "/containers/conf-interfaces/start")
        s.quietly("POST", "/containers/conf-interfaces/wait")
        s.call("GET", "/containers/conf-interfaces/logs?stdout=1")
        s.remove("conf-interfaces")
    s.quietly("DELETE", "/networks/conf-links")
