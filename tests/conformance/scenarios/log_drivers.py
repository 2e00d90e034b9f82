"""Log drivers and their options; how messages are framed; logs at every time of a container's life."""

from __future__ import annotations

import re
from typing import Any

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import UPGRADE, Session

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d")
NO_NETWORK = {"NetworkMode": "none"}


def logged(driver: str, **options: str) -> dict[str, Any]:
    names = {key.replace("_", "-"): value for key, value in options.items()}
    return {**NO_NETWORK, "LogConfig": {"Type": driver, "Config": names}}


def framed(s: Session, query: str, name: str = "conf-a", version: str = "v1.51") -> None:
    """Ask for logs and write down each frame: its stream, its length, and how it begins."""
    data = s.call("GET", f"/containers/{name}/logs?{query}", version=version)
    found = []
    while data:
        size = int.from_bytes(data[4:8], "big")
        text = data[8 : 8 + min(size, 12)].decode()
        found.append([data[0], size, DATE.sub("<date>", text)])
        data = data[8 + size :]
    s.records[-1]["body"] = found


@scenario
def options_of_log_drivers(s: Session) -> None:
    """What create refuses, what only the start does, and what the container and its log say then."""
    cases = [
        logged("json-file", max_size="x"), logged("json-file", max_size="0"), logged("json-file", max_size="-1k"),
        logged("json-file", max_size="1k", max_file="x"), logged("json-file", max_file="0"),
        logged("json-file", compress="x"), logged("json-file", compress="true"),
        logged("json-file", labels_regex="("), logged("json-file", tag="{{"), logged("json-file", tag="{{.Nope}}"),
        logged("json-file", max_buffer_size="1m"), logged("json-file", mode="non-blocking", max_buffer_size="x"),
        logged("json-file", mode="x"), logged("json-file", nope="x"), logged("local", tag="x"),
        logged("local", max_size="x"), logged("local", max_file="x"), logged("local", max_file="1"),
        logged("local", max_file="-1"), logged("local", compress="x"), logged("none", mode="x"), logged("nope"),
        logged("json-file", mode="non-blocking", max_buffer_size="4m", max_size="1m", max_file="2", compress="true"),
        logged("local", mode="blocking", max_size="1m"),
    ]  # fmt: skip
    for host in cases:
        s.remove("conf-a")
        answer = s.call(
            "POST",
            "/containers/create?name=conf-a",
            {"Image": "skiff-conformance:latest", "Cmd": ["echo", "x"], "HostConfig": host},
        )
        if "Id" not in answer:
            continue
        s.ids[answer["Id"]] = "conf-a"
        s.records[-1]["body"]["Id"] = "<conf-a>"
        s.call("POST", "/containers/conf-a/start")
        s.wait("conf-a")
        s.call("GET", "/containers/conf-a/logs?stdout=1")
        state = s.quietly("GET", "/containers/conf-a/json")
        kept = {key: state["State"][key] for key in ("Status", "ExitCode", "Error")}
        s.records.append({"request": "its state", "state": kept, "config": state["HostConfig"]["LogConfig"]})
    s.remove("conf-a")


@scenario
def details_of_messages(s: Session) -> None:
    """Labels, variables and tags that the driver was told to put with each message."""
    more = {"Labels": {"one": "1", "two words": "a b&c", "three": "3"}, "Env": ["A=x", "B=y=z", "C="]}
    for options in (
        {}, {"labels": "one,none"}, {"labels-regex": "^t"}, {"env": "A,B,C"}, {"env-regex": "[AB]"}, {"tag": "plain"},
        {"tag": "{{.Name}}|{{ .DaemonName }}|{{.ImageName}}|{{.Command}}", "labels": "one", "env": "A"},
    ):  # fmt: skip
        host = {**NO_NETWORK, "LogConfig": {"Type": "json-file", "Config": options}}
        s.create("conf-a", "sh", "-c", "echo one; echo two >&2", HostConfig=host, **more)
        s.quietly("POST", "/containers/conf-a/start")
        s.wait("conf-a")
        for query in ("stdout=1&details=1", "stderr=1&details=1&timestamps=1"):
            s.call("GET", f"/containers/conf-a/logs?{query}")
    s.remove("conf-a")


