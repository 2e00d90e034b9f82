"""What a container is made of and uses: mounts, limits, processes, files."""

from __future__ import annotations

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session


@scenario
def mounts(s: Session) -> None:
    """Bind mounts, volumes and what is left of them."""
    s.create(
        "conf-a",
        "true",
        Volumes={"/anonymous": {}},
        HostConfig={"Binds": ["conf-volume:/named:ro", "/srv:/bound:rslave,z", "/srv:/plain"], "Tmpfs": {"/t": ""}},
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
