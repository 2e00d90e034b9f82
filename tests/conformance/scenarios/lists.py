"""Listing, looking at, pruning and changing containers: what the older scenarios leave out."""

from __future__ import annotations

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session


@scenario
def lists_with_filters(s: Session) -> None:
    """Every filter by a value that fits, one that does not and one that cannot be; sizes, limits, states."""
    s.create("conf-a", "sleep", "1000", Labels={"conf": "1"}, ExposedPorts={"80/tcp": {}, "90/udp": {}},
             HostConfig={"Binds": ["conf-vol:/v", "/etc:/e"]}, Hostname="h")  # fmt: skip
    one = s.quietly("GET", "/containers/conf-a/json")["Id"]
    s.create("conf-b", "sleep", "1000", Labels={"conf": "2", "x": ""}, HostConfig={"NetworkMode": "none"})
    s.create("conf-c", "sh", "-c", "exit 4", Labels={"conf": "3"})
    for name in ("conf-a", "conf-b", "conf-c"):
        s.quietly("POST", f"/containers/{name}/start")
    s.wait("conf-c")
    s.quietly("POST", "/containers/conf-b/pause")
    s.create("conf-d", "true", Labels={"conf": "4"}, HostConfig={"PortBindings": {"81/tcp": [{"HostPort": ""}]}})
    image = s.quietly("GET", f"/images/{IMAGE}/json")["Id"]
    s.ids[image.removeprefix("sha256:")] = "image"
    for query in (
        {}, {"all": "1"}, {"all": "0"}, {"all": "x"}, {"limit": "2"}, {"limit": "-1"}, {"limit": "0"},
        {"limit": "99999999999999999999"}, {"size": "1"}, {"size": "x"}, {"since": "conf-a"}, {"before": "conf-b"},
    ):  # fmt: skip
        names(s, {**query, "filters": {"label": ["conf"]}})
    for filters in (
        {"id": [one]}, {"id": [one[:12]]}, {"id": ["zz"]}, {"id": [""]}, {"name": ["conf-a"]}, {"name": ["^conf-a$"]},
        {"name": ["/conf-a"]}, {"name": ["conf-[ab]"]}, {"name": ["("]}, {"name": [""]}, {"label": ["conf=1", "x"]},
        {"label": ["x="]}, {"label!": ["x"]}, {"status": ["running"]}, {"status": ["paused", "exited"]},
        {"status": ["created"]}, {"status": ["restarting"]}, {"status": [""]},
        {"exited": ["4"]}, {"exited": ["4", "0"]},
        {"exited": ["-1"]}, {"ancestor": [IMAGE.partition(":")[0]]}, {"ancestor": [image]},
        {"ancestor": [image.removeprefix("sha256:")[:12]]}, {"ancestor": ["a b"]}, {"ancestor": [""]},
        {"before": ["conf-c"]}, {"since": ["conf-a"], "before": ["conf-d"]}, {"since": [""]}, {"since": [one[:12]]},
        {"volume": ["conf-vol"]}, {"volume": ["/v"]}, {"volume": ["/e"]}, {"volume": ["/etc"]}, {"volume": [""]},
        {"network": ["none"]}, {"network": ["bridge"]}, {"network": ["conf-nowhere"]}, {"network": [""]},
        {"publish": ["81"]}, {"publish": ["80-90/tcp"]}, {"publish": ["0"]}, {"publish": [""]}, {"publish": ["81/x"]},
        {"expose": ["80"]}, {"expose": ["90/udp"]}, {"expose": ["1-65535"]}, {"expose": ["70000"]},
        {"expose": ["90-80"]},
        {"health": ["none"]}, {"health": ["healthy"]}, {"health": [""]}, {"isolation": ["default"]},
        {"is-task": ["true"]}, {"is-task": ["false"]}, {"is-task": ["1", "0"]}, {"is-task": [""]},
        {"label": ["conf"], "status": []}, {"label": [], "name": ["conf-b"]},
    ):  # fmt: skip
        names(s, {"all": "1", "filters": filters})
    for filters in (
        '{"name":["x"]', '{"name":null}', "null", '{"name":{"conf-a":false}}', '{"name":["x"],"name":["y"]}',
        '{"name":[1]}', '"x"', '{"name":{"conf-a":true,"conf-b":true}}', "{}", " ", '["name=conf-a"]',
    ):  # fmt: skip
        names(s, {"all": "1", "filters": filters})
    s.call("GET", "/containers/json", query={"all": "1", "size": "1", "filters": {"label": ["conf"]}})
    for name in ("conf-a", "conf-b", "conf-c", "conf-d"):
        s.call("GET", f"/containers/{name}/json", query={"size": "1"})
        s.remove(name)
    s.quietly("DELETE", "/volumes/conf-vol")


