"""Bodies that are hardly JSON: bytes that are no characters, halves of pairs, depth, more than one value."""

from __future__ import annotations

import hashlib
import json

from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session
from tests.harness import tars

_NO_JSON = (
    b"", b" ", b"\xfa", b"\0", b'{"\xfa":1', b'{"a":\xfa}', b"[\xc3\xa9]", b'{"a":1 \xfa\xfb}', b"tr\xfae", b"-\xfa",
    b'"\\\xfa"', b'"\\u12\xfa4"', b'"\\u12\xfa', b'"\\u12x4"', b'"\\u12x"', b'"\\ux"', b'"\\ud800\\u00x"', b'"\\u1',
    b'"\\u12`4"', b"nul", b"[" * 100_000, b'{"a":' + b"[" * 9_999 + b"!", b'{"a":' + b"[" * 20_000 + b"!",
)  # fmt: skip
_TRAILED = (
    b"1x", b"1 x", b"1\xfa", b"1]", b"1.x", b"01", b"truex", b"true x", b'"a"x', b"[]x", b"[] x",
)  # fmt: skip


def _deep(count: int) -> tuple[bytes, bytes]:
    """Return a body with something at a depth of one more than count where nobody looks, and one where it is wrong."""
    return (
        b'{"Name":"conf-deep","X":' + b'{"a":[' * (count // 2) + b"]}" * (count // 2) + b"}",
        b'{"Labels":' + b"[" * count + b"]" * count + b"}",
    )


@scenario
def bodies_that_are_no_json(s: Session) -> None:
    """What Go's decoder says of them."""
    for body in _NO_JSON + _TRAILED:
        s.call("POST", "/volumes/create", body)
    for body in (b"nullx", b"null \xfa", b"{}x", b"{} {}"):
        s.call("POST", "/volumes/create", body)
    for count in (10, 198, 200, 202, 998, 1500, 9998, 10_000):
        for body in _deep(count):
            s.call("POST", "/volumes/create", body)
        s.quietly("DELETE", "/volumes/conf-deep")
    for body in (b"[1] x", b"[]x", b'[{"Value":[1]}]', b'[{"Name":1}]', b'[null,{"value":3}]', b'[{}] "'):
        s.call("POST", "/plugins/pull", body, query={"remote": "BAD"})


@scenario
def texts_that_are_no_characters(s: Session) -> None:
    """Each byte that belongs to no character is one U+FFFD, and so is half a pair."""
    names = (b"\xfa", b"a\xc3(\xe2\x82b", b"a\xed\xa0\x80b", b"\xf4\x90\x80\x80", b"\xc0\xaf")
    for name in (*names, rb"a\ud800b", rb"\udc00", rb"a\ud83d\ude00b", rb"\\ud800", rb"\ud800\ud800", rb"\uD800\u0041"):
        s.call("POST", "/volumes/create", b'{"Name":"' + name + b'"}')
    for name in ("%e2%82", "%ed%a0%80", "%f4%90%80%80", "a%ffb"):
        s.call("GET", f"/containers/{name}/json")
    for target in (
        "containers/a%0Ab/json", "containers/a%0Db/json", "images/a%0A/json", "networks/a%0Ab", "nodes/a%0Ab",
        "volumes/a%0Ab", "exec/a%0Ab/json", "plugins/a%0Ab/json", "services/a%0Ab/logs",
    ):  # fmt: skip
        s.call("GET", f"/{target}")
    for value in (r'"\ud800"', r'"a\udfffb"', r'"\ud83d\ude00"', r'"\\ud800"'):
        s.call("GET", "/containers/json", query={"filters": f'{{"status":[{value}]}}'})


@scenario
def credentials_that_cannot_be_read(s: Session) -> None:
    """POST /auth, of which dockerd takes what is wrong for a failure of its own, and does not look at what follows."""
    for body in (None, *_NO_JSON, *_TRAILED, b'{"username":1}', b'{"password":{}}', b'{"serveraddress":[]} x'):
        s.call("POST", "/auth", body)
    for body in (b'{"serveraddress":"127.0.0.1:1"}', b'{"serveraddress":"127.0.0.1:1","username":"\\ud800\xfa"} x'):
        s.call("POST", "/auth", body)
    s.call("POST", "/auth", b'{"username":1}', headers={"Content-Type": "text/plain"})


@scenario
def texts_of_images_that_are_no_characters(s: Session) -> None:
    """What a Dockerfile, a change or a loaded configuration says is kept as characters, and all can still be listed."""
    deep = "[" * 5000 + "]" * 5000
    empty = tars.files({"x": b""})
    for change in (
        f"CMD {deep}", "CMD [1]", r'CMD ["\ud800"]', r'ENTRYPOINT ["\udfff", "a"]', "CMD [1", f"HEALTHCHECK CMD {deep}",
    ):  # fmt: skip
        query = {"fromSrc": "-", "repo": "conf-odd", "changes": change}
        s.call("POST", "/images/create", empty, query=query, headers={"Content-Type": "application/x-tar"})
        s.records[-1]["request"] = f"POST /images/create {change[:40]}"
        _configuration(s, "conf-odd")
        s.quietly("DELETE", "/images/conf-odd")
    for text in (r'CMD ["\ud800"]', "ENV A=\udcff", f"CMD {deep}", 'LABEL "a\udcff"=b', f"HEALTHCHECK CMD {deep}"):
        dockerfile = f"FROM {IMAGE}\n{text}\n".encode(errors="surrogateescape")
        context = tars.files({"Dockerfile": dockerfile})
        s.quietly("POST", "/build", context, query={"t": "conf-odd"}, headers={"Content-Type": "application/x-tar"})
        _configuration(s, "conf-odd")
        s.quietly("DELETE", "/images/conf-odd")
    s.quietly("POST", "/images/load", _odd_image(), headers={"Content-Type": "application/x-tar"})
    _configuration(s, "conf-odd:1")
    s.call("GET", "/images/conf-odd:1/history")
    s.call("GET", "/images/json", query={"filters": {"reference": ["conf-odd"]}})
    s.create("conf-a", Image="conf-odd:1", HostConfig={"NetworkMode": "none"})
    s.quietly("POST", "/commit", {}, query={"container": "conf-a", "repo": "conf-odd", "tag": "2"})
    _configuration(s, "conf-odd:2")
    s.remove("conf-a")
    for tag in ("1", "2"):
        s.quietly("DELETE", f"/images/conf-odd:{tag}")
    profile = f'{{"defaultAction":"SCMP_ACT_ALLOW","a":{deep}}}'
    s.create("conf-a", "true", HostConfig={"NetworkMode": "none", "SecurityOpt": [f"seccomp={profile}"]})
    s.call("POST", "/containers/conf-a/start")
    s.remove("conf-a")


def _configuration(s: Session, name: str) -> None:
    """Write down what an image says, or that there is none."""
    found = s.call("GET", f"/images/{name}/json").get("Config") or {}
    s.records[-1]["body"] = {key: found.get(key) for key in ("Env", "Cmd", "Entrypoint", "Healthcheck", "Labels")}


def _odd_image() -> bytes:
    """Return an archive with an image whose configuration has halves of pairs everywhere."""
    layer = tars.files({"x": b""})
    digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    odd = {"Labels": {"a": "@"}, "Env": ["A=@"], "Cmd": ["@"]}
    document = {
        "architecture": "amd64", "os": "linux", "config": odd, "history": [{"created_by": "@"}],
        "rootfs": {"type": "layers", "diff_ids": [digest]},
    }  # fmt: skip
    manifest = [{"Config": "c.json", "RepoTags": ["conf-odd:1"], "Layers": ["l.tar"]}]
    config = json.dumps(document).replace("@", r"\ud800")
    return tars.files({"c.json": config.encode(), "l.tar": layer, "manifest.json": json.dumps(manifest).encode()})
