"""Exec sessions: whose they are, when they may run, how they end, and what is told of them."""

from __future__ import annotations

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import UPGRADE, Session

TERMINAL_READY = "until stty size 2>/dev/null | grep -v '^0 0'; do usleep 1000; done; "


@scenario
def execs_and_what_they_inherit(s: Session) -> None:
    """User, folder and environment of the container and of the session; privileges; versions."""
    s.create(
        "conf-a", "sleep", "1000", User="7:8", WorkingDir="/tmp", Env=["A=1", "B=2"], Hostname="h",
        HostConfig={"NetworkMode": "none", "GroupAdd": ["9"], "CapDrop": ["ALL"]},
    )  # fmt: skip
    s.quietly("POST", "/containers/conf-a/start")
    show = "id; pwd; env | grep -v PATH | sort; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status"
    for keys in (
        {}, {"User": "1"}, {"User": "1:2"}, {"User": "root"}, {"User": "nobody:1"}, {"WorkingDir": "/"},
        {"Env": ["A=3", "C=4", "B"]}, {"Privileged": True, "User": "0"}, {"Tty": True, "AttachStderr": False},
    ):  # fmt: skip
        one = s.exec("conf-a", "sh", "-c", show, **keys)
        s.call("GET", f"/exec/{one}/json")
        s.call("POST", f"/exec/{one}/start", {"Tty": keys.get("Tty", False)}, headers=UPGRADE)
    one = s.exec("conf-a", "pwd", WorkingDir="/not/there")
    s.call("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
    for version in ("v1.24", "v1.35", "v1.41", "v1.42", "v1.51"):
        one = s.exec("conf-a", "sh", "-c", TERMINAL_READY, Tty=True)
        start = s.open(
            "POST", f"/exec/{one}/start", {"Tty": True, "ConsoleSize": [12, 34]}, headers=UPGRADE, version=version
        )
        if version < "v1.42":
            s.until(lambda one=one: s.quietly("GET", f"/exec/{one}/json")["Pid"] > 0)
            s.quietly("POST", f"/exec/{one}/resize?h=56&w=78")
        s.finish(start)
        s.call("GET", f"/exec/{one}/json", version=version)
    s.remove("conf-a")


@scenario
def execs_in_every_state(s: Session) -> None:
    """Of a container that was never started, that is paused, has stopped, or is gone; prefixes; a second start."""
    s.create("conf-a", "sleep", "1000", HostConfig={"NetworkMode": "none"})
    s.call("POST", "/containers/conf-a/exec", {"Cmd": ["true"]})
    s.call("POST", "/containers/conf-nowhere/exec", {"Cmd": ["true"]})
    s.quietly("POST", "/containers/conf-a/start")
    one = s.exec("conf-a", "true")
    s.call("GET", f"/exec/{one[:12]}/json")
    s.call("POST", f"/exec/{one}/resize?h=1&w=1")
    s.quietly("POST", "/containers/conf-a/pause")
    s.call("POST", "/containers/conf-a/exec", {"Cmd": ["true"]})
    s.call("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
    s.call("POST", f"/exec/{one}/start", {"Detach": True})
    s.call("GET", f"/exec/{one}/json")
    s.quietly("POST", "/containers/conf-a/unpause")
    s.call("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
    two, three = s.exec("conf-a", "true", name="two"), s.exec("conf-a", "sleep", "1000", name="three")
    s.call("POST", f"/exec/{three}/start", {"Detach": True})
    s.quietly("POST", "/containers/conf-a/kill")
    s.wait("conf-a")
    s.call("POST", "/containers/conf-a/exec", {"Cmd": ["true"]})
    s.call("POST", f"/exec/{two}/start", {}, headers=UPGRADE)
    s.call("POST", f"/exec/{two}/start", {"Detach": True})
    s.call("POST", f"/exec/{two}/resize?h=1&w=1")
    s.call("GET", f"/exec/{two}/json")
    s.until(lambda: not s.quietly("GET", f"/exec/{three}/json")["Running"])
    s.call("GET", f"/exec/{three}/json")
    s.remove("conf-a")
    s.call("GET", f"/exec/{two}/json")


@scenario
def execs_and_their_ends(s: Session) -> None:
    """The exit code is there with the end of the output; signals; streams that nobody wants; leaving a terminal."""
    s.create("conf-a", "sleep", "1000", HostConfig={"NetworkMode": "none"})
    s.quietly("POST", "/containers/conf-a/start")
    codes = []
    for number in range(20):
        one = s.exec("conf-a", "sh", "-c", f"echo {number}; exit {number}")
        s.quietly("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
        found = s.quietly("GET", f"/exec/{one}/json")
        codes.append([found["Running"], found["ExitCode"]])
    s.records.append({"request": "exit codes", "body": codes})
    for command in ("kill -9 $$", "kill -TERM $$", "exit 255", "exec sleep 0", "echo no newline >&2 | cat; printf x"):
        one = s.exec("conf-a", "sh", "-c", command)
        s.call("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
        s.call("GET", f"/exec/{one}/json")
    for keys in ({"AttachStdout": False}, {"AttachStderr": False}):
        one = s.exec("conf-a", "sh", "-c", "echo out; echo err >&2", **keys)
        s.call("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
    one = s.exec(
        "conf-a", "sh", "-c", "cat >/tmp/in; sleep 1000", AttachStdin=True, AttachStdout=False, AttachStderr=False
    )
    opened = s.open("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
    opened[1].read_head()
    opened[1].send(b"input")
    opened[1].half_close()
    s.finish(opened)
    s.call("GET", f"/exec/{one}/json")
    since = s.now()
    one = s.exec("conf-a", "cat", Tty=True, AttachStdin=True, DetachKeys="ctrl-x,x")
    opened = s.open("POST", f"/exec/{one}/start", {"Tty": True}, headers=UPGRADE)
    opened[1].read_head()
    opened[1].send(b"a\n")
    opened[1].read_until(b"a\r\na\r\n")
    opened[1].send(b"\x18x")
    s.finish(opened)
    s.call("GET", f"/exec/{one}/json")
    one = s.exec("conf-a", "false", name="last")
    s.quietly("POST", f"/exec/{one}/start", {}, headers=UPGRADE)
    s.happened(since, container=["conf-a"])
    s.remove("conf-a")
