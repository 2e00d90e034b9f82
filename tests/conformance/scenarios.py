"""What is asked of both: each scenario is a function whose calls and answers are compared one by one."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable

from tests.conformance import normalise
from tests.conformance.session import IMAGE, UPGRADE, Session
from tests.harness.tars import Member, archive, folder, hard_link, member, symlink
from tests.harness.tars import files as tar_of

SCENARIOS: dict[str, Callable[[Session], None]] = {}


def scenario(function: Callable[[Session], None]) -> Callable[[Session], None]:
    """Enter a scenario under its function's name."""
    SCENARIOS[function.__name__] = function
    return function


@scenario
def containers_that_are_not_there(s: Session) -> None:
    """Every endpoint's answer to an unknown container."""
    for method, verb in (
        ("GET", "/json"), ("POST", "/start"), ("POST", "/stop"), ("POST", "/restart"), ("POST", "/kill"),
        ("POST", "/pause"), ("POST", "/unpause"), ("POST", "/wait"), ("POST", "/rename?name=other"),
        ("POST", "/resize?h=1&w=1"), ("GET", "/logs?stdout=1"), ("POST", "/attach?stream=1"), ("DELETE", ""),
    ):  # fmt: skip
        s.call(method, f"/containers/conf-nowhere{verb}")
    s.call("POST", "/containers/conf-nowhere/exec", {"Cmd": ["true"]})
    s.call("POST", "/containers/conf-nowhere/attach?stream=1", headers=UPGRADE)


@scenario
def create_and_inspect(s: Session) -> None:
    """The least body, a host part, and every kind of field."""
    s.create("conf-least", record=True)
    s.call("GET", "/containers/conf-least/json")
    s.create("conf-host", "echo", "hi", HostConfig={}, record=True)
    s.call("GET", "/containers/conf-host/json")
    for name in ("host", "none"):
        s.create("conf-host", "true", HostConfig={"NetworkMode": name}, Hostname="h")
        s.call("GET", "/containers/conf-host/json")
    s.create(
        "conf-full",
        record=True,
        Cmd="echo hi",
        Entrypoint=["/bin/sh", "-c"],
        Hostname="h",
        Domainname="dom",
        User="1:1",
        Tty=True,
        OpenStdin=True,
        StdinOnce=True,
        Env=["A=b", "C", "PATH=/x"],
        Healthcheck={"Test": ["CMD", "true"], "Interval": 1000000000, "Retries": 3},
        WorkingDir="/tmp/../tmp/",
        Labels={"z": "1", "a": "<&>"},
        StopSignal="SIGINT",
        StopTimeout=3,
        Shell=["/bin/sh"],
        OnBuild=["x"],
        Volumes={"/v": {}},
        ExposedPorts={"81/udp": {}, "80/tcp": {}},
        HostConfig={
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000-8010"}]},
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
            "Annotations": {"x": "y"},
            "CapAdd": ["NET_ADMIN"],
            "CapDrop": "ALL",
            "Dns": ["1.1.1.1"],
            "ExtraHosts": ["a:1.2.3.4"],
            "Tmpfs": {"/t": "size=1m"},
            "Sysctls": {"net.ipv4.ip_forward": "1"},
            "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
            "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}],
            "DeviceRequests": [],
            "Memory": 10000000,
            "MemorySwappiness": -1,
            "PidsLimit": -1,
            "Init": True,
            "Binds": ["/tmp:/b:ro", "conf-volume:/c"],
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": "/tmp",
                    "Target": "/m",
                    "ReadOnly": True,
                    "BindOptions": {"Propagation": "rslave", "NonRecursive": True},
                },
                {
                    "Type": "volume",
                    "Source": "conf-volume",
                    "Target": "/fv",
                    "VolumeOptions": {"NoCopy": True, "Labels": {"a": "b"}, "DriverConfig": {"Name": "local"}},
                },
                {
                    "Type": "tmpfs",
                    "Target": "/tm",
                    "TmpfsOptions": {"SizeBytes": 1000000, "Mode": 511, "Options": [["noexec"]]},
                },
            ],
            "BlkioWeightDevice": [],
            "SecurityOpt": ["no-new-privileges"],
            "GroupAdd": ["1"],
            "MaskedPaths": [],
            "ConsoleSize": [10, 20],
        },
        NetworkingConfig={"EndpointsConfig": {"bridge": {"GwPriority": 3}}},
    )
    s.call("GET", "/containers/conf-full/json")
    s.call("GET", "/containers/json", query={"all": "1", "filters": {"name": ["^/conf-full$"]}})
    for name in ("conf-least", "conf-host", "conf-full"):
        s.remove(name)
    s.quietly("DELETE", "/volumes/conf-volume")


@scenario
def bodies_that_cannot_be_meant(s: Session) -> None:
    """What create says of bodies, names and values."""
    s.remove("conf-a")
    for body in (
        b"", b"{", b"[]", b"5", b"null", b"{}x", b"{} {}", b'{"Image":', b"{}",
        {"HostConfig": {"Memory": "x"}}, {"HostConfig": {"BlkioWeight": 70000}}, {"HostConfig": {"ConsoleSize": ["a"]}},
        {"Env": "x"}, {"Env": [1]}, {"Cmd": 5}, {"Image": 5}, {"Labels": []}, {"Labels": {"a": 1}},
        {"Volumes": {"/a": "x"}}, {"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": 80}]}}},
        {"HostConfig": {"NetworkMode": 5}}, {"HostConfig": 5}, {"tty": "x"}, {"HostConfig": {"OomScoreAdj": 1.5}},
        {"Image": ""}, {"Image": "conf-nowhere:x"}, {"Image": "UPPER"},
        {"Image": IMAGE, "HostConfig": {"RestartPolicy": {"Name": "sometimes"}}},
        {"Image": IMAGE, "HostConfig": {"RestartPolicy": {"Name": "always"}, "AutoRemove": True}},
        {"Image": IMAGE, "HostConfig": {"Memory": 1}}, {"Image": IMAGE, "WorkingDir": "relative"},
        {"Image": IMAGE, "StopSignal": "NOPE"}, {"Image": IMAGE, "Env": [""]}, {"Image": IMAGE, "Env": ["=x"]},
        {"Image": IMAGE, "HostConfig": {"IpcMode": "x"}}, {"Image": IMAGE, "HostConfig": {"PidMode": "x"}},
        {"Image": IMAGE, "HostConfig": {"ShmSize": -1}}, {"Image": IMAGE, "HostConfig": {"OomScoreAdj": 2000}},
        {"Image": IMAGE, "HostConfig": {"ExtraHosts": ["x"]}}, {"Image": IMAGE, "HostConfig": {"CapAdd": ["NOPE"]}},
        {"Image": IMAGE, "HostConfig": {"PortBindings": {"x/tcp": []}}},
        {"Image": IMAGE, "HostConfig": {"Binds": ["/a:/b:nope"]}}, {"Image": IMAGE, "HostConfig": {"Binds": ["a"]}},
        {"Image": IMAGE, "HostConfig": {"Mounts": [{"Type": "bind", "Source": "/conf-nowhere", "Target": "/x"}]}},
        {"Image": IMAGE, "HostConfig": {"Mounts": [{"Type": "volume", "Target": "/x", "BindOptions": {}}]}},
        {"Image": IMAGE, "HostConfig": {"NetworkMode": "container:"}},
        {"Image": IMAGE, "NetworkingConfig": {"EndpointsConfig": {"a": None}}},
        {"Image": IMAGE, "HostConfig": {"Runtime": "conf-nowhere"}},
    ):  # fmt: skip
        s.call("POST", "/containers/create", body, query={"name": "conf-a"})
        s.remove("conf-a")
    s.call("POST", "/containers/create", {"Image": IMAGE}, headers={"Content-Type": "text/plain"})
    for name in ("conf b", "b", "-b", "/conf-c/d"):
        s.call("POST", "/containers/create", {"Image": IMAGE}, query={"name": name})
    s.create("conf-a")
    s.call("POST", "/containers/create", {"Image": IMAGE}, query={"name": "conf-a"})
    s.call("POST", "/containers/create", {"Image": IMAGE}, query={"name": "/conf-a"})
    s.remove("conf-a")