TAGS = (
    "{{upper .Name}}-{{.DaemonName | title}}", '{{truncate "abcdef" 3}}{{pad "x" 1 2}}|', "{{json .ContainerLabels}}",
    '{{join (split .ContainerName "-") "+"}}', '{{index .ContainerLabels "a"}}{{.ContainerLabels.none}}',
    '{{printf "%s-%5s|%-5s|%05d|%x|%q|%v" .Name "a" "b" 42 255 "q" true}}', '{{printf "%d" "x"}}{{print 1 2 "a" 3}}',
    '{{if eq .Name "conf-a"}}same{{else}}other{{end}}{{with .ContainerLabels.b}}<{{.}}>{{end}}',
    "{{len .ContainerArgs}}",
    "{{range $k, $v := .ContainerLabels}}{{$k}}={{$v}};{{end}}", "{{$x := .Name}}{{$x}}{{- \" b\" -}} c{{/* no */}}",
    '{{html "<a>"}}{{urlquery "a b/c"}}{{and .Name 1}}{{or "" 2}}{{not 0}}{{lt 1 2}}',
    "{{slice .Name 0 4}}{{.Name | }}",
    "{{}}", "{{nope}}", "{{.Name.X}}", "{{if}}x{{end}}", "{{if .Name}}x", "{{end}}", '{{"a}}', "{{upper}}",
    "{{upper 1}}",
    "{{range .Name}}x{{end}}", "{{index .ContainerArgs 9}}", "{{len 3}}", '{{eq 1 "a"}}', '{{ "a" "b" }}', "{{nil}}",
    "{{$y}}", "{{break}}", "{{ (.Name }}", "{{ .Name) }}", "{{ | .Name }}", "{{ 12x }}", '{{.Name "a"}}',
)  # fmt: skip


@scenario
def tags_made_by_templates(s: Session) -> None:
    """Functions, conditions and loops in a log's tag, and what cannot be read or carried out."""
    for tag in TAGS:
        host = {**NO_NETWORK, "LogConfig": {"Type": "json-file", "Config": {"tag": tag}}}
        s.create("conf-a", "echo", "x y", HostConfig=host, Labels={"a": "1", "b": "<2>"})
        if s.call("POST", "/containers/conf-a/start"):
            continue
        s.wait("conf-a")
        s.call("GET", "/containers/conf-a/logs?stdout=1&details=1")
    s.remove("conf-a")


@scenario
def frames_of_messages(s: Session) -> None:
    """Lines of every length, each message in a frame of its own, and how they are counted."""
    long = "x() { head -c $1 /dev/zero | tr '\\0' x; }; "
    script = "x 16383; echo; x 16384; echo; x 16385; echo; x 40000; echo; echo; sleep 0.2; echo err >&2; sleep 0.2; "
    script += "x 32768; sleep 0.1; "
    s.create("conf-a", "sh", "-c", f"{long}{script} echo; echo a; echo b; x 20000; printf end", HostConfig=NO_NETWORK)
    s.quietly("POST", "/containers/conf-a/start")
    s.wait("conf-a")
    for query in (
        "stdout=1",
        "stderr=1",
        "stdout=1&stderr=1&tail=4",
        "stdout=1&tail=1",
        "stdout=1&tail=9",
        "stdout=1&tail=2&timestamps=1",
    ):
        framed(s, query)
    framed(s, "stdout=1&tail=3", version="v1.24")
    s.remove("conf-a")


@scenario
def logs_in_every_state(s: Session) -> None:
    """Never started, running with an unfinished line, followed to a stop and a restart, paused, removed, not kept."""
    s.create("conf-a", "sh", "-c", "echo one; printf two; read x; echo three", OpenStdin=True, HostConfig=NO_NETWORK)
    s.call("GET", "/containers/conf-a/logs?stdout=1&follow=1")
    s.quietly("POST", "/containers/conf-a/start")
    follow = s.open("GET", "/containers/conf-a/logs?stdout=1&follow=1")
    follow[1].read_until(b"one\n")
    framed(s, "stdout=1")
    s.quietly("POST", "/containers/conf-a/pause")
    framed(s, "stdout=1")
    s.quietly("POST", "/containers/conf-a/unpause")
    s.quietly("POST", "/containers/conf-a/kill")
    s.finish(follow)
    s.quietly("POST", "/containers/conf-a/start")
    s.until(lambda: s.quietly("GET", "/containers/conf-a/logs?stdout=1").count(b"one") == 2)
    follow = s.open("GET", "/containers/conf-a/logs?stdout=1&follow=1&tail=0")
    follow[1].read_head()
    attached = s.open("POST", "/containers/conf-a/attach?stdin=1&stream=1", headers=UPGRADE)
    attached[1].read_head()
    attached[1].send(b"\n")
    s.finish(follow)
    attached[1].close()
    s.wait("conf-a")
    framed(s, "stdout=1")
    framed(s, "stdout=1&tail=2")
    s.create("conf-a", "sh", "-c", "echo one; sleep 1000", HostConfig=NO_NETWORK)
    s.quietly("POST", "/containers/conf-a/start")
    follow = s.open("GET", "/containers/conf-a/logs?stdout=1&follow=1")
    follow[1].read_until(b"one\n")
    s.quietly("POST", "/containers/conf-a/restart?t=0")
    s.finish(follow)
    follow = s.open("GET", "/containers/conf-a/logs?stdout=1&follow=1")
    follow[1].read_until(b"one\n")
    s.remove("conf-a")
    s.finish(follow)
    s.call("GET", "/containers/conf-a/logs?stdout=1")
    s.create("conf-a", "sh", "-c", "echo one", HostConfig=logged("none"))
    s.quietly("POST", "/containers/conf-a/start")
    s.wait("conf-a")
    s.call("GET", "/containers/conf-a/logs?stdout=1")
    s.call("POST", "/containers/conf-a/attach?logs=1&stdout=1", headers=UPGRADE)
    s.remove("conf-a")
