"""Our document set beside dockerd's: what is the same, what differs, what is absent, and why. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from compat_api.openapi.facts import Json, facts_of, flat
from engine.lean_dataclasses import dataclass

SAME, DIFFERS, ABSENT, MORE = "the same", "differs", "absent", "more"
OPEN = "not done yet"

# Why something differs or is absent: the first pattern that is found in "METHOD PATH: PART" tells.
REASONS: tuple[tuple[str, str], ...] = (
    (r"(swarm|nodes|services|tasks|secrets|configs)[^:]*: (answer [12]|answer 404|answer 409|answer 403|body)",
     "this engine is in no swarm, so requests are answered as by a node without one"),
    (r"/(swarm|nodes|services|tasks|secrets|configs)", "this engine is in no swarm"),
    (r"/plugins", "this engine has no plugins"),
    (r"/session", "this engine has no BuildKit"),
    (r": answer (400|401|403|404|409|500|503)", "every error is described once, as the answer `default`"),
    (r": header Content-type", "a header of the request's form, checked for every body"),
    (r"(GraphDriver|DriverStatus|SystemStatus)", "the storage driver's own facts"),
    (r"ClusterVolume|ClusterOptions|ClusterInfo|Swarm\.", "this engine is in no swarm"),
    (r"(CpuCount|CpuPercent|IOMaximum|Isolation|CredentialSpec|num_procs|storage_stats|commit|privateworkingset)",
     "Windows only"),
    (r"(ImageManifestDescriptor|Descriptor|Manifests)$", "dockerd answers it with containerd's image store only"),
    (r"NetworkSettings\.Secondary", "dockerd has always null there"),
    (r"/logs: query (since|until)", "dockerd takes fractions of seconds, too"),
    (r"/logs: query details", "dockerd takes it, and does not tell"),
    (r"/archive: query", "dockerd reads it as a truth value"),
    (r"/update: body Init", "dockerd passes over it: only limits and the restart policy can be changed"),
    (r"/images/json: query digests", "dockerd 28 passes over it: digests are always told"),
    (r"/auth: answer 204", "dockerd 28.5 answers 200"),
    (r"/auth: body", "dockerd takes it, and does not tell"),
    (r"/info: .*GenericResources", "this engine is in no swarm"),
    (r"/info: .*ProductLicense", "there is no licence to be told"),
    (r"/info: .*DefaultAddressPools", "dockerd tells it where it is configured"),
    (r"/info: .*DiscoveredDevices", "no devices are discovered"),
    (r"/info: .*Containerd$", "there is no containerd"),
    (r"/version: .*Experimental", "dockerd tells it of experimental builds only"),
    (r"/version: .*BuildTime", "this is no build of dockerd"),
    (r"HEAD /_ping: answer 200", "an answer to HEAD has no body"),
    (r"/volumes.*Status", "local volumes have no status of a driver"),
    (r"/networks.*Peers", "this engine is in no swarm"),
    (r"/stats: .*networks\{\}\.(endpoint_id|instance_id)", "Windows only"),
    (r"/attach/ws: answer 200", "dockerd answers 101"),
    (r"Volumes\[\]\.Status", "local volumes have no status of a driver"),
    (r"/distribution/.*Descriptor\.", "dockerd fills in media type, digest and size only"),
    (r"/distribution/.*header", "dockerd takes it, and does not tell"),
    (r"/build: query", "dockerd takes it, and does not tell"),
    (r"/version: .*Details", "dockerd tells it, and its document does not"),
    (r"PUT /volumes/\{name\}", "only a swarm's volumes can be changed"),
    (r"(KernelMemory|VirtualSize|ContainerConfig|CheckDuplicate|BridgeNf|AllowNondistributable|BuilderSize|\.Expected)",
     "of older versions of the API"),
    (r"/events: answer 200 (status|id|from)", "of older versions of the API; dockerd sends it still"),
    (r"/commit: body", "the body is that of create; dockerd passes over these"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of an operation: its name, how it compares, and what is to be said of it."""

    part: str
    state: str
    note: str = ""