@scenario
def a_life(s: Session) -> None:
    """From create to remove, with what each state refuses."""
    s.create("conf-a", "sh", "-c", "echo out; echo err >&2; sleep 60")
    s.call("POST", "/containers/conf-a/start", {"Binds": []})
    for verb in ("kill", "stop", "pause", "unpause", "resize?h=1&w=1"):
        s.call("POST", f"/containers/conf-a/{verb}")
    s.call("POST", "/containers/conf-a/exec", {"Cmd": ["true"]})
    s.call("POST", "/containers/conf-a/start")
    s.call("POST", "/containers/conf-a/start")
    s.call("GET", "/containers/conf-a/json")
    s.call("GET", "/containers/json", query={"filters": {"name": ["^/conf-a$"]}})
    s.call("DELETE", "/containers/conf-a")
    s.call("POST", "/containers/conf-a/unpause")
    s.call("POST", "/containers/conf-a/pause")
    s.call("POST", "/containers/conf-a/pause")
    s.call("GET", "/containers/json", query={"filters": {"name": ["^/conf-a$"]}})
    s.call("DELETE", "/containers/conf-a")
    s.call("POST", "/containers/conf-a/start")
    s.call("POST", "/containers/conf-a/exec", {"Cmd": ["true"]})
    s.call("POST", "/containers/conf-a/attach?stream=1&stdout=1", headers=UPGRADE)
    s.call("POST", "/containers/conf-a/unpause")
    for query in ("t=x", "signal=NOPE"):
        s.call("POST", f"/containers/conf-a/stop?{query}")
        s.call("POST", f"/containers/conf-a/restart?{query}")
    s.call("POST", "/containers/conf-a/kill?signal=NOPE")
    s.call("POST", "/containers/conf-a/kill?signal=0")
    s.call("POST", "/containers/conf-a/restart?t=0")
    s.call("POST", "/containers/conf-a/kill")
    s.wait("conf-a")
    s.call("GET", "/containers/conf-a/json")
    s.call("POST", "/containers/conf-a/rename?name=conf-b")
    s.call("GET", "/containers/conf-b/json")
    s.call("GET", "/containers/json", query={"all": "1", "filters": {"name": ["^/conf-b$"]}})
    for verb in ("kill", "stop", "pause", "unpause", "resize?h=1&w=1", "wait"):
        s.call("POST", f"/containers/conf-b/{verb}")
    s.call("DELETE", "/containers/conf-b", query={"link": "1"})
    s.call("DELETE", "/containers/conf-b")
    s.call("DELETE", "/containers/conf-b")


@scenario
def names(s: Session) -> None:
    """Renaming, and finding by name, id and prefix."""
    one = s.create("conf-a", "true")
    s.create("conf-b", "true")
    for query in ("", "name=", "name=conf-a", "name=/conf-a", "name=conf-b", "name=/a", "name=c%20d"):
        s.call("POST", f"/containers/conf-a/rename?{query}")
    for name in (one, one[:12], "/conf-a", "conf-a", "CONF-A", one.upper()):
        s.call("GET", f"/containers/{name}/json")
    s.remove("conf-a")
    s.remove("conf-b")


@scenario
def the_list(s: Session) -> None:
    """Filters, good and bad."""
    s.create("conf-a", "sh", "-c", "exit 3", Labels={"conf": "1", "b": ""})
    s.quietly("POST", "/containers/conf-a/start")
    s.wait("conf-a")
    s.create("conf-b", "true", Labels={"conf": "2"})
    for filters in (
        {"label": ["conf"]}, {"label": ["conf=1"]}, {"label": ["conf=1", "b="]}, {"label": ["conf=3"]},
        {"label": ["conf"], "status": ["exited"]}, {"label": ["conf"], "exited": ["3"]},
        {"label": ["conf"], "exited": ["0"]}, {"label": ["conf"], "name": ["conf-a"]},
        {"label": ["conf"], "ancestor": [IMAGE]}, {"label": ["conf"], "ancestor": ["conf-nowhere"]},
        {"label": ["conf"], "before": ["conf-b"]}, {"label": ["conf"], "since": ["conf-a"]},
        {"label": ["conf"], "network": ["bridge"]}, {"label": ["conf"], "network": ["host"]},
        {"label": ["conf"], "volume": ["x"]}, {"label": {"conf=1": True}}, {"label": ["conf"], "health": ["none"]},
        {"foo": ["x"]}, {"exited": ["abc"]}, {"status": ["nope"]}, {"is-task": ["x"]}, {"health": ["x"]},
        {"before": ["conf-nowhere"]}, {"publish": ["a:b"]}, {"publish": ["abc"]}, {"expose": ["80-70"]},
    ):  # fmt: skip
        s.call("GET", "/containers/json", query={"all": "1", "filters": filters})
    for filters in ("garbage", '{"name":"x"}', "[]", '{"name":{"a":1}}'):
        s.call("GET", "/containers/json", query={"filters": filters})
    s.call("GET", "/containers/json", query={"limit": "x"})
    s.call("GET", "/containers/json", query={"filters": {"label": ["conf"]}})
    s.call("GET", "/containers/json", query={"limit": "1", "filters": {"label": ["conf"]}})
    s.call("POST", "/containers/prune", query={"filters": {"nope": ["x"]}})
    s.call("POST", "/containers/prune", query={"filters": {"until": ["x"]}})
    s.call("POST", "/containers/prune", query={"filters": {"label": ["conf"]}})
    s.call("POST", "/containers/prune", query={"filters": {"label": ["conf"]}})