def names(s: Session, query: dict[str, object]) -> None:
    """List, and write down no more than which containers were named, in which order; or what was wrong."""
    s.call("GET", "/containers/json", query=query)
    body = s.records[-1]["body"]
    if isinstance(body, list):
        s.records[-1]["body"] = [each["Names"][0] for each in body if each["Names"][0].startswith("/conf-")]


@scenario
def names_and_ids(s: Session) -> None:
    """Prefixes that fit one, several or none, and names that look like ids."""
    made = [s.create(f"conf-{number}", "true") for number in range(17)]  # two of them begin with the same digit
    digits = [each[0] for each in made]
    twice = next(digit for digit in digits if digits.count(digit) > 1)
    for verb in ("GET /json", "POST /start", "POST /rename?name=conf-x", "DELETE ", "GET /top", "POST /wait"):
        method, _, path = verb.partition(" ")
        s.call(method, f"/containers/{twice}{path}")
        record = s.records[-1]
        record["request"] = f"{verb} of a prefix of several"
        record["body"]["message"] = record["body"]["message"].replace(f": {twice}", ": <prefix>")
    s.create(made[1][:12], "true")  # a name that is the beginning of another one's id
    found = s.quietly("GET", f"/containers/{made[1][:12]}/json")
    s.records.append({"request": "a name that is a prefix, too", "body": found["Name"] == f"/{made[1][:12]}"})
    s.remove(made[1][:12])
    for name in ("a b", "%2F", "conf-0/", "conf-0/x", "..", "-", "é", "conf-0%00"):
        s.call("GET", f"/containers/{name.replace(' ', '%20').replace('é', '%C3%A9')}/json")
    for name in ("a", "-a", "a b", "a/b", "/", "//a1", "a" * 256, "é", ".", "_a", "a."):
        s.call("POST", "/containers/create", {"Image": IMAGE, "Cmd": ["true"]}, query={"name": name})
        s.remove(name)
    for number in range(17):
        s.remove(f"conf-{number}")


@scenario
def removals(s: Session) -> None:
    """v, force, link; running, paused, gone; twice."""
    for state in ("created", "running", "paused", "exited"):
        s.create("conf-a", "sleep", "1000", Volumes={"/v": {}}, HostConfig={"Binds": ["conf-vol:/w"]})
        if state != "created":
            s.quietly("POST", "/containers/conf-a/start")
        if state == "paused":
            s.quietly("POST", "/containers/conf-a/pause")
        if state == "exited":
            s.quietly("POST", "/containers/conf-a/kill")
        for query in ({}, {"v": "1"}, {"force": "x", "v": "0"}, {"force": "1", "v": "1", "link": "1"}):
            s.call("DELETE", "/containers/conf-a", query=query)
        s.remove("conf-a")
        s.call("GET", "/volumes/conf-vol")
        s.records[-1]["body"].pop("Mountpoint", None)
    s.quietly("DELETE", "/volumes/conf-vol")


@scenario
def signals_and_times(s: Session) -> None:
    """kill, stop and restart: signals of every form, times, and states they do not fit."""
    s.create("conf-a", "sh", "-c", "trap : HUP USR1; while :; do sleep 0.1; done", StopSignal="KILL")
    s.quietly("POST", "/containers/conf-a/start")
    for signal in (
        "HUP",
        "sighup",
        "1",
        "SIGUSR1",
        "64",
        "65",
        "-1",
        "x",
        "1x",
        "RTMIN+1",
        " ",
        "99999999999999999999",
    ):
        s.call("POST", "/containers/conf-a/kill", query={"signal": signal})
    for query in ({"t": "-1"}, {"t": "1.5"}, {"t": "0", "signal": "KILL"}, {"t": "0"}, {"signal": "65", "t": "0"}):
        s.call("POST", "/containers/conf-a/restart", query=query)
        s.call("POST", "/containers/conf-a/stop", query=query)
        s.call("POST", "/containers/conf-a/start")
    s.call("POST", "/containers/conf-a/pause")
    for verb in ("kill?signal=0", "pause", "resize?h=1&w=1", "unpause", "kill"):
        s.call("POST", f"/containers/conf-a/{verb}")
    for verb in ("kill?signal=x", "stop?signal=x", "restart?t=0", "kill?signal=KILL"):
        s.call("POST", f"/containers/conf-a/{verb}")
    s.call("GET", "/containers/conf-a/json")
    s.remove("conf-a")


@scenario
def checkpoints(s: Session) -> None:
    """They are an experimental feature, and answered so."""
    s.create("conf-a", "true")
    s.call("GET", "/containers/conf-a/checkpoints")
    s.call("POST", "/containers/conf-a/checkpoints", {"CheckpointID": "x"})
    s.call("DELETE", "/containers/conf-a/checkpoints/x")
    s.call("POST", "/containers/conf-a/start", query={"checkpoint": "x"})
    s.call("POST", "/containers/conf-a/start", query={"checkpoint-dir": "/x"})
    s.call("POST", "/containers/conf-nowhere/start", query={"checkpoint": "x"})
    s.remove("conf-a")


