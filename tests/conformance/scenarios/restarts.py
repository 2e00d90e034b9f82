"""Restart policies: what comes back, what is told meanwhile, and what ends it."""

from __future__ import annotations

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Session

LIVES = ("create", "destroy", "die", "kill", "rename", "restart", "start", "stop", "update")


def failing(s: Session, name: str, policy: str = "always", *, most: int = 0) -> str:
    """Start a container that fails at once; returns the time before it was made."""
    since = s.now()
    s.create(name, "sh", "-c", "exit 3", HostConfig={"RestartPolicy": {"Name": policy, "MaximumRetryCount": most}})
    s.quietly("POST", f"/containers/{name}/start")
    return since


def to_restart(s: Session, name: str, count: int = 5) -> None:
    """Wait until a container waits for its restart, after so many."""

    def look() -> bool:
        found = s.quietly("GET", f"/containers/{name}/json")
        return found["State"]["Status"] == "restarting" and found["RestartCount"] >= count

    s.until(look)


@scenario
def while_restarting(s: Session) -> None:
    """What inspect and list show, and what is refused."""
    failing(s, "conf-a")
    to_restart(s, "conf-a")
    s.call("GET", "/containers/conf-a/json")
    s.call("GET", "/containers/json", query={"filters": {"name": ["^/conf-a$"], "status": ["restarting"]}})
    s.call("POST", "/containers/conf-a/exec", {"Cmd": ["true"]})
    for verb in ("pause", "unpause", "start", "attach?stream=1&stdout=1"):
        s.call("POST", f"/containers/conf-a/{verb}")
    s.call("GET", "/containers/conf-a/top")
    s.call("DELETE", "/containers/conf-a")
    s.remove("conf-a")


@scenario
def what_ends_restarts(s: Session) -> None:
    """Stop, kill, restart, forced removal and an update, each of a container that waits for its restart."""
    verbs = {
        "conf-a": ("POST", "/stop"), "conf-b": ("POST", "/kill"), "conf-c": ("POST", "/kill?signal=HUP"),
        "conf-d": ("DELETE", "?force=1"), "conf-e": ("POST", "/restart"),
    }  # fmt: skip
    for name, (method, verb) in verbs.items():
        failing(s, name)
        to_restart(s, name)
        since = s.now()
        s.call(method, f"/containers/{name}{verb}")
        if verb != "/restart":
            s.call("GET", f"/containers/{name}/json")
            s.happened(since, container=[name], event=list(LIVES))
            continue
        # It fails again at once: only what came before that is told.
        s.until(lambda: s.quietly("GET", "/containers/conf-e/json")["State"]["Status"] == "restarting")
        s.happened(since, container=["conf-e"], event=["stop", "restart", "kill"])
    failing(s, "conf-a")
    to_restart(s, "conf-a")
    s.call("POST", "/containers/conf-a/update", {"RestartPolicy": {"Name": "no"}})
    s.until(lambda: s.quietly("GET", "/containers/conf-a/json")["State"]["Status"] == "exited")
    s.call("GET", "/containers/conf-a/json")
    for name in verbs:
        s.remove(name)


@scenario
def restarts_that_are_counted(s: Session) -> None:
    """On failure: so many times; not after success; not after a user's stop."""
    since = failing(s, "conf-a", "on-failure", most=2)
    s.until(lambda: s.quietly("GET", "/containers/conf-a/json")["State"]["Status"] == "exited")
    s.call("GET", "/containers/conf-a/json")
    s.happened(since, container=["conf-a"], event=list(LIVES))
    s.quietly("POST", "/containers/conf-a/start")
    s.until(lambda: s.quietly("GET", "/containers/conf-a/json")["State"]["Status"] == "exited")
    s.call("GET", "/containers/conf-a/json")
    s.create("conf-b", "true", HostConfig={"RestartPolicy": {"Name": "on-failure"}})
    s.quietly("POST", "/containers/conf-b/start")
    s.wait("conf-b")
    s.call("GET", "/containers/conf-b/json")
    for policy in ("always", "unless-stopped", "on-failure"):
        s.create("conf-c", "sleep", "1000", HostConfig={"RestartPolicy": {"Name": policy}})
        for verb in ("start", "stop?t=0", "start", "kill", "start", "kill?signal=HUP"):
            s.quietly("POST", f"/containers/conf-c/{verb}")
        s.call("POST", "/containers/conf-c/kill")
        s.wait("conf-c")
        s.call("GET", "/containers/conf-c/json")
    for name in ("conf-a", "conf-b", "conf-c"):
        s.remove(name)


@scenario
def signals_that_end_no_restart(s: Session) -> None:
    """With a stop signal of its own, another signal's end is followed by a restart, but for unless-stopped."""
    for policy in ("always", "unless-stopped", "on-failure"):
        s.create(
            "conf-a",
            *("sh", "-c", "trap 'exit 4' HUP; echo up; while :; do sleep 0.1; done"),
            StopSignal="SIGUSR1",
            HostConfig={"RestartPolicy": {"Name": policy}},
        )
        since = s.now()
        s.quietly("POST", "/containers/conf-a/start")
        opened = s.open("GET", "/containers/conf-a/logs?stdout=1&follow=1")
        opened[1].read_until(b"up")
        opened[1].close()
        s.call("POST", "/containers/conf-a/kill?signal=HUP")
        s.wait("conf-a")
        wanted = "exited" if policy == "unless-stopped" else "running"
        s.until(lambda wanted=wanted: s.quietly("GET", "/containers/conf-a/json")["State"]["Status"] == wanted)
        s.call("GET", "/containers/conf-a/json")
        s.happened(since, container=["conf-a"], event=list(LIVES))
        s.remove("conf-a")
