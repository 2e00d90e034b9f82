"""From the query and headers of POST /build to what the engine is asked for, in dockerd's words for what is wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compat_api import versions
from compat_api.problems import BadRequest, Problem
from compat_api.query import go_integer
from engine import go_json
from engine.build.request import Bounds, BuildRequest
from engine.containers.config import HostConfig, LogConfig, Ulimit
from engine.errors import NotImplementedHere
from engine.go_text import go_quote

if TYPE_CHECKING:
    from compat_api.query import Query
    from compat_api.request import Request
    from engine.images.reference import Reference
    from engine.registry.hosts import Credentials
    from engine.storage.source import Readable

REGISTRIES = "X-Registry-Config"
OFFICIAL = "https://index.docker.io/v1/"
_ISOLATIONS = ("", "default")
_KINDS: dict[type, str] = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}


class NoBuildKit(NotImplementedHere):
    """A build by BuildKit is asked for."""

    def __init__(self) -> None:
        super().__init__("this engine has no BuildKit")


def build_request(request: Request, archive: Readable) -> BuildRequest:
    """Return what a request asks for. Raises BadRequest, NoBuildKit."""
    query = request.query
    if "securityopt" in query:
        raise BadRequest("security options are not supported on linux")
    force = query.flag("forcerm")
    if request.since(versions.BUILD_HAS_OUTPUTS):
        _outputs(query)
    shm = _shm(query.get("shmsize"))
    isolation = query.get("isolation")
    if isolation.lower() not in _ISOLATIONS:
        raise BadRequest(f"unsupported isolation: {go_quote(isolation)}")
    limits = ulimits(query)
    build_args = _texts(query, "buildargs", "error reading build args", "*string")
    labels = _texts(query, "labels", "error reading labels", "string")
    cache_from = _list(query, "cachefrom", "error reading cache-from")
    version = query.get("version")
    if version not in ("", "1", "2"):
        raise BadRequest(f"invalid version {go_quote(version)}")
    if query.flag("squash"):
        raise BadRequest("squash is only supported with experimental mode")
    if version == "2":
        raise NoBuildKit
    remote = query.get("remote")
    if remote == "client-session":
        raise BadRequest(
            "experimental session with v1 builder is no longer supported, use builder version v2 (BuildKit) instead"
        )
    build_arguments = dict(build_args)
    epoch = build_arguments.pop("SOURCE_DATE_EPOCH", None)
    return BuildRequest(
        archive=None if remote else archive,
        remote=remote,
        dockerfile=query.get("dockerfile") or "Dockerfile",
        tags=query.all("t"),
        build_args=build_args if epoch is None else {**build_arguments, "SOURCE_DATE_EPOCH": epoch},
        labels={name: value or "" for name, value in labels.items()},
        target=query.get("target"),
        platform=query.get("platform") if request.since(versions.IMPORT_TAKES_PLATFORM) else "",
        no_cache=query.flag("nocache"),
        cache_from=cache_from,
        pull=query.flag("pull"),
        remove=force or not query.get("rm") or query.flag("rm"),
        always_remove=force,
        host=HostConfig(
            log_config=LogConfig(type="none"),
            network_mode=_network(query.get("networkmode")),
            cgroup_parent=query.get("cgroupparent"),
            cpu_shares=_number(query, "cpushares"),
            cpu_period=_number(query, "cpuperiod"),
            cpu_quota=_number(query, "cpuquota"),
            cpuset_cpus=query.get("cpusetcpus"),
            cpuset_mems=query.get("cpusetmems"),
            memory=_number(query, "memory"),
            memory_swap=_number(query, "memswap"),
            shm_size=shm,
            isolation=isolation,
            ulimits=limits or None,
            extra_hosts=query.all("extrahosts") or None,
        ),
        credentials=_credentials(request.header(REGISTRIES)),
        epoch=_epoch(epoch),
        bounds=request.bounds or Bounds(),
    )


def _shm(text: str) -> int:
    try:
        return go_integer(text) if text else 0
    except BadRequest as error:
        raise Problem(str(error)) from None  # of which dockerd makes a failure of its own


def _network(mode: str) -> str:
    return "bridge" if mode in ("", "default") else mode


def _number(query: Query, name: str) -> int:
    """Return a number; what is none is 0, as for dockerd."""
    try:
        return query.integer(name)
    except BadRequest:
        return 0


def _epoch(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(f"invalid SOURCE_DATE_EPOCH: {text}")
    return min(int(text), (1 << 33) - 1)


def _loaded(query: Query, name: str, words: str) -> Any:
    try:
        return go_json.loads(query.get(name))
    except go_json.SyntaxProblem as problem:
        text = "unexpected end of JSON input" if problem.end or str(problem) == "EOF" else str(problem)
        raise BadRequest(f"{words}: {text}") from None
    except go_json.TrailingContent:
        raise BadRequest(f"{words}: invalid character after top-level value") from None


def _refuse(words: str, value: object, kind: str) -> BadRequest:
    return BadRequest(f"{words}: json: cannot unmarshal {_KINDS.get(type(value), 'null')} into Go value of type {kind}")


def _texts(query: Query, name: str, words: str, kind: str) -> dict[str, str | None]:
    if not query.get(name):
        return {}
    found = _loaded(query, name, words)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _refuse(words, found, f"map[string]{kind}")
    for key, value in found.items():
        if value is not None and not isinstance(value, str):
            name = _KINDS.get(type(value), "null")
            raise BadRequest(f"{words}: json: cannot unmarshal {name} into Go struct field .{key} of type string")
    return found


def _list(query: Query, name: str, words: str) -> list[str]:
    if not query.get(name):
        return []
    found = _loaded(query, name, words)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _refuse(words, found, "[]string")
    for value in found:
        if value is not None and not isinstance(value, str):
            raise _refuse(words, value, "string")
    return [value or "" for value in found]


def ulimits(query: Query) -> list[Ulimit]:
    """Return the limits of the processes of RUN. Raises BadRequest."""
    if not query.get("ulimits"):
        return []
    words = "error reading ulimit settings"
    found = _loaded(query, "ulimits", words)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _refuse(words, found, "[]*units.Ulimit")
    limits = []
    for each in found:
        if not isinstance(each, dict):
            raise _refuse(words, each, "units.Ulimit")
        fields = {str(key).lower(): value for key, value in each.items()}
        name, soft, hard = fields.get("name") or "", fields.get("soft") or 0, fields.get("hard") or 0
        if not isinstance(name, str):
            raise BadRequest(
                f"{words}: json: cannot unmarshal {_KINDS.get(type(name), 'null')} into Go struct field "
                "Ulimit.Name of type string"
            )
        for field, value in (("Soft", soft), ("Hard", hard)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise BadRequest(
                    f"{words}: json: cannot unmarshal {_KINDS.get(type(value), 'null')} into Go struct field "
                    f"Ulimit.{field} of type int64"
                )
        limits.append(Ulimit(name=name, soft=soft, hard=hard))
    return limits


def _outputs(query: Query) -> None:
    """Look at outputs, which are BuildKit's: dockerd's own builder reads them and does nothing with them."""
    if query.get("outputs"):
        words = "invalid outputs specified"
        found = _loaded(query, "outputs", words)
        if found is not None and not isinstance(found, list):
            raise _refuse(words, found, "[]build.ImageBuildOutput")
        for each in found or ():
            if not isinstance(each, dict):
                raise _refuse(words, each, "build.ImageBuildOutput")


def _credentials(header: str) -> Callable[[Reference], Credentials | None] | None:
    """Return what finds the credentials for an image's registry; a header that cannot be read holds none."""
    if not header:
        return None
    from compat_api.registry_auth import decode

    try:
        bare = header.replace("-", "+").replace("_", "/").rstrip("=")
        found = json.loads(base64.b64decode(bare + "=" * (-len(bare) % 4)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    known = {str(key): value for key, value in found.items() if isinstance(value, dict)}

    def find(reference: Reference) -> Credentials | None:
        domain = "index.docker.io" if reference.domain == "docker.io" else reference.domain
        key = OFFICIAL if reference.domain == "docker.io" else domain
        if key in known:
            return decode(json.dumps(known[key]))
        for name, value in known.items():
            if name.removeprefix("http://").removeprefix("https://").split("/", 1)[0] == domain:
                return decode(json.dumps(value))
        return None

    return find
