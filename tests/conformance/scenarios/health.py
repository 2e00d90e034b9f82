"""Health checks: what they find, and how that is told."""

from __future__ import annotations

from typing import Any

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Session

MILLISECOND = 1_000_000


def check(*test: str, **more: int) -> dict[str, Any]:
    """Return a check that runs once, soon, and not again while the scenario looks."""
    return {"Test": list(test), "StartPeriod": 60_000 * MILLISECOND, "StartInterval": 300 * MILLISECOND, **more}


def checked(s: Session, name: str, healthcheck: dict[str, Any], *command: str, probes: int = 1, **keys: Any) -> str:
    """Start a container and wait until it has been probed; returns the time before it started."""
    s.create(name, *(command or ("sleep", "1000")), Healthcheck=healthcheck, **keys)
    since = s.now()
    s.quietly("POST", f"/containers/{name}/start")
    s.until(lambda: len(health_of(s, name).get("Log", [])) >= probes)
    return since


def health_of(s: Session, name: str) -> dict[str, Any]:
    """Return a container's health."""
    found: dict[str, Any] = s.quietly("GET", f"/containers/{name}/json")["State"].get("Health", {})
    return found


def show(s: Session, name: str) -> None:
    """Write down what inspect and list tell."""
    s.call("GET", f"/containers/{name}/json")
    s.call("GET", "/containers/json", query={"all": "1", "filters": {"name": [f"^/{name}$"]}})


@scenario
def health_of_a_life(s: Session) -> None:
    """Before the start, after it, when it is healthy, paused, going on, stopped, started again."""
    once = {"Interval": 60_000 * MILLISECOND}
    s.create("conf-a", "sleep", "1000", Healthcheck=check("CMD-SHELL", "echo fine; id -u", **once))
    show(s, "conf-a")
    since = s.now()
    s.quietly("POST", "/containers/conf-a/start")
    s.call("GET", "/containers/json", query={"filters": {"health": ["starting"]}})
    show(s, "conf-a")
    s.until(lambda: health_of(s, "conf-a")["Status"] == "healthy")
    show(s, "conf-a")
    for state in ("healthy", "starting", "unhealthy", "none"):
        s.call("GET", "/containers/json", query={"filters": {"health": [state], "name": ["conf-a"]}})
    s.quietly("POST", "/containers/conf-a/pause")
    show(s, "conf-a")
    s.quietly("POST", "/containers/conf-a/unpause")
    show(s, "conf-a")
    s.happened(since, container=["conf-a"], event=["health_status"])
    s.happened(since, container=["conf-a"], event=["health_status: healthy"])
    s.happened(since, container=["conf-a"], type=["container"])
    s.quietly("POST", "/containers/conf-a/kill")
    s.wait("conf-a")
    show(s, "conf-a")
    s.quietly("POST", "/containers/conf-a/start")
    show(s, "conf-a")
    s.remove("conf-a")


@scenario
def probes_that_fail(s: Session) -> None:
    """Codes, missing programs, too much output, output that is no text."""
    for test in (
        ("CMD", "sh", "-c", "echo out; echo err >&2; exit 3"), ("CMD-SHELL", "exit 3", "x"), ("CMD", "conf-nowhere"),
        ("CMD", "/etc/passwd"), ("CMD", "/conf/nowhere", "x y"), ("CMD", "printf", "\\377a\\303"),
        ("CMD", "seq", "3000"),
    ):  # fmt: skip
        since = checked(s, "conf-a", {"Test": list(test), "Interval": 500 * MILLISECOND, "Retries": 1})
        s.quietly("POST", "/containers/conf-a/pause")  # no further probe
        show(s, "conf-a")
        s.happened(since, container=["conf-a"], event=["health_status", "exec_create", "exec_start", "exec_die"])
        s.remove("conf-a")


@scenario
def probes_that_take_too_long(s: Session) -> None:
    """With something said, and with a child that keeps the output open."""
    for line in ("echo begun; exec sleep 60", "sleep 60 & echo begun"):
        times = {"Interval": 500 * MILLISECOND, "Timeout": 700 * MILLISECOND, "Retries": 1}
        since = checked(s, "conf-a", {"Test": ["CMD-SHELL", line], **times})
        s.quietly("POST", "/containers/conf-a/pause")
        show(s, "conf-a")
        # Apart, because dockerd tells of the process's end before the health's change or after it.
        s.happened(since, container=["conf-a"], event=["exec_create", "exec_start", "exec_die"])
        s.happened(since, container=["conf-a"], event=["health_status"])
        s.remove("conf-a")


@scenario
def failures_that_are_counted(s: Session) -> None:
    """Within the start period none is; then so many make a container unhealthy, and one success heals it."""
    line = "test -e /healthy"
    often = {"Interval": 400 * MILLISECOND, "Retries": 2}
    checked(s, "conf-a", check("CMD-SHELL", line, **often), probes=3)
    found = health_of(s, "conf-a")
    s.quietly("POST", "/containers/conf-a/pause")
    assert (found["Status"], found["FailingStreak"]) == ("starting", 0)
    s.remove("conf-a")
    since = checked(s, "conf-a", {"Test": ["CMD-SHELL", line], **often})
    s.until(lambda: health_of(s, "conf-a")["Status"] == "unhealthy")
    s.call("GET", "/containers/json", query={"filters": {"health": ["unhealthy"], "name": ["conf-a"]}})
    exec_id = s.exec("conf-a", "touch", "/healthy")
    s.quietly("POST", f"/exec/{exec_id}/start", {"Detach": True})
    s.until(lambda: health_of(s, "conf-a")["Status"] == "healthy")
    s.until(lambda: len(health_of(s, "conf-a")["Log"]) == 5)
    assert health_of(s, "conf-a")["FailingStreak"] == 0
    s.happened(since, container=["conf-a"], event=["health_status"])
    s.remove("conf-a")


@scenario
def tests_that_check_nothing(s: Session) -> None:
    """NONE, an unknown kind, and an empty one."""
    for test in (["NONE"], ["CONF", "x"], []):
        s.create("conf-a", "sleep", "1000", Healthcheck={"Test": test, "Interval": 500 * MILLISECOND})
        s.quietly("POST", "/containers/conf-a/start")
        show(s, "conf-a")
        s.call("GET", "/containers/json", query={"filters": {"health": ["none"], "name": ["conf-a"]}})
        s.remove("conf-a")
