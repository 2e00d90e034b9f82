"""Making containers, and what becomes of them."""

from __future__ import annotations

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, UPGRADE, Session


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
            "Binds": ["/srv:/b:ro", "conf-volume:/c"],
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": "/srv",
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
