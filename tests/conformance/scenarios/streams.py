"""What a process says and is told: logs, attach, exec sessions."""

from __future__ import annotations

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import UPGRADE, Session


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
def several_clients_of_one_input(s: Session) -> None:
    """Whose leaving ends the input of a container that is to end with it: a client's that had it, and no other's."""
    for stdin in (0, 1):
        s.create("conf-a", "sh", "-c", "while read x; do echo got $x; done; echo done", OpenStdin=True, StdinOnce=True)
        typing = s.open("POST", "/containers/conf-a/attach?stream=1&stdin=1&stdout=1", headers=UPGRADE)
        typing[1].read_head()
        s.quietly("POST", "/containers/conf-a/start")
        leaving = s.open("POST", f"/containers/conf-a/attach?stream=1&stdin={stdin}&stdout=1", headers=UPGRADE)
        leaving[1].read_head()
        typing[1].send(b"one\n")
        leaving[1].read_until(b"got one\n")
        leaving[1].close()
        if not stdin:
            typing[1].send(b"two\n")
            typing[1].read_until(b"got two\n")
            typing[1].half_close()
        s.finish(typing)
        s.wait("conf-a")
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
