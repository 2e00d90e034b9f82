"""Images: lists, names, removal and pruning, archives that come in and go out. Every image is made here."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tests.conformance import normalise
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Session
from tests.harness.tars import archive, folder, hard_link, member, symlink
from tests.harness.tars import files as tar_of

NAMES = "conf-img"  # how every name begins that these scenarios give
_FOLDER = re.compile(r"/\S*/docker-import-\d+/")
PLATFORM = {"architecture": "amd64", "os": "linux"}


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def config_of(layers: Sequence[bytes], **keys: Any) -> bytes:
    """Return an image's configuration."""
    steps = [{"created": "2024-01-02T03:04:05Z", "created_by": f"step {number}"} for number in range(len(layers))]
    rootfs = {"type": "layers", "diff_ids": [digest_of(each) for each in layers]}
    document = {**PLATFORM, "config": {}, "created": "2024-01-02T03:04:05Z", "history": steps, "rootfs": rootfs}
    return json.dumps({**document, **keys}).encode()


def docker_archive(*images: tuple[list[str] | None, bytes, Sequence[bytes]], **more: bytes) -> bytes:
    """Return what an old `docker save` writes: names, configuration and layers of each image."""
    contents: dict[str, bytes] = {}
    listed = []
    for names, config, layers in images:
        paths = []
        for layer in layers:
            paths.append(f"{hashlib.sha256(layer).hexdigest()}/layer.tar")
            contents[paths[-1]] = layer
        contents[path := f"{hashlib.sha256(config).hexdigest()}.json"] = config
        listed.append({"Config": path, "RepoTags": names, "Layers": paths})
    return tar_of({**contents, "manifest.json": json.dumps(listed).encode(), **more})


class Images:
    """A session that knows the images of these scenarios by name."""

    def __init__(self, session: Session) -> None:
        self.s = session
        self.clear()

    def clear(self) -> None:
        """Remove all images that these scenarios make."""
        for image in self.s.quietly("GET", "/images/json", query={"all": "1"}):
            tags = image["RepoTags"] or []
            own = [tag for tag in tags if NAMES in tag]
            if own and own != tags:  # another name of an image that is not ours
                for tag in own:
                    self.s.quietly("DELETE", f"/images/{tag}")
            elif own or image["Id"].removeprefix("sha256:") in self.s.ids:
                self.s.quietly("DELETE", f"/images/{image['Id']}", query={"force": "1"})

    def load(self, data: bytes, record: bool = True, **query: str) -> None:
        """Load an archive; what is said of progress is left out, as its lines depend on time."""
        self.s.call("POST", "/images/load", data, query=query, headers={"Content-Type": "application/x-tar"})
        if not record:
            self.s.records.pop()
            return
        record_lines(self.s)

    def add(self, name: str, contents: dict[str, bytes], *more: dict[str, bytes], tags: int = 1, **keys: Any) -> str:
        """Load an image without writing it down; returns its id."""
        layers = [tar_of(each) for each in (contents, *more)]
        config = config_of(layers, **keys)
        names = [f"{NAMES}-{name}:{number or 'latest'}" for number in range(tags)]
        self.load(docker_archive((names or None, config, layers)), record=False)
        self.s.ids[hashlib.sha256(config).hexdigest()] = name
        return digest_of(config)

    def list(self, **query: Any) -> None:
        """List images, and write down those of these scenarios."""
        self.s.call("GET", "/images/json", query=query)
        body = self.s.records[-1]["body"]
        if isinstance(body, list):
            ours = [each for each in body if "<" in each["Id"] and "hex" not in each["Id"]]
            self.s.records[-1]["body"] = sorted(ours, key=lambda each: str(each["Id"]))


def record_lines(s: Session) -> None:
    """Write down a stream of JSON lines without those that tell of progress."""
    body = s.records[-1]["body"]
    if isinstance(body, dict):
        body = [body]
    if isinstance(body, list):
        for line in body:
            if "error" in line:  # dockerd unpacks archives into a folder first, and names it
                line["error"] = line["errorDetail"]["message"] = _FOLDER.sub("", line["error"])
        s.records[-1]["body"] = [line for line in body if "progressDetail" not in line or "error" in line]