@scenario
def logs(s: Session) -> None:
    """What was written, in all the ways to ask for it."""
    s.create("conf-a", "sh", "-c", "echo one; echo err >&2; sleep 0.2; echo two; printf end")
    s.call("GET", "/containers/conf-a/logs?stdout=1")
    s.quietly("POST", "/containers/conf-a/start")
    follow = s.open("GET", "/containers/conf-a/logs?stdout=1&stderr=1&follow=1")
    s.finish(follow)
    s.wait("conf-a")
    for query in (
        "", "stdout=0", "stdout=1", "stderr=1", "stdout=1&tail=1", "stdout=1&tail=0", "stdout=1&tail=x",
        "stdout=1&tail=-5", "stdout=1&tail=all", "stdout=1&timestamps=1", "stdout=1&details=1", "stdout=1&since=x",
        "stdout=1&until=x", "stdout=1&since=4000000000", "stdout=1&until=1", "stdout=1&follow=1",
        "stdout=1&since=1.5", "stdout=1&since=1.x",
    ):  # fmt: skip
        s.call("GET", f"/containers/conf-a/logs?{query}")
    s.call("GET", "/containers/conf-a/logs?stdout=1", version="v1.41")
    s.remove("conf-a")
    s.create("conf-t", "echo", "from a terminal", Tty=True)
    s.quietly("POST", "/containers/conf-t/start")
    s.wait("conf-t")
    s.call("GET", "/containers/conf-t/logs?stdout=1&stderr=1")
    s.remove("conf-t")


@scenario
def attach(s: Session) -> None:
    """Output, input and its end, with and without a terminal."""
    s.create("conf-a", "sh", "-c", "cat; echo done >&2", OpenStdin=True, StdinOnce=True)
    s.call("POST", "/containers/conf-a/attach?stream=1&detachKeys=zzz", headers=UPGRADE)
    s.call("POST", "/containers/conf-a/attach?logs=1&stdout=1", headers=UPGRADE)
    s.call("POST", "/containers/conf-a/attach", headers=UPGRADE)
    for version, headers in (("v1.51", UPGRADE), ("v1.41", UPGRADE), ("v1.51", {})):
        opened = s.open(
            "POST", "/containers/conf-a/attach?stream=1&stdin=1&stdout=1&stderr=1", headers=headers, version=version
        )
        opened[1].read_head()
        s.quietly("POST", "/containers/conf-a/start")
        opened[1].send(b"hello\n")
        opened[1].read_until(b"hello\n")
        opened[1].half_close()
        s.finish(opened)
        s.wait("conf-a")
    s.call("POST", "/containers/conf-a/attach?logs=1&stdout=1&stderr=1", headers=UPGRADE)
    s.remove("conf-a")
    s.create("conf-t", "sh", OpenStdin=True, Tty=True)
    for keys, typed in (("", b"\x10\x11"), ("ctrl-a,b", b"\x01b")):
        opened = s.open(
            "POST", f"/containers/conf-t/attach?stream=1&stdin=1&stdout=1&detachKeys={keys}", headers=UPGRADE
        )
        opened[1].read_head()
        s.quietly("POST", "/containers/conf-t/start")
        opened[1].send(b"stty -echo; PS1=; echo a$((1+1))\n")
        opened[1].read_until(b"a2\r\n")
        opened[1].send(typed)
        assert opened[1].finish() != b""
        s.call("GET", "/containers/conf-t/json")
    s.remove("conf-t")


@scenario
def wait(s: Session) -> None:
    """The three conditions, and versions in which there were fewer."""
    s.create("conf-a", "sh", "-c", "exit 7")
    s.call("POST", "/containers/conf-a/wait?condition=nope")
    s.call("POST", "/containers/conf-a/wait")
    next_exit = s.open("POST", "/containers/conf-a/wait?condition=next-exit")
    removed = s.open("POST", "/containers/conf-a/wait?condition=removed")
    for each in (next_exit, removed):
        each[1].read_head()
    s.quietly("POST", "/containers/conf-a/start")
    s.finish(next_exit)
    s.call("POST", "/containers/conf-a/wait?condition=not-running")
    s.call("POST", "/containers/conf-a/wait?condition=nope", version="v1.29")
    s.quietly("DELETE", "/containers/conf-a")
    s.finish(removed)
    s.create("conf-b", "sh", "-c", "exit 9", HostConfig={"AutoRemove": True})
    removed = s.open("POST", "/containers/conf-b/wait?condition=removed")
    removed[1].read_head()
    s.quietly("POST", "/containers/conf-b/start")
    s.finish(removed)
    s.call("GET", "/containers/conf-b/json")


@scenario
def programs_that_cannot_start(s: Session) -> None:
    """A missing program, one that is no program, a missing working directory."""
    for command, more in (
        (("conf-nowhere",), {}),
        (("/etc/passwd",), {}),
        (("/etc",), {}),
        (("true",), {"User": "conf-nobody"}),
    ):
        s.create("conf-a", *command, **more)
        s.call("POST", "/containers/conf-a/start")
        s.call("GET", "/containers/conf-a/json")
        s.call("GET", "/containers/json", query={"all": "1", "filters": {"name": ["^/conf-a$"]}})
    s.remove("conf-a")


