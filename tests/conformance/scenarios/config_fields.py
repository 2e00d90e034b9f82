"""Every field of Config, with good values and bad ones."""

from __future__ import annotations

from tests.conformance.scenarios.fields import Case, try_all
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session

HOUR = 3_600_000_000_000  # nanoseconds

NAMES_AND_USERS = [
    Case("Hostname", "h", "hostname; cat /etc/hostname; tail -n 1 /etc/hosts | sed 's/.*\t//'; echo $HOSTNAME"),
    Case("Hostname", "h.with.dots", "hostname; tail -n 1 /etc/hosts | sed 's/.*\t//'"),
    Case("Hostname", "UPPER_under"),
    Case("Hostname", "a" * 64, "hostname"),
    Case("Hostname", "a" * 65, starts=True),
    Case("Hostname", "a b", "hostname"),
    Case("Hostname", "h", "hostname", {"HostConfig.NetworkMode": "none"}),
    Case("Hostname", "h", "hostname", {"HostConfig.NetworkMode": "host"}),
    Case("Domainname", "dom", "hostname; cat /proc/sys/kernel/domainname; tail -n 1 /etc/hosts | sed 's/.*\t//'",
         {"Hostname": "h"}),
    Case("Domainname", "dom", "cat /proc/sys/kernel/domainname", {"HostConfig.UTSMode": "host"}),
    Case("User", "0", "id"),
    Case("User", "daemon", "id"),
    Case("User", "1:33", "id"),
    Case("User", "nobody:wheel", "id"),
    Case("User", "1000:2000", "id"),
    Case("User", "1234", "id"),
    Case("User", "root", "id", {"HostConfig.GroupAdd": ["wheel", "77"]}),
    Case("User", "nope", starts=True),
    Case("User", "root:nope", starts=True),
    Case("User", ":", "id"),
    Case("User", ":33", "id"),
    Case("User", "-1", starts=True),
    Case("User", "4294967296", starts=True),
    Case("User", "2147483647", "id"),
    Case("User", "daemon", "echo $HOME"),
    Case("User", "www-data", "echo $HOME"),
    Case("User", "1234", "echo $HOME"),
]  # fmt: skip

PROGRAMS = [
    Case("Cmd", "echo one two"),
    Case("Cmd", [], starts=True, show=("Cmd", "Path", "Args")),
    Case("Cmd", [""], starts=True, show=("Cmd", "Path", "Args")),
    Case("Cmd", ["echo", "a b", ""], show=("Cmd", "Path", "Args")),
    Case("Cmd", None, show=("Cmd", "Entrypoint", "Path", "Args")),
    Case("Cmd", {"a": 1}),
    Case("Cmd", [1]),
    Case("Entrypoint", ["echo"], show=("Cmd", "Entrypoint", "Path", "Args")),
    Case("Entrypoint", "echo", show=("Cmd", "Entrypoint", "Path", "Args")),
    Case("Entrypoint", [], show=("Cmd", "Entrypoint", "Path", "Args")),
    Case("Entrypoint", [""], show=("Cmd", "Entrypoint", "Path", "Args")),
    Case("Entrypoint", [""], more={"Cmd": None}, show=("Cmd", "Entrypoint", "Path", "Args")),
    Case("Entrypoint", [], more={"Cmd": []}, show=("Cmd", "Entrypoint", "Path", "Args")),
    Case("Entrypoint", ["echo"], more={"Cmd": None}, show=("Cmd", "Entrypoint", "Path", "Args")),
    Case("Env", ["A=b=c", "B=", "C", "PATH=/bin"], "env | sort | grep -v HOSTNAME"),
    Case("Env", [""]),
    Case("Env", ["=x"]),
    Case("Env", ["A=1", "A=2"], "echo $A"),
    Case("Env", ["TERM=dumb"], "echo $TERM", {"Tty": True}),
    Case("Env", ["A=a\nb"], 'echo "$A"'),
    Case("WorkingDir", "/new/dir", "pwd; stat -c '%a %u:%g' /new /new/dir"),
    Case("WorkingDir", "/new/dir", "pwd; stat -c '%a %u:%g' /new /new/dir", {"User": "1:1"}),
    Case("WorkingDir", "/tmp/../etc//", "pwd"),
    Case("WorkingDir", "relative"),
    Case("WorkingDir", "/etc/passwd", starts=True),
    Case("ArgsEscaped", True),
    Case("Shell", ["/bin/other", "-c"]),
    Case("OnBuild", ["RUN x"]),
    Case("StopSignal", "SIGINT"),
    Case("StopSignal", "term"),
    Case("StopSignal", "9"),
    Case("StopSignal", "RTMIN+3"),
    Case("StopSignal", "SIGRTMAX-1"),
    Case("StopSignal", "64"),
    Case("StopSignal", "65"),
    Case("StopSignal", "0"),
    Case("StopSignal", "-1"),
    Case("StopSignal", "SIGNOPE"),
    Case("StopTimeout", 0),
    Case("StopTimeout", -1),
    Case("StopTimeout", 7),
    Case("StopTimeout", "7"),
    Case("StopTimeout", 1.5),
]  # fmt: skip