@scenario
def image_lists(s: Session) -> None:
    """The list and its filters, parents, names, sizes that are shared."""
    images = Images(s)
    base = {"base": b"b" * 1000}
    images.add("one", base, {"one": b"1"}, config={"Labels": {"a": "1", "b": "2"}})
    images.add("two", base, {"two": b"22"}, tags=3, created="2024-02-01T00:00:00Z", config={"Labels": {"a": "2"}})
    images.add("bare", {"bare": b"x"}, tags=0, created="2023-01-01T00:00:00Z")
    images.list()
    images.list(**{"all": "1", "shared-size": "1", "digests": "1", "manifests": "1"})
    for filters in (
        {"reference": [f"{NAMES}-two"]}, {"reference": [f"{NAMES}-*:1"]}, {"reference": [f"{NAMES}-o?e", "x"]},
        {"reference": [f"docker.io/library/{NAMES}-one"]}, {"reference": ["["]}, {"reference": [f"{NAMES}-[ot]*"]},
        {"dangling": ["true"]}, {"dangling": ["false"]}, {"dangling": ["x"]},
        {"label": ["a"]}, {"label": ["a=1"]}, {"label": ["a=1", "b"]}, {"label": ["a=1", "a=2"]},
        {"before": [f"{NAMES}-two"]}, {"since": [f"{NAMES}-one"]}, {"before": [f"{NAMES}-nowhere"]},
        {"since": ["sha256:" + "0" * 64]}, {"until": ["2024-01-15"]}, {"until": ["x"]}, {"nonsense": ["x"]},
    ):  # fmt: skip
        images.list(filters=filters)
    images.list(filters="{")
    for version in ("v1.24", "v1.40", "v1.42", "v1.43", "v1.47"):
        s.call("GET", "/images/json", query={"filters": {"reference": [f"{NAMES}-t*"]}}, version=version)
    s.call("GET", "/system/df", query={"type": "image"})
    df = s.records[-1]["body"]
    df["Images"] = [each for each in df["Images"] if "<" in each["Id"] and "hex" not in each["Id"]]
    df["Images"].sort(key=lambda each: str(each["Id"]))
    df["LayersSize"] = bool(df["LayersSize"])
    images.clear()


@scenario
def image_details(s: Session) -> None:
    """Inspect and history: by name, id, digest, platform, and for older versions."""
    images = Images(s)
    config = {"Cmd": ["x"], "Env": ["A=<b>"], "Labels": {"l": "&"}, "ExposedPorts": {"80/tcp": {}}, "ArgsEscaped": True}
    steps = [{"created": "2024-01-01T00:00:00.5Z", "created_by": "first", "comment": "c"}]
    steps += [{"created": "2024-01-01T00:00:01Z", "created_by": "nothing", "empty_layer": True}]
    steps += [{"created": "2024-01-01T00:00:02Z", "created_by": "second"}]
    image = images.add("one", {"a": b"1"}, {"b": b"22"}, config=config, history=steps, author="me", tags=2)
    for text in (f"{NAMES}-one", f"{NAMES}-one:1", image, image[7:19], image[:15], f"{NAMES}-one@{image}", "UPPER",
                 f"{NAMES}-nowhere", "a:b:c", "sha256:" + "1" * 64, "1" * 64, "sha256:12", "a//b"):  # fmt: skip
        s.call("GET", f"/images/{text}/json")
        s.call("GET", f"/images/{text}/history")
    for platform in ('{"os":"linux","architecture":"amd64"}', '{"os":"linux","architecture":"arm64"}', "linux/amd64",
                     "{", '{"os":"linux"}', "{}"):  # fmt: skip
        s.call("GET", f"/images/{NAMES}-one/json", query={"platform": platform})
        s.call("GET", f"/images/{NAMES}-one/history", query={"platform": platform})
    s.call("GET", f"/images/{NAMES}-one/json", query={"manifests": "1"})
    s.call("GET", f"/images/{NAMES}-one/json", query={"manifests": "1", "platform": '{"os":"linux"}'})
    for version in ("v1.24", "v1.40", "v1.43", "v1.44", "v1.47", "v1.49", "v1.50"):
        s.call("GET", f"/images/{NAMES}-one/json", version=version)
    images.add("plain", {}, tags=1, config=None, history=None)
    s.call("GET", f"/images/{NAMES}-plain/json")
    s.call("GET", f"/images/{NAMES}-plain/history")
    images.clear()