@scenario
def exec_sessions(s: Session) -> None:
    """Create, start, inspect, resize, and what each refuses."""
    s.create("conf-a", "sleep", "60")
    s.quietly("POST", "/containers/conf-a/start")
    for body in (
        b"", b"{", b"[]", b'{"Cmd":["a"]} x', {}, {"Cmd": []}, {"Cmd": "x"}, {"Cmd": ["true"], "DetachKeys": "zzz"},
        {"Cmd": ["true"], "User": "conf-nobody"},
    ):  # fmt: skip
        s.call("POST", "/containers/conf-a/exec", body)
    for verb in ("start", "resize?h=1&w=1"):
        s.call("POST", f"/exec/conf-nowhere/{verb}", {} if verb == "start" else None)
    s.call("GET", "/exec/conf-nowhere/json")

    both = ("sh", "-c", "echo o; echo e >&2; exit 3")
    one = s.exec("conf-a", *both)
    s.call("GET", f"/exec/{one}/json")
    s.call("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
    s.call("GET", f"/exec/{one}/json")
    s.call("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
    s.call("POST", f"/exec/{one}/start", {"Detach": True})
    for query in ("h=x&w=1", "h=1&w=-1", "h=1", ""):
        s.call("POST", f"/exec/{one}/resize?{query}")
    s.call("POST", f"/exec/{s.exec('conf-a', *both)}/start", {"Tty": False})
    s.call("POST", f"/exec/{s.exec('conf-a', *both)}/start", {}, headers=UPGRADE, version="v1.41")

    # crun gives the terminal its size from outside, perhaps a moment after the program has begun.
    terminal = ("sh", "-c", "echo o; until stty size 2>/dev/null | grep [1-9]; do :; done")
    one = s.exec("conf-a", *terminal, Tty=True)
    s.call("POST", f"/exec/{one}/start", {"Tty": True, "ConsoleSize": [33, 44]}, headers=UPGRADE)
    s.call("GET", f"/exec/{one}/json")
    one = s.exec("conf-a", *terminal, Tty=True, ConsoleSize=[11, 22])
    s.call("POST", f"/exec/{one}/start", {"Tty": False}, headers=UPGRADE)

    one = s.exec("conf-a", "true", User="1:1", Privileged=True, Env=["A=b"], WorkingDir="/tmp", DetachKeys="ctrl-a")
    s.call("GET", f"/exec/{one}/json")
    one = s.exec("conf-a", "cat", AttachStdin=True)
    opened = s.open("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
    opened[1].read_head()
    opened[1].send(b"through\n")
    opened[1].read_until(b"through\n")
    opened[1].half_close()
    s.finish(opened)
    one = s.exec("conf-a", "conf-nowhere")
    s.call("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
    s.call("GET", f"/exec/{one}/json")
    one = s.exec("conf-a", "conf-nowhere")
    s.call("POST", f"/exec/{one}/start", {"Detach": True})
    one = s.exec("conf-a", "sleep", "60")
    s.call("POST", f"/exec/{one}/start", {"Detach": True})
    s.call("GET", f"/exec/{one}/json")
    s.call("POST", f"/exec/{one}/start", {"Detach": True})
    s.call("GET", "/containers/conf-a/json")
    s.remove("conf-a")
    s.call("GET", f"/exec/{one}/json")


@scenario
def published_ports(s: Session) -> None:
    """What inspect, list and filters tell of ports, and a port that is taken."""
    bindings = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "48080"}], "82/udp": [{"HostPort": "48082"}]}
    asked = {
        "ExposedPorts": {"80/tcp": {}, "81/tcp": {}},
        "HostConfig": {"PortBindings": bindings},
        "Labels": {"c": "p"},
    }
    s.create("conf-a", "sleep", "60", **asked)
    s.call("GET", "/containers/conf-a/json")
    s.call("POST", "/containers/conf-a/start")
    s.call("GET", "/containers/conf-a/json")
    for filters in (
        {"publish": ["48080"]}, {"publish": ["48000-48090/udp"]}, {"publish": ["80"]}, {"expose": ["81"]},
        {"expose": ["82/udp"]}, {"expose": ["83"]},
    ):  # fmt: skip
        s.call("GET", "/containers/json", query={"filters": {**filters, "label": ["c=p"]}})
    s.create("conf-b", "sleep", "60", **asked)
    s.call("POST", "/containers/conf-b/start")
    s.quietly("POST", "/containers/conf-a/kill")
    s.wait("conf-a")
    s.call("GET", "/containers/conf-a/json")
    s.remove("conf-a")
    s.remove("conf-b")


@scenario
def shared_namespaces(s: Session) -> None:
    """Containers that share another one's network, processes or memory."""
    s.create("conf-a", "sleep", "60")
    for mode in ("NetworkMode", "PidMode", "IpcMode"):
        s.create("conf-b", "true", HostConfig={mode: "container:conf-a"}, record=True)
        if mode != "NetworkMode":  # what dockerd shows of the host name before a start is not what it shows after
            s.call("GET", "/containers/conf-b/json")
        s.call("POST", "/containers/conf-b/start")
        for donor in ("conf-nowhere", "") if mode != "IpcMode" else ("conf-nowhere",):
            body = {"Image": IMAGE, "HostConfig": {mode: f"container:{donor}"}}
            s.call("POST", "/containers/create", body, query={"name": "conf-c"})
            s.remove("conf-c")
    s.quietly("POST", "/containers/conf-a/start")
    s.create("conf-b", "true", HostConfig={"NetworkMode": "container:conf-a", "PidMode": "container:conf-a"})
    s.call("POST", "/containers/conf-b/start")
    s.wait("conf-b")
    s.call("GET", "/containers/conf-b/json")
    for host in (
        {"Links": ["a:b"]}, {"Dns": ["1.1.1.1"]}, {"ExtraHosts": ["a:1.2.3.4"]}, {"PublishAllPorts": True},
        {"PortBindings": {"80/tcp": []}},
    ):  # fmt: skip
        body = {"Image": IMAGE, "HostConfig": {"NetworkMode": "container:conf-a", **host}}
        s.call("POST", "/containers/create", body)
    for host in ({"NetworkMode": "container:conf-a"}, {"UTSMode": "host"}):
        s.call("POST", "/containers/create", {"Image": IMAGE, "Hostname": "h", "HostConfig": host})
    s.remove("conf-b")
    s.remove("conf-a")


@scenario
def processes(s: Session) -> None:
    """top: arguments of every kind, and containers that do not run."""
    s.create("conf-a", "sleep", "1000")
    s.call("GET", "/containers/conf-a/top")
    s.quietly("POST", "/containers/conf-a/start")
    for arguments in ("", "-ef", "aux", "-o pid,args", "-eo pid,args f", "-o comm", "--bogus", "-o x=PID", " -ef"):
        s.call("GET", "/containers/conf-a/top", query={"ps_args": arguments})
    s.quietly("POST", "/containers/conf-a/pause")
    s.call("GET", "/containers/conf-a/top", query={"ps_args": "-o pid,args"})
    s.quietly("POST", "/containers/conf-a/unpause")
    s.quietly("POST", "/containers/conf-a/kill")
    s.call("GET", "/containers/conf-a/top")
    s.call("GET", "/containers/conf-nowhere/top")
    s.remove("conf-a")


@scenario
def usage(s: Session) -> None:
    """stats: one look, two looks, and of what does not run."""
    s.create("conf-a", "sleep", "1000", HostConfig={"Memory": 1 << 26, "PidsLimit": 50})
    for query in ("stream=0", "stream=0&one-shot=1"):
        s.call("GET", f"/containers/conf-a/stats?{query}")
    s.quietly("POST", "/containers/conf-a/start")
    for query in ("stream=0", "stream=0&one-shot=1", "one-shot=1", "stream=1&one-shot=1"):
        s.call("GET", f"/containers/conf-a/stats?{query}")
    s.call("GET", "/containers/conf-a/stats?stream=0&one-shot=1", version="v1.40")
    for network in ("none", "host"):
        s.create("conf-b", "sleep", "1000", HostConfig={"NetworkMode": network})
        s.quietly("POST", "/containers/conf-b/start")
        s.call("GET", "/containers/conf-b/stats?stream=0&one-shot=1")
    for query in ("", "stream=0", "one-shot=1"):
        s.call("GET", f"/containers/conf-nowhere/stats?{query}")
    s.remove("conf-a")
    s.remove("conf-b")


@scenario
def updates(s: Session) -> None:
    """update: every field, values that cannot be, and what a container's limits do not allow."""
    s.create("conf-a", "sleep", "1000")
    s.create("conf-b", "sleep", "1000", HostConfig={"AutoRemove": True, "NanoCpus": 500000000})
    s.create("conf-c", "true")
    s.quietly("POST", "/containers/conf-a/start")
    s.quietly("POST", "/containers/conf-b/start")
    for name, body in (
        ("conf-a", b""), ("conf-a", b"null"), ("conf-a", b"[]"), ("conf-a", {}), ("conf-a", {"Memory": "x"}),
        ("conf-a", {"Memory": 1}), ("conf-a", {"Memory": 1 << 27}), ("conf-a", {"Memory": 1 << 27, "MemorySwap": -1}),
        ("conf-a", {"Memory": 1 << 27, "MemorySwap": 1 << 28}), ("conf-a", {"Memory": 1 << 29}),
        ("conf-a", {"MemorySwap": 3 << 27}), ("conf-a", {"MemoryReservation": 1 << 25}), ("conf-a", {"CpuShares": 512}),
        ("conf-a", {"CpuQuota": 50000}), ("conf-a", {"NanoCpus": 5}), ("conf-a", {"CpuPeriod": 1}),
        ("conf-a", {"CpuPeriod": 50000}), ("conf-a", {"CpusetCpus": "0"}), ("conf-a", {"CpusetCpus": "x"}),
        ("conf-a", {"PidsLimit": 100}), ("conf-a", {"PidsLimit": -5}), ("conf-a", {"CpuPercent": 1}),
        ("conf-a", {"IOMaximumIOps": 5}), ("conf-a", {"OomKillDisable": True}), ("conf-a", {"CgroupParent": "x"}),
        ("conf-a", {"Ulimits": [{"Name": "nofile", "Soft": 5, "Hard": 10}]}),
        ("conf-a", {"RestartPolicy": {"Name": "sometimes"}}),
        ("conf-a", {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 3}}),
        ("conf-a", {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}),
        ("conf-b", {"RestartPolicy": {"Name": "always"}}), ("conf-b", {"RestartPolicy": {"Name": "no"}}),
        ("conf-b", {"CpuQuota": 50000}), ("conf-b", {"CpuPeriod": 50000}), ("conf-c", {"Memory": 1 << 27}),
        ("conf-c", {"CpuQuota": 50000}), ("conf-c", {"NanoCpus": 500000000}), ("conf-nowhere", {"Memory": 1}),
        ("conf-nowhere", {}),
    ):  # fmt: skip
        s.call("POST", f"/containers/{name}/update", body)
    s.call("POST", "/containers/conf-a/update", {"PidsLimit": 30}, version="v1.39")
    for name in ("conf-a", "conf-c"):
        s.call("GET", f"/containers/{name}/json")
    for name in ("conf-a", "conf-b", "conf-c"):
        s.remove(name)