def table(theirs: Json, document: Json) -> str:
    """Return coverage.md; theirs: the facts of dockerd's document, document: ours."""
    ours = facts_of(document)
    sections, counts = [], Counter[str]()
    keys = {plain(key): key for key in ours["operations"]}
    for key in theirs["operations"]:
        found = list(compare(theirs, ours, key, keys.pop(plain(key), "")))
        counts.update(each.state for each in found)
        sections.append(_section(key, found))
    more = [f"- `{key}`" for key in keys.values()]
    lines = [
        "# Our API document beside dockerd's for 1.51",
        "",
        "Written by `make openapi` from openapi/dockerd-v1.51.json, the names and types in dockerd's document, and",
        "ours. What is listed is what the documents say; what the servers answer is compared in tests/conformance.",
        "",
        "| | parts |",
        "|---|---|",
        *(f"| {state} | {counts[state]} |" for state in (SAME, DIFFERS, ABSENT, MORE)),
        "",
        "## Operations that dockerd's document does not have",
        "",
        *more,
        "",
    ]
    return "\n".join(lines) + "\n" + "\n".join(sections)


def plain(key: str) -> str:
    """Return an operation's name without the names of its variables."""
    return re.sub(r"\{[^}]*\}", "{}", key)


def compare(theirs: Json, ours: Json, key: str, own: str) -> Iterator[Finding]:
    """Yield how each part of one of dockerd's operations stands in our document; own: its name there, "" for none."""
    their, our = theirs["operations"][key], ours["operations"].get(own)
    yield _judged(key, "path", None if our is None else "path", "path")
    if our is None:
        return
    names = {name.lower(): kind for name, kind in our["parameters"].items() if not name.startswith("path ")}
    for name, kind in their["parameters"].items():
        if not name.startswith("path "):
            yield _judged(key, name, names.pop(name.lower(), None), kind)
    for name in names:
        yield Finding(name, MORE, _reason(key, name, ""))
    yield from _schemas(theirs, ours, key, "body", their["body"], our["body"])
    for status, kind in their["responses"].items():
        known = our["responses"]
        part = f"answer {status}"
        if status not in known:
            state = SAME if int(status) >= 400 and "default" in known else ABSENT
            yield Finding(part, state, "" if state == SAME else _reason(key, part, OPEN))
        elif int(status) < 400:
            yield Finding(part, SAME)
            yield from _schemas(theirs, ours, key, part, kind, known[status])


def _schemas(theirs: Json, ours: Json, key: str, part: str, their: object, our: object) -> Iterator[Finding]:
    if their is None:
        return
    if our is None:
        yield Finding(part, ABSENT, _reason(key, part, OPEN))
        return
    theirs_flat, ours_flat = flat(theirs, their), flat(ours, our)
    for path, kind in theirs_flat.items():
        if not _below_missing(path, theirs_flat, ours_flat):
            yield _judged(key, f"{part} {path}", ours_flat.get(path), kind)
    for path in ours_flat:
        if path not in theirs_flat and not _below_missing(path, ours_flat, theirs_flat):
            yield Finding(f"{part} {path}", MORE, _reason(key, f"{part} {path}", ""))


def _below_missing(path: str, here: dict[str, str], there: dict[str, str]) -> bool:
    """Tell whether the field that a path lies in is here and not there, which is said of that field once."""
    for index, char in enumerate(path):
        above = path[:index]
        if char in ".[{" and above in here and (above not in there or there[above] == "any"):
            return True
    return False


def _judged(key: str, part: str, our: object, their: object) -> Finding:
    if our is None:
        return Finding(part, ABSENT, _reason(key, part, OPEN))
    if not _alike(our, their):
        return Finding(part, DIFFERS, _reason(key, part, f"{_text(their)} there, {_text(our)} here"))
    return Finding(part, SAME)


def _alike(our: object, their: object) -> bool:
    kinds = {str(our).replace("number", "integer"), str(their).replace("number", "integer")}
    if len(kinds) == 1 or "any" in kinds:
        return True
    loose = ({"object", "map"}, {"string", "{}[]string"}, {"string", "[]string"})  # filters, and what may be repeated
    return kinds in loose


def _text(kind: object) -> str:
    return str(kind)


def _reason(key: str, part: str, otherwise: str) -> str:
    name = f"{key}: {part}"
    return next((reason for pattern, reason in REASONS if re.search(pattern, name)), otherwise)


def _section(key: str, found: list[Finding]) -> str:
    lines = [f"## {key}", ""]
    same = [each.part for each in found if each.state == SAME]
    if same:
        lines += [f"The same ({len(same)}): {', '.join(f'`{part}`' for part in same)}", ""]
    rest = [each for each in found if each.state != SAME]
    if rest:
        lines += ["| part | | why |", "|---|---|---|"]
        lines += [f"| `{each.part}` | {each.state} | {each.note} |" for each in rest]
        lines.append("")
    return "\n".join(lines)