@scenario
def image_names(s: Session) -> None:
    """Tags: new ones, moved ones, and texts that name nothing."""
    images = Images(s)
    one = images.add("one", {"a": b"1"})
    images.add("two", {"b": b"2"})
    for repo, tag in ((f"{NAMES}-three", ""), (f"{NAMES}-three", "x"), (f"{NAMES}-two", "latest"), ("UPPER", "x"),
                      (f"{NAMES}-y", "a:b"), ("", "x"), (f"{NAMES}-z:t", ""), (f"{NAMES}-z:t", "u"), ("sha256", "x"),
                      (f"{NAMES}-d@sha256:" + "0" * 64, ""), (f"localhost:5000/{NAMES}/deep", "v1"), ("a b", ""),
                      ("1" * 64, ""), (f"docker.io/{NAMES}", "x"), ("-x", "")):  # fmt: skip
        s.call("POST", f"/images/{NAMES}-one/tag", query={"repo": repo, "tag": tag})
    s.call("POST", f"/images/{one[7:20]}/tag", query={"repo": f"{NAMES}-byid"})
    s.call("POST", f"/images/{NAMES}-nowhere/tag", query={"repo": f"{NAMES}-y"})
    s.call("POST", f"/images/{NAMES}-one/tag")
    images.list()
    images.clear()


@scenario
def image_removal(s: Session) -> None:
    """Removal: what is untagged and deleted, in which order, and what stands against it."""
    images = Images(s)

    def remove(text: str, **query: str) -> None:
        s.call("DELETE", f"/images/{text}", query=query)

    base = {"base": b"b"}
    image = images.add("one", base, {"one": b"1"}, {"more": b"m"}, tags=3)
    remove(f"{NAMES}-one:2")
    remove(image[7:19])
    remove(f"{NAMES}-one:1", noprune="1")
    remove(f"{NAMES}-one")
    remove(f"{NAMES}-one")
    image = images.add("one", base, {"one": b"1"}, {"more": b"m"}, tags=2)
    images.add("two", base, {"two": b"2"})
    remove(image, force="1")
    remove(image)
    image = images.add("one", base, {"one": b"1"}, {"more": b"m"})
    remove(image[7:])
    images.add("one", base, {"one": b"1"}, tags=1)
    s.create("conf-user", "true", Image=f"{NAMES}-one")
    remove(f"{NAMES}-one")
    remove(digest_of(config_of([tar_of(base), tar_of({"one": b"1"})])))
    s.quietly("POST", f"/images/{NAMES}-one/tag", query={"repo": f"{NAMES}-other"})
    remove(f"{NAMES}-other")
    remove(f"{NAMES}-one", force="1")
    s.remove("conf-user")
    images.list()
    for text in ("", "%20", "UPPER", "a:b:c", "sha256:" + "1" * 64, "12345", f"{NAMES}-nowhere:x"):
        remove(text)
    remove(f"{NAMES}-two", platforms='{"os":"linux","architecture":"arm64"}')
    remove(f"{NAMES}-two", platforms="{")
    remove(f"{NAMES}-two", platforms='{"os":"linux","architecture":"amd64"}')
    images.clear()


@scenario
def images_of_running_containers(s: Session) -> None:
    """A running container keeps its image, whatever is said."""
    images = Images(s)
    s.quietly("POST", "/images/skiff-conformance/tag", query={"repo": f"{NAMES}-run"})
    s.create("conf-runner", "sleep", "1000", Image=f"{NAMES}-run")
    s.quietly("POST", "/containers/conf-runner/start")
    s.quietly("POST", "/commit", None, query={"container": "conf-runner", "repo": f"{NAMES}-made"})
    made = s.quietly("GET", f"/images/{NAMES}-made/json")["Id"]
    s.ids[made.removeprefix("sha256:")] = "made"
    s.create("conf-runner-too", "sleep", "1000", Image=f"{NAMES}-made")
    s.quietly("POST", "/containers/conf-runner-too/start")
    s.quietly("POST", "/images/prune", query={"filters": {"dangling": ["false"], "label": ["none-has-this"]}})
    for query in ({}, {"force": "1"}):
        s.call("DELETE", f"/images/{made}", query=query)
    s.call("DELETE", f"/images/{NAMES}-made")
    s.call("DELETE", f"/images/{NAMES}-made", query={"force": "1"})
    s.remove("conf-runner")
    s.remove("conf-runner-too")
    images.clear()