@scenario
def changed_files(s: Session) -> None:
    """What changes and export say of containers that never ran, run, and have ended."""
    script = (
        "cd /tmp; echo a >a; ln a b; ln -s a c; mkfifo p; mknod n c 1 3; chmod 4755 a; mkdir -p /made/deep; "
        "rm /bin/ash; echo >>/etc/group; echo done; sleep 9"
    )
    s.create("conf-a", "sh", "-c", script)
    s.call("GET", "/containers/conf-a/changes")
    running = s.open("POST", "/containers/conf-a/attach?stdout=1&stream=1")
    s.quietly("POST", "/containers/conf-a/start")
    running[1].read_until(b"done")
    for _ in range(2):
        s.call("GET", "/containers/conf-a/changes")
        s.listing("GET", "/containers/conf-a/export")
        s.quietly("POST", "/containers/conf-a/kill")
    running[1].close()
    for verb in ("changes", "export"):
        s.call("GET", f"/containers/conf-nowhere/{verb}")
    s.remove("conf-a")


@scenario
def mounts(s: Session) -> None:
    """Bind mounts, volumes and what is left of them."""
    s.create(
        "conf-a",
        "true",
        Volumes={"/anonymous": {}},
        HostConfig={"Binds": ["conf-volume:/named:ro", "/tmp:/bound:rslave,z", "/tmp:/plain"], "Tmpfs": {"/t": ""}},
    )
    s.call("GET", "/containers/conf-a/json")
    s.call("GET", "/containers/json", query={"all": "1", "filters": {"volume": ["conf-volume"]}})
    s.call("GET", "/containers/json", query={"all": "1", "filters": {"name": ["^/conf-a$"], "volume": ["/plain"]}})
    s.create("conf-b", "true", HostConfig={"VolumesFrom": ["conf-a:ro"]})
    s.call("GET", "/containers/conf-b/json")
    s.call("POST", "/containers/conf-b/start")
    s.wait("conf-b")
    for binds in (["/a:/b", "/c:/b"], ["/a"], ["a:b"], ["/a:/"], ["/a:/b:rw,ro"], ["x y:/b"], ["/a::"], [""]):
        s.call("POST", "/containers/create", {"Image": IMAGE, "HostConfig": {"Binds": binds}}, query={"name": "conf-c"})
        s.remove("conf-c")
    s.remove("conf-b")
    s.remove("conf-a")
    s.quietly("DELETE", "/volumes/conf-volume")