@scenario
def starts_with_bodies(s: Session) -> None:
    """Bodies that start was given of old."""
    s.create("conf-a", "true")
    for body, headers in (
        (b"", {}), (b"{}", {}), (b"null", {}), (b"x", {}), (b'{"a":1}', {}), (b'{"Binds":["/a:/b"]}', {}),
        (b"{}", {"Content-Type": "text/plain"}), (b"{\"Binds\": []}", {"Content-Type": ""}),
    ):  # fmt: skip
        s.call("POST", "/containers/conf-a/start", body, headers=headers)
        s.wait("conf-a")
    s.call("POST", "/containers/conf-a/start", {"Binds": []}, version="v1.24")
    s.remove("conf-a")


@scenario
def prunes(s: Session) -> None:
    """Every filter of prune."""
    s.create("conf-a", "true", Labels={"conf": "1", "keep": ""})
    s.create("conf-b", "true", Labels={"conf": "2"})
    s.create("conf-c", "sleep", "1000", Labels={"conf": "3"})
    s.quietly("POST", "/containers/conf-c/start")
    for filters in (
        {"label": ["conf=9"]}, {"label": ["conf"], "until": ["24h"]}, {"label": ["conf"], "until": ["2020-01-01"]},
        {"until": ["x"]}, {"until": ["1h", "2h"]}, {"until": [""]}, {"name": ["conf-a"]},
        {"label!": ["conf"], "label": ["conf"]},
        {"label": ["conf"], "label!": ["keep"]}, {"label": ["conf"], "label!": ["conf=1", "x"]}, {"label": ["conf"]},
    ):  # fmt: skip
        s.call("POST", "/containers/prune", query={"filters": filters})
    s.call("POST", "/containers/prune", query={"filters": "{"})
    for name in ("conf-a", "conf-b", "conf-c"):
        s.remove(name)


@scenario
def commits_with_changes(s: Session) -> None:
    """Every parameter of commit, and every instruction that changes can hold."""
    s.create("conf-a", "sh", "-c", "echo x >/made", Env=["A=1"], Labels={"l": "1"}, ExposedPorts={"80/tcp": {}})
    s.quietly("POST", "/containers/conf-a/start")
    s.wait("conf-a")
    for changes in (
        ["CMD echo hi", "ENTRYPOINT [\"/bin/sh\"]", "ENV B=2 C=3", "LABEL m=2", "EXPOSE 81 82/udp", "USER 1:1",
         "VOLUME /v", "WORKDIR /w", "STOPSIGNAL 9", "HEALTHCHECK NONE", "ONBUILD RUN x", "SHELL [\"/bin/sh\"]"],
        ["CMD [\"a\", \"b\"]\nENV X=y"], ["RUN x"], ["COPY a b"], ["FROM x"], ["NOPE x"], ["ENV"], ["ENV A"], ["CMD"],
        ["HEALTHCHECK --interval=1ms CMD x"], ["HEALTHCHECK CMD x"], ["EXPOSE x"], ["USER"], ["WORKDIR rel"],
        ["STOPSIGNAL x"], ["LABEL a"], ["VOLUME []"], [""], ["# comment"], ["ENV A=1 B"], ["ENTRYPOINT x y"],
    ):  # fmt: skip
        query = "&".join(["container=conf-a", "repo=conf-made", *(f"changes={quoted(each)}" for each in changes)])
        answer = s.call("POST", f"/commit?{query}")
        if "Id" in answer:
            s.ids[answer["Id"].removeprefix("sha256:")] = "made"
            config = s.quietly("GET", "/images/conf-made/json")["Config"]
            s.records.append({"request": f"config of {changes}", "body": config})
            s.quietly("DELETE", "/images/conf-made?force=1")
    for query in ("container=conf-a&author=me&comment=c%20d&pause=0", "container=conf-a&repo=UPPER", "repo=x", "",
                  "container=conf-a&repo=conf-made&tag=a:b", "container=conf-nowhere",
                  "container=conf-a&pause=x"):  # fmt: skip
        answer = s.call("POST", f"/commit?{query}")
        if "Id" in answer:
            s.call("GET", f"/images/{answer['Id']}/json")
            body = s.records[-1]["body"]
            s.records[-1]["body"] = {key: body[key] for key in ("Author", "Comment", "RepoTags", "Os", "Config")}
            s.quietly("DELETE", f"/images/{answer['Id']}")
    s.remove("conf-a")


def quoted(text: str) -> str:
    """Return a text as it stands in a query."""
    from urllib.parse import quote

    return quote(text)
