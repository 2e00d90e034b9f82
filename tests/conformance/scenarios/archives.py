"""Files in and out, and images of containers."""

from __future__ import annotations

import bz2
import gzip

from tests.conformance import normalise
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Session
from tests.harness.tars import Member, archive, folder, hard_link, member, symlink
from tests.harness.tars import files as tar_of

WAIT_FOR_D = "until test -p /d/fifo && test -u /d/file; do usleep 1000; done"


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