@scenario
def older_versions(s: Session) -> None:
    """The same calls by the oldest version and by ones in which something changed."""
    for version in ("v1.24", "v1.39", "v1.41", "v1.43", "v1.44", "v1.47", ""):
        s.remove("conf-a")
        body = {
            "Image": IMAGE,
            "Cmd": ["true"],
            "MacAddress": "02:42:ac:11:00:aa",
            "HostConfig": {"AutoRemove": True, "Annotations": {"a": "b"}, "ConsoleSize": [1, 2]},
        }
        answer = s.call("POST", "/containers/create", body, query={"name": "conf-a"}, version=version)
        s.ids[answer["Id"]] = "conf-a"
        s.call("GET", "/containers/conf-a/json", version=version)
        s.call("GET", "/containers/json", query={"all": "1", "filters": {"name": ["^/conf-a$"]}}, version=version)
        s.call("DELETE", "/containers/conf-a", version=version)


@scenario
def networks(s: Session) -> None:
    """Making, showing and removing networks, and what is refused."""
    mine = {"label": ["conf=net"]}
    labels = {"Labels": {"conf": "net"}}
    s.quietly("POST", "/networks/prune", query={"filters": mine})
    for number, config in enumerate(
        (
            {}, {"IPAM": {"Options": {"a": "b"}}}, {"Internal": True, "Attachable": True},
            {"Options": {"com.docker.network.bridge.enable_icc": "0", "com.docker.network.driver.mtu": "1400"}},
            {"IPAM": {"Driver": "default", "Config": [
                {"Subnet": "198.19.3.0/24", "Gateway": "198.19.3.5", "IPRange": "198.19.3.128/25",
                 "AuxiliaryAddresses": {"x": "198.19.3.130"}}]}},
            {"IPAM": {"Config": [{"Subnet": "198.19.2.0/24"}]}},
        )
    ):  # fmt: skip
        made = s.call("POST", "/networks/create", {"Name": f"conf-net{number}", **labels, **config})
        s.ids[made["Id"]] = f"net{number}"
        s.call("GET", f"/networks/conf-net{number}")
    s.call("GET", "/networks", query={"filters": {"driver": ["bridge"], "label": ["conf=net"], "name": ["conf-net4"]}})
    s.call("POST", "/networks/create", {"Name": "conf-net0", "CheckDuplicate": True})
    for body in (
        {}, {"Name": 5}, {"Name": "host"}, {"Name": "default"}, {"Name": "n", "Driver": "nonesuch"},
        {"Name": "n", "Driver": "overlay"}, {"Name": "n", "Driver": "null"}, {"Name": "n", "Scope": "swarm"},
        {"Name": "n", "Ingress": True}, {"Name": "n", "EnableIPv4": False}, {"Name": "n", "Options": {"a": 1}},
        {"Name": "n", "ConfigFrom": {"Network": "nonesuch"}}, {"Name": "n", "IPAM": {"Driver": "nonesuch"}},
        {"Name": "n", "IPAM": {"Config": {}}},
        {"Name": "n", "IPAM": {"Config": [{"Subnet": "198.19.2.0/25"}]}},
    ):  # fmt: skip
        s.call("POST", "/networks/create", body)
    for config in (
        {"Subnet": "198.18.0.5/24"}, {"Subnet": "x"}, {"Gateway": "198.18.0.5"},
        {"Subnet": "198.18.0.0/24", "Gateway": "198.18.1.1", "IPRange": "198.18.1.0/25"},
        {"Subnet": "198.18.0.0/24", "Gateway": "x", "IPRange": "198.18.0.0/16"},
        {"Subnet": "198.18.0.0/24", "IPRange": "198.18.0.5/25", "AuxiliaryAddresses": {"a": "198.18.1.1"}},
    ):  # fmt: skip
        s.call("POST", "/networks/create", {"Name": "n", "IPAM": {"Config": [config]}})
    for option, value in (
        ("bridge.enable_icc", "x"), ("bridge.enable_ip_masquerade", ""), ("driver.mtu", "x"), ("driver.mtu", "-1"),
        ("bridge.host_binding_ipv4", "x"), ("bridge.gateway_mode_ipv4", "x"),
    ):  # fmt: skip
        s.call("POST", "/networks/create", {"Name": "n", "Options": {f"com.docker.network.{option}": value}})
    s.call("DELETE", "/networks/conf-net0")
    s.call("DELETE", "/networks/conf-net0")
    for name in ("bridge", "host", "none"):
        s.call("DELETE", f"/networks/{name}")
    for filters in ({"x": ["y"]}, {"until": ["x"]}, mine | {"until": ["2000-01-01"]}, mine | {"label!": ["conf"]}):
        s.call("POST", "/networks/prune", query={"filters": filters})
    s.call("POST", "/networks/prune", query={"filters": {"label": ["conf=net"], "label!": ["other"]}})


@scenario
def containers_in_networks(s: Session) -> None:
    """Containers in networks that somebody made: addresses, names, files, and what they see of each other."""
    s.remove("conf-a")
    s.remove("conf-b")
    for name, config in (("conf-lan", {"Subnet": "198.19.5.0/24"}), ("conf-lan2", None), ("conf-in", None)):
        s.quietly("DELETE", f"/networks/{name}")
        ipam = {"IPAM": {"Config": [config]}} if config else {}
        made = s.quietly("POST", "/networks/create", {"Name": name, "Internal": name == "conf-in", **ipam})
        s.ids[made["Id"]] = name
    endpoints = {
        "conf-lan": {"Aliases": ["web", "Big"], "IPAMConfig": {"IPv4Address": "198.19.5.77"}},
        "conf-lan2": {"Aliases": ["far"]},
        "conf-in": {},
    }
    network = {"NetworkingConfig": {"EndpointsConfig": endpoints}, "HostConfig": {"NetworkMode": "conf-lan"}}
    s.create("conf-a", "sleep", "60", Hostname="host", record=True, **network)
    s.call("GET", "/containers/conf-a/json")
    s.call("POST", "/containers/conf-a/start")
    s.call("GET", "/containers/conf-a/json")
    s.call("GET", "/containers/json", query={"filters": {"network": ["conf-lan2"]}})
    s.call("GET", "/networks/conf-lan")
    s.create("conf-b", "cat", "/etc/resolv.conf", HostConfig={"NetworkMode": "conf-lan"})
    s.call("POST", "/containers/conf-b/start")
    s.wait("conf-b")
    s.call("GET", "/containers/conf-b/logs", query={"stdout": "1"})
    s.call("GET", "/containers/conf-b/json")
    for name in ("web", "big", "conf-a", "host", "conf-a.conf-lan"):
        s.create("conf-b", "nslookup", "-type=a", name, HostConfig={"NetworkMode": "conf-lan"})
        s.quietly("POST", "/containers/conf-b/start")
        s.wait("conf-b")
        s.call("GET", "/containers/conf-b/logs", query={"stdout": "1"})
    for wants in ({"IPAMConfig": {"IPv4Address": "198.19.6.1"}}, {"IPAMConfig": {"IPv4Address": "x"}}):
        body = {"Image": IMAGE, "HostConfig": {"NetworkMode": "conf-lan"}}
        s.call("POST", "/containers/create", body | {"NetworkingConfig": {"EndpointsConfig": {"conf-lan": wants}}})
    taken = {"conf-lan": {"IPAMConfig": {"IPv4Address": "198.19.5.77"}}}
    s.create("conf-b", "true", NetworkingConfig={"EndpointsConfig": taken}, HostConfig={"NetworkMode": "conf-lan"})
    s.call("POST", "/containers/conf-b/start")
    s.remove("conf-b")
    s.call("DELETE", "/networks/conf-lan")
    s.quietly("POST", "/containers/conf-a/kill")
    s.wait("conf-a")
    s.call("GET", "/containers/conf-a/json")
    s.call("GET", "/networks/conf-lan")
    for name in ("conf-lan", "conf-lan2", "conf-in"):
        s.quietly("DELETE", f"/networks/{name}")
    s.remove("conf-a")