@scenario
def images_made_on_others(s: Session) -> None:
    """Images of images: what is hidden, what cannot go, and what goes with its last child."""
    images = Images(s)
    base = images.add("base", {"base": b"b"})
    s.create("conf-maker", "x", Image=base)
    for name in ("middle", "top"):
        made = s.quietly("POST", "/commit", None, query={"container": "conf-maker", "repo": f"{NAMES}-{name}"})["Id"]
        s.ids[made.removeprefix("sha256:")] = name
        s.create("conf-maker", "x", Image=made)
    s.remove("conf-maker")
    s.call("DELETE", f"/images/{NAMES}-middle")
    images.list()
    images.list(all="1")
    s.call("GET", f"/images/{NAMES}-top/history")
    s.call("DELETE", f"/images/{base}", query={"force": "1"})
    s.call("DELETE", f"/images/{NAMES}-base")
    images.list(filters={"dangling": ["true"]})
    s.call("POST", "/images/prune")
    s.call("DELETE", f"/images/{NAMES}-top", query={"noprune": "1"})
    images.list(all="1")
    s.call("POST", "/images/prune", query={"filters": {"until": ["2020-01-01"]}})
    images.clear()


@scenario
def image_pruning(s: Session) -> None:
    """Pruning by every filter; images with a name that these scenarios did not give have labels that none asks for."""
    images = Images(s)

    def prune(**filters: list[str]) -> None:
        s.call("POST", "/images/prune", query={"filters": filters})
        body = s.records[-1]["body"]
        if body.get("ImagesDeleted"):
            body["ImagesDeleted"] = sorted(body["ImagesDeleted"], key=str)

    def fill() -> None:
        base = {"base": b"b" * 100}
        images.add("old", base, {"o": b"1"}, tags=0, created="2020-01-01T00:00:00Z", config={"Labels": {"conf": "1"}})
        images.add("new", base, {"n": b"1"}, tags=0, created="2024-01-01T00:00:00Z", config={"Labels": {"conf": "2"}})
        images.add("kept", base, {"k": b"1"}, tags=2, created="2020-01-01T00:00:00Z", config={"Labels": {"conf": "3"}})

    fill()
    prune(label=["conf"], until=["2021-01-01"])
    prune(label=["conf=2"])
    fill()
    prune(label=["conf"], dangling=["1"])
    prune(label=["conf"], dangling=["true"])
    prune(label=["conf"], dangling=["false"], until=["2021-01-01"])
    fill()
    prune(**{"label": ["conf"], "label!": ["conf=2"], "dangling": ["false"]})
    for filters in ({"dangling": ["x"]}, {"until": ["x"]}, {"until": ["1h", "2h"]}, {"nonsense": ["1"]}):
        prune(**filters)
    s.call("POST", "/images/prune", query={"filters": "{"})
    s.call("POST", "/images/prune", version="v1.24")
    images.clear()


@scenario
def image_loads(s: Session) -> None:
    """Archives of every origin, and what is wrong with some."""
    images = Images(s)
    layers = [tar_of({"a": b"1" * 3000}), archive(folder("d"), member("d/b", b"2"), symlink("l", "d/b"))]
    config = config_of(layers)
    s.ids[hashlib.sha256(config).hexdigest()] = "loaded"
    name = f"{NAMES}-load:x"
    whole = docker_archive(([name], config, layers))
    for pack in (bytes, gzip.compress, bz2.compress):
        images.load(pack(whole))
        s.call("DELETE", f"/images/{name}")
    images.load(whole, quiet="0")
    images.load(whole)
    other = config_of(layers[:1], author="x")
    s.ids[hashlib.sha256(other).hexdigest()] = "other"
    images.load(docker_archive(([name], other, layers[:1])))
    images.list(all="1")
    images.load(docker_archive(([f"{NAMES}-m:1", f"{NAMES}-m:2"], config, layers), (None, other, layers[:1])))
    images.load(docker_archive((None, config, layers), (None, other, layers[:1])))
    images.load(docker_archive(([f"{NAMES}-twice:1"], c := config_of([layers[0]] * 2), [layers[0]] * 2)))
    s.ids[hashlib.sha256(c).hexdigest()] = "twice"
    images.load(docker_archive(([f"{NAMES}-none:1"], c := config_of([]), [])))
    s.ids[hashlib.sha256(c).hexdigest()] = "none"
    packed = [gzip.compress(each, mtime=0) for each in layers]
    images.load(docker_archive(([f"{NAMES}-packed:1"], config, packed)))
    images.list()
    images.clear()