REST = [
    Case("Image", ""),
    Case("Image", "conf-nowhere"),
    Case("Image", "Conf-Nowhere"),
    Case("Image", "conf-nowhere@sha256:" + "0" * 64),
    Case("Image", "sha256:" + "0" * 64),
    Case("Image", "a b"),
    Case("Image", IMAGE.partition(":")[0]),
    Case("Image", "0" * 64),
    Case("Labels", {"a": "1", "": "x", "z.y": "<&>"}),
    Case("Labels", {"a": 1}),
    Case("Labels", ["a=b"]),
    Case("Labels", None),
    Case("Volumes", {"/a/../b": {}}, "ls -ld /b | cut -c 1-10", show=("Volumes", "Mounts")),
    Case("Volumes", {"/": {}}),
    Case("Volumes", {"": {}}),
    Case("Volumes", {"relative": {}}, show=("Volumes", "Mounts")),
    Case("Volumes", {"/a:/b": {}}, show=("Volumes", "Mounts")),
    Case("Volumes", {"/etc": {}}, "ls /etc | grep passwd", show=("Volumes", "Mounts")),
    Case("ExposedPorts", {"80": {}}),
    Case("ExposedPorts", {"80/tcp": {}, "81/udp": {}, "82/sctp": {}}),
    Case("ExposedPorts", {"80/TCP": {}}),
    Case("ExposedPorts", {"x/tcp": {}}),
    Case("ExposedPorts", {"80/xyz": {}}),
    Case("ExposedPorts", {"70000/tcp": {}}),
    Case("ExposedPorts", {"80-82/tcp": {}}),
    Case("ExposedPorts", {"0/tcp": {}}),
    Case("ExposedPorts", {"": {}}),
    Case("ExposedPorts", {"/tcp": {}}),
    Case("Tty", True, "tty; echo $TERM"),
    Case("OpenStdin", True, show=("OpenStdin", "StdinOnce", "AttachStdin")),
    Case("StdinOnce", True, show=("OpenStdin", "StdinOnce", "AttachStdin")),
    Case("AttachStdin", True, show=("AttachStdin", "AttachStdout", "AttachStderr")),
    Case("NetworkDisabled", True, "ls /sys/class/net", show=("NetworkDisabled", "NetworkSettings.Networks")),
    Case("MacAddress", "02:42:ac:11:00:aa", "cat /sys/class/net/eth0/address"),
    Case("MacAddress", "zz", starts=True),
    Case("MacAddress", "02:42:ac:11:00:aa", more={"HostConfig.NetworkMode": "none"}),
    Case("MacAddress", "02:42:ac:11:00:aa", more={"HostConfig.NetworkMode": "host"}, version="v1.43"),
    Case("Healthcheck", {"Test": ["NONE"]}),
    Case("Healthcheck", {"Test": []}),
    Case("Healthcheck", {"Test": ["CMD"]}),
    Case("Healthcheck", {"Test": ["WHAT", "x"]}),
    Case("Healthcheck", {"Test": ["CMD-SHELL", "true"], "Interval": HOUR, "Timeout": HOUR, "StartPeriod": HOUR,
                         "StartInterval": HOUR, "Retries": 2}),
    Case("Healthcheck", {"Test": ["CMD", "true"], "Interval": 5}),
    Case("Healthcheck", {"Test": ["CMD", "true"], "Timeout": 999_999}),
    Case("Healthcheck", {"Test": ["CMD", "true"], "Retries": -1}),
    Case("Healthcheck", {"Test": ["CMD", "true"], "StartPeriod": 5}),
    Case("Healthcheck", {"Test": ["CMD", "true"], "StartInterval": 5}),
    Case("Healthcheck", {"Interval": -5}),
    Case("Healthcheck", {"Test": "true"}),
    Case("Unknown", {"a": 1}, show=("Image",)),
]  # fmt: skip


@scenario
def fields_of_names_and_users(s: Session) -> None:
    """Host name, domain name, user."""
    try_all(s, NAMES_AND_USERS)


@scenario
def fields_of_programs(s: Session) -> None:
    """What is run, where, with which environment, and how it is ended."""
    try_all(s, PROGRAMS)


@scenario
def fields_of_config(s: Session) -> None:
    """Everything else of Config."""
    try_all(s, REST)