@scenario
def connecting(s: Session) -> None:
    """Containers that are connected and disconnected, while they run and while they do not."""
    s.remove("conf-a")
    s.remove("conf-b")
    for name, config in (("conf-lan", {"Subnet": "198.19.7.0/24"}), ("conf-lan2", None), ("conf-in", None)):
        s.quietly("DELETE", f"/networks/{name}")
        ipam = {"IPAM": {"Config": [config]}} if config else {}
        made = s.quietly("POST", "/networks/create", {"Name": name, "Internal": name == "conf-in", **ipam})
        s.ids[made["Id"]] = name
    s.create("conf-a", "sleep", "60", HostConfig={"NetworkMode": "conf-lan"})
    s.quietly("POST", "/containers/conf-a/start")
    s.create("conf-b", "sleep", "60", Hostname="host")

    def change(verb: str, network: str, **body: object) -> None:
        s.call("POST", f"/networks/{network}/{verb}", {"Container": "conf-a", **body})

    change("connect", "conf-lan")
    address = {"IPAMConfig": {"IPv4Address": "198.19.7.2"}}
    for network, wants in (
        ("conf-lan", {"IPAMConfig": {"IPv4Address": "198.19.8.1"}}), ("conf-lan2", address), ("nonesuch", {}),
        ("host", {}), ("none", {}), ("bridge", {"Aliases": ["a"]}),
    ):  # fmt: skip
        change("connect", network, EndpointConfig=wants)
    s.call("POST", "/networks/conf-lan/connect", {"Container": "nonesuch"})
    s.call("POST", "/networks/conf-lan/connect", {})
    for network in ("conf-lan2", "bridge", "conf-in"):
        change("connect", network, **({} if network == "bridge" else {"EndpointConfig": {"Aliases": ["x"]}}))
        s.call("GET", "/containers/conf-a/json")
    for network in ("conf-lan2", "conf-lan2", "host", "nonesuch", "conf-lan", "bridge"):
        change("disconnect", network)
    s.call("GET", "/containers/conf-a/json")
    change("disconnect", "conf-in")
    s.call("GET", "/containers/conf-a/json")
    change("connect", "conf-lan", EndpointConfig=address)
    s.call("GET", "/containers/conf-a/json")
    s.call("POST", "/networks/conf-lan/disconnect", {"Container": "nonesuch"})
    for network in ("conf-lan", "conf-lan", "bridge"):
        s.call("POST", f"/networks/{network}/connect", {"Container": "conf-b"})
    s.call("GET", "/containers/conf-b/json")
    for network in ("bridge", "bridge"):
        s.call("POST", f"/networks/{network}/disconnect", {"Container": "conf-b"})
    s.call("POST", "/containers/conf-b/start")
    s.call("GET", "/containers/conf-b/json")

    def see() -> None:
        for container, command in (
            ("conf-a", ("nslookup", "-type=a", "host")), ("conf-b", ("nslookup", "-type=a", "conf-a")),
            ("conf-a", ("ip", "route")), ("conf-b", ("ping", "-c1", "-w9", "-q", "conf-a")),
            ("conf-a", ("grep", "198", "/etc/hosts")), ("conf-a", ("cat", "/etc/resolv.conf")),
        ):  # fmt: skip
            exec_id = s.exec(container, *command)
            if "ping" in command:
                s.quietly("POST", f"/exec/{exec_id}/start", {})
                s.call("GET", f"/exec/{exec_id}/json")
            else:
                s.call("POST", f"/exec/{exec_id}/start", {})

    see()
    s.create("conf-a", "sleep", "60")  # on the default network, which has no names
    s.quietly("POST", "/containers/conf-a/start")
    change("connect", "conf-lan", EndpointConfig=address)
    change("disconnect", "bridge")
    see()
    s.remove("conf-a")
    s.remove("conf-b")
    for name in ("conf-lan", "conf-lan2", "conf-in"):
        s.call("DELETE", f"/networks/{name}")


@scenario
def archives(s: Session) -> None:
    """What paths of a container are, running and not: links, folders asked for by a slash, volumes, what is missing."""
    script = "mkdir -p /d/sub; echo x >/d/file; ln -s /nowhere /d/broken; ln -s /d/sub /d/to; ln -s loop /d/loop; "
    script += "ln /d/file /d/twice; mkfifo /d/fifo; chmod 4711 /d/file; sleep 1000"
    s.create("conf-files", "sh", "-c", script, HostConfig={"Binds": ["conf-volume:/vol", "/usr:/rom:ro"]})
    paths = ("/", "etc", "/etc/", "/etc/.", "/.", "..", "/etc/hosts/", "/etc/hosts/x", "/nowhere", "/nowhere/x", "/vol")
    for path in (*paths, "", "/etc/mtab", "/etc/mtab/", "/proc", "/dev/null", "/dev/console", "/.dockerenv"):
        s.path_stat("conf-files", path)
    s.quietly("POST", "/containers/conf-files/start")
    s.quietly("POST", f"/exec/{s.exec('conf-files', 'sh', '-c', WAIT_FOR_D)}/start", {})
    for path in (*paths, "/d/file", "/d/broken", "/d/to", "/d/to/", "/d/loop", "/d/fifo", "/d/sub/../file"):
        s.path_stat("conf-files", path)
    for path in ("/d", "/d/", "/d/.", "/d/to", "/d/to/", "/d/file", "/vol", "/proc"):
        s.listing("GET", f"/containers/conf-files/archive?path={path}")
    for path in ("", "/nowhere", "/d/file/", "/d/loop/", "a%00b"):
        s.call("GET", f"/containers/conf-files/archive?path={path}")
    for path in (
        "",
        "/nowhere",
        "/d/file",
        "/d/file/",
        "/d/file/x",
        "/d/broken",
        "/d/loop",
        "/rom",
        "/rom/lib",
        "a%00b",
    ):
        s.call("PUT", f"/containers/conf-files/archive?path={path}", tar_of({"f": b"x"}))
    for method in ("HEAD", "GET", "PUT"):
        s.call(method, "/containers/conf-nowhere/archive?path=/")
        s.call(method, "/containers/conf-files/archive")
    s.remove("conf-files")
    s.create("conf-files", "true", HostConfig={"Binds": ["conf-volume:/vol", "/usr:/rom:ro"], "ReadonlyRootfs": True})
    for path in ("/", "/tmp", "/rom", "/vol"):
        s.call("PUT", f"/containers/conf-files/archive?path={path}", tar_of({"f": b"x"}))
    s.remove("conf-files")
    s.quietly("DELETE", "/volumes/conf-volume")