@scenario
def bad_archives(s: Session) -> None:
    """Archives that are none, that end too early, or that say what is not so."""
    images = Images(s)
    layers = [tar_of({"a": b"1" * 3000})]
    config = config_of(layers)
    s.ids[hashlib.sha256(config).hexdigest()] = "loaded"
    name = f"{NAMES}-bad:x"
    whole = docker_archive(([name], config, layers))
    for body in (b"", b"garbage", b"garbage" * 200, bytes(10240), whole[:700], whole[:5000],
                 gzip.compress(whole)[:300], tar_of({}), tar_of({"x": b"y"}), tar_of({"manifest.json": b"{"}),
                 tar_of({"manifest.json": b"null"}), tar_of({"manifest.json": b"[]"}),
                 tar_of({"manifest.json": b"{}"}),
                 tar_of({"manifest.json": b'[{"Config":"x.json","Layers":[]}]'}),
                 tar_of({"manifest.json": b'[{"Config":"x.json","Layers":["l"]}]', "x.json": b"{"}),
                 tar_of({"manifest.json": b'[{"Config":"x.json","Layers":["l"]}]', "x.json": b"{}"}),
                 tar_of({"manifest.json": b'[{"Config":"x.json","Layers":["l"]}]', "x.json": config})):  # fmt: skip
        images.load(body)
    images.load(docker_archive(([name], config, [tar_of({"b": b"2"})])))
    images.load(docker_archive(([name], config, [*layers, *layers])))
    images.load(docker_archive((["UPPER:x"], config, layers)))
    images.load(docker_archive(([f"{NAMES}-untagged"], config, layers)))
    images.load(docker_archive(([f"{NAMES}-d@sha256:{'0' * 64}"], config, layers)))
    for bad in ([member("../x", b"y")], [hard_link("h", "missing")], [member("odd", type=b"Z")]):
        layer = archive(*bad)
        images.load(docker_archive(([name], config_of([layer]), [layer])))
    windows = config_of(layers, os="windows")
    images.load(docker_archive(([name], windows, layers)))
    linked = tar_of({"m.json": json.dumps([{"Config": "c.json", "RepoTags": [name], "Layers": ["l"]}]).encode()})
    images.load(linked)
    for platform in ('{"os":"linux","architecture":"amd64"}', '{"os":"linux","architecture":"arm64"}', "{", "linux"):
        images.load(whole, platform=platform)
    images.list(all="1")
    images.clear()


@scenario
def image_saves(s: Session) -> None:
    """What is in the archives that go out, byte by byte but for what Go's libraries decide."""
    images = Images(s)
    images.add("one", {"a": b"1"}, {"b": b"2"}, tags=2)
    two = images.add("two", {"a": b"1"}, {"c": b"3"})

    def save(path: str, **query: str) -> None:
        data = s.call("GET", path, query=query)
        if isinstance(data, bytes) and s.records[-1]["status"] == 200:
            with tarfile.open(fileobj=io.BytesIO(data)) as found:
                s.records[-1]["body"] = [_member(s, found, each) for each in found]

    save(f"/images/{NAMES}-one/get")
    save(f"/images/{NAMES}-one:1/get")
    save(f"/images/{two}/get")
    s.call("GET", f"/images/get?names={NAMES}-one&names={NAMES}-two")
    with tarfile.open(fileobj=io.BytesIO(s.quietly("GET", f"/images/get?names={NAMES}-one&names={two}"))) as found:
        s.records[-1]["body"] = sorted(found.getnames())
    images.load(docker_archive(([f"{NAMES}-none"], config_of([]), [])), record=False)
    for text in (f"{NAMES}-nowhere", f"{NAMES}-one:nowhere", "UPPER", "a:b:c", f"{NAMES}-none:latest"):
        save(f"/images/{text}/get")
    save("/images/get")
    for platform in ('{"os":"linux","architecture":"amd64"}', '{"os":"linux","architecture":"arm64"}', "{"):
        save(f"/images/{NAMES}-two/get", platform=platform)
    images.clear()