@scenario
def archives_that_are_sent(s: Session) -> None:
    """What becomes of members of every kind, and what dockerd says of those that it does not take."""
    s.create("conf-taker", "sleep", "1000", User="7:nogroup", HostConfig={"Binds": ["conf-volume:/vol"]})

    def put(body: bytes, more: str = "", path: str = "/tmp") -> None:
        s.call("PUT", f"/containers/conf-taker/archive?path={path}{more}", body)

    def one(*members: Member) -> None:
        put(archive(*members))

    one(folder("sub"), member("sub/file", b"x", mode=0o6711, uid=5, gid=6), member("./deep/er/file", b"y"))
    one(symlink("out", "../../etc/passwd"), symlink("abs", "/far/away"), member("abs/file", b"z"))
    one(hard_link("twice", "sub/file"), hard_link("rooted", "/sub/file"), member("/absolute", b"a"))
    one(member("fifo", type=b"6"), member("device", type=b"3", devmajor=1, devminor=3), member(".wh.kept", b""))
    for bad in ("../x", "a/../../x", "..", "a/.."):
        one(member(bad, b"x"))
    one(hard_link("h", "../x"))
    one(hard_link("h", "missing"))
    one(hard_link("h", "sub"))
    one(member("odd", type=b"Z"))
    one(member("sub/file/below", b"x"))
    put(archive(member("vol", b"x")), path="/")
    for more in ("&noOverwriteDirNonDir=1", ""):
        put(archive(member("deep", b"x")), more)
        put(archive(folder("absolute")), more)
    for body in (b"", b"x" * 20, b"x" * 2000, archive(member("cut", b"1" * 5000))[:2000], gzip.compress(b"")):
        put(body)
    put(gzip.compress(tar_of({"unzipped": b"1"})))
    put(gzip.compress(tar_of({"cut": b"1"}))[:60])
    put(bz2.compress(tar_of({"unpacked": b"1"})))
    put(archive(member("owned", b"x", uid=5)), "&copyUIDGID=1")
    s.listing("GET", "/containers/conf-taker/archive?path=/tmp")
    for user in ("7", "nobody", "7:8", "who", ""):
        s.create("conf-taker", "true", User=user)
        put(archive(member("owned", b"x", uid=5, gid=6)), "&copyUIDGID=1")
        if user != "who":
            s.listing("GET", "/containers/conf-taker/archive?path=/tmp/owned")
    s.remove("conf-taker")
    s.quietly("DELETE", "/volumes/conf-volume")


@scenario
def commits(s: Session) -> None:
    """Images made of containers: configuration, history, and what cannot be meant."""
    keys = {"Env": ["A=1"], "Labels": {"a": "b"}, "WorkingDir": "/w", "ExposedPorts": {"80/tcp": {}}, "Hostname": "h"}
    s.create("conf-source", "sleep", "1000", Volumes={"/v": {}}, Healthcheck={"Test": ["CMD", "true"]}, **keys)

    def commit(query: dict[str, str], body: object = None) -> None:
        found = s.call("POST", "/commit", body, query={"container": "conf-source", **query})
        if "Id" in found:
            s.ids[found["Id"].removeprefix("sha256:")] = "the image"
            s.records[-1]["body"] = normalise.value(found, s.ids)
            s.call("GET", f"/images/{found['Id']}/history")
            del s.records[-1]["body"][1:]  # the base may have other names on that machine
            details = s.call("GET", f"/images/{found['Id']}/json")
            kept = {key: details[key] for key in ("RepoTags", "Comment", "Author", "Config", "Parent", "Architecture")}
            s.records[-1]["body"] = normalise.value(kept, s.ids)
            s.quietly("DELETE", f"/images/{found['Id']}", query={"force": "1"})

    commit({"repo": "conf-image", "tag": "x", "comment": "a <b>", "author": "me"})
    s.quietly("POST", "/containers/conf-source/start")
    commit({"repo": "conf-image"})
    commit({"pause": "0"}, {"Cmd": ["x"], "Env": ["B=2", "A=3"], "Labels": {"m": "2"}, "User": "5"})
    commit({"pause": "0"}, {"Entrypoint": ["/e"], "Volumes": {"/u": {}}, "Healthcheck": {"Retries": 2}})
    commit({}, {})
    commit({}, {"HostConfig": {"Memory": 1}})
    commit({"changes": 'ENV Q=1\nCMD foo\nLABEL z=y\nEXPOSE 81\nWORKDIR sub\nENTRYPOINT ["/e"]'})
    commit({"changes": 'ENTRYPOINT ["/e"]\nUSER me\nVOLUME /u\nSTOPSIGNAL SIGINT\nONBUILD RUN x'})
    for query in ({"container": ""}, {"container": "conf-nowhere"}, {"repo": "UPPER"}, {"repo": "a", "tag": "b:c"},
                  {"repo": "busybox@sha256:" + "0" * 64}, {"changes": "FROM x"}, {"changes": "RUN x"}):  # fmt: skip
        commit(query)
    for body in (b"{", {"Hostname": 5}, {"HostConfig": {"Memory": "x"}}, b"[]"):
        commit({}, body)
    s.call("POST", "/commit", {}, query={"container": "conf-source"}, headers={"Content-Type": "text/plain"})
    s.remove("conf-source")


WAIT_FOR_D = "until test -p /d/fifo && test -u /d/file; do usleep 1000; done"