def _member(s: Session, found: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    changed = "<now>" if entry.name == "blobs/sha256" else entry.mtime
    fields = (entry.name, entry.type.decode(), f"{entry.mode:o}", f"{entry.uid}:{entry.gid}", entry.size, changed)
    return " ".join([*map(str, fields), normalise.text(_content(found, entry), s.ids)])


def _content(found: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    file = found.extractfile(entry) if entry.isfile() else None
    data = file.read() if file else b""
    return data.decode() if data[:1] in b"{[" else digest_of(data) if data else ""


@scenario
def image_imports(s: Session) -> None:
    """Imports: names, messages, changes, platforms, and what is wrong."""
    images = Images(s)
    data = tar_of({"a": b"1"})

    def take(body: bytes, *changes: str, **query: str) -> None:
        path = "/images/create?fromSrc=-" + "".join(f"&changes={quote(each)}" for each in changes)
        path += "".join(f"&{key}={quote(value)}" for key, value in query.items())
        s.call("POST", path, body)
        record_lines(s)
        body_found = s.records[-1]["body"]
        if isinstance(body_found, list) and body_found and "status" in body_found[0]:
            image = body_found[0]["status"]
            details = s.quietly("GET", f"/images/{query.get('repo', 'x')}:{query.get('tag', 'latest')}/json")
            kept = ("RepoTags", "Comment", "Author", "Architecture", "Variant", "Os", "Config", "RootFS", "Size")
            found = {key: details[key] for key in kept if key in details}
            s.records[-1]["body"] = [normalise.text(image, s.ids), normalise.value(found, s.ids)]

    repo = f"{NAMES}-imported"
    take(data, repo=repo)
    take(gzip.compress(data), repo=repo, tag="x", message="a <message>")
    take(data, 'CMD ["a","b"]', "ENV A=1 B=2", "EXPOSE 80 90/udp", "LABEL x=y", "USER me", "VOLUME /v", repo=repo)
    take(data, "WORKDIR /w", "ENTRYPOINT run it", "STOPSIGNAL 9", "ONBUILD RUN x", "HEALTHCHECK CMD x", repo=repo)
    for change in ("RUN x", "FROM x", "nonsense", "", "ENV", "EXPOSE x", "USER", "LABEL a", "HEALTHCHECK X"):
        take(data, change, repo=repo)
    for platform in ("linux/arm64", "linux/arm/v7", "windows/amd64", "x", "a/b/c/d"):
        take(data, repo=repo, platform=platform)
    for names in ({"repo": "UPPER"}, {"repo": repo, "tag": "a:b"}, {"repo": "sha256"}):
        take(data, **names)
    for body in (b"", b"garbage" * 100, data[:300], data[:600], gzip.compress(data)[:40]):
        take(body, repo=repo)
    s.call("POST", "/images/create")
    s.call("POST", "/images/create", query={"fromSrc": "http://127.0.0.1:1/x", "repo": repo})
    images.clear()


@scenario
def platforms_of_containers(s: Session) -> None:
    """Images for this platform and for others, and containers that are asked to be for one."""
    for own in ("linux/386", "linux/amd64/v2", "linux/arm/v6"):
        s.quietly("POST", f"/images/create?fromSrc=-&repo=conf-platform&tag=1&platform={own}", tar_of({"a": b"1"}))
        for asked in (
            "linux/386", "linux/amd64", "linux/amd64/v3", "linux/arm64", "linux/arm/v7", "linux/arm/v5",
            "windows/amd64", "amd64", "linux/x86_64", "i386", "foo", "a/b/c/d",
        ):  # fmt: skip
            body = {"Image": "conf-platform:1", "Cmd": ["x"]}
            made = s.call("POST", "/containers/create", body, query={"platform": asked, "name": "conf-p"})
            if "Id" in made:
                s.ids[made["Id"]] = "conf-p"
                s.records[-1]["body"]["Id"] = "<conf-p>"
                s.remove("conf-p")
        s.quietly("DELETE", "/images/conf-platform:1?force=1")
