"""Holds each request to the socket's policy: finds out what it names, asks the policy, and narrows what may go on.

Called by compat_api.dispatch between a route and its handler, on sockets that have a policy. What is decided is
compat_api.access.policy; here the engine is asked for the objects, under their full ids, which then stand in the place
of what the client wrote: between the look and the deed no name can come to mean another object.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from compat_api.access import policy as words
from compat_api.access.rules import Rule, rule_of
from compat_api.problems import Problem
from engine.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from compat_api.access.policy import Policy, Reference
    from compat_api.models.containers import CreateBody, UpdateBody
    from compat_api.models.execs import ExecCreateBody
    from compat_api.models.networks import ConnectBody, DisconnectBody, NetworkCreateBody
    from compat_api.models.volumes import VolumeCreateBody
    from compat_api.request import Request
    from engine import Engine
    from engine.containers.record import Container
    from engine.images.record import Image
    from engine.images.reference import Reference as ImageName


class Denied(Problem):
    """The socket's policy is against it; told as dockerd tells what an authorization plugin denies."""

    status = 403

    def __init__(self, reason: str) -> None:
        super().__init__(f"authorization denied by plugin {words.PLUGIN}: {reason}")


class Guard:
    """One socket's policy over one engine."""

    def __init__(self, policy: Policy, engine: Engine) -> None:
        self._policy = policy
        self._objects = Objects(policy, engine)

    async def admit(self, request: Request) -> None:
        """Let a request go on to its handler, narrowed where the policy says so; raises Denied and what is missing."""
        route = request.route
        rule = rule_of(route.method, route.path)
        if rule is None:
            raise Denied(f"no policy knows {route.method} {route.path}")
        if self._policy.read_only and not rule.reads:
            raise Denied("the socket is read-only")
        if not (self._policy.scoped or self._policy.denied):
            return
        if self._policy.scoped and rule.scope == "never":
            raise Denied(f"{route.method} {route.path} cannot be held to {self._policy.filter}")
        await request.call(self._check_target, request, rule)
        for check in _CHECKS.get((route.method, route.path.replace(":.*}", "}")), ()):
            await check(self, request)
        if self._policy.scoped and rule.scope == "listed":
            self._only_own(request)

    def _check_target(self, request: Request, rule: Rule) -> None:
        objects, name = self._objects, request.name
        match rule.target:
            case "container":
                found = objects.container(name)
                request.pin(found.id)
            case "exec":
                session = objects.engine.containers.exec_get(name)
                found = objects.container(session.container_id)
                if rule.enters and words.PRIVILEGED in self._policy.denied and session.config.privileged:
                    raise Denied("a privileged exec session is denied")
            case "image":
                objects.image(name, common=rule.scope == "checked")
                return
            case "network":
                request.pin(objects.network(name, common=rule.scope == "checked"))
                return
            case "volume":
                objects.volume(name)
                return
            case _:
                return
        if rule.enters:
            objects.check_made(found)

    def _only_own(self, request: Request) -> None:
        """Answer a list, a prune or the events for the label's objects only."""
        filters = request.query.filters()
        for kind in ("before", "since"):
            for name in filters.get(kind, ()):
                if request.route.path == "/containers/json":
                    self._objects.container(name)
                elif request.route.path == "/images/json":
                    self._objects.image(name, common=True)
        labels = [*filters.get("label", ()), self._policy.filter]
        chosen = filters | {"label": list(dict.fromkeys(labels))}
        request.query.replace("filters", json.dumps(chosen))

    # -- requests whose bodies and parameters say what they are about

    async def create(self, request: Request) -> None:
        """Check a container that is to be made."""
        from compat_api.create_request import adapt, records

        body: CreateBody = await request.body(required=True)
        adapt(body, request.version)
        config, host, endpoints = records(body)
        if problem := words.problem_of(self._policy, host):
            raise Denied(problem)
        labels = self._labels(config.labels)
        for mount in host.mounts or ():
            if isinstance(given := (mount.volume_options or {}).get("Labels"), dict):
                self._labels(given)
        await request.call(self._objects.check_all, words.named_by(config, host, endpoints))
        self._write_labels(request, labels)

    async def exec(self, request: Request) -> None:
        """Check an exec session that is to be made."""
        body: ExecCreateBody = await request.body()
        if body.privileged and words.PRIVILEGED in self._policy.denied:
            raise Denied("a privileged exec session is denied")

    async def update(self, request: Request) -> None:
        """Check a change of a container's limits."""
        from engine.containers.config import HostConfig
        from engine.state.codec import from_plain

        body: UpdateBody = await request.body()
        if problem := words.problem_of(self._policy, from_plain(HostConfig, body.model_dump())):
            raise Denied(problem)

    async def connect(self, request: Request) -> None:
        """Check what is to be connected to a network, or disconnected from it."""
        body: ConnectBody | DisconnectBody = await request.body()
        endpoint = getattr(body, "endpoint_config", None)  # to disconnect takes none
        links = (endpoint.links if endpoint else None) or ()
        await request.call(self._connects, request, body.container, [link.partition(":")[0] for link in links])

    def _connects(self, request: Request, name: str, links: list[str]) -> None:
        if name:
            found = self._objects.container(name)
            self._objects.check_made(found)
            request.rewrite(Container=found.id)
        for link in links:
            self._objects.container(link)

    async def volume(self, request: Request) -> None:
        """Check a volume that is to be made."""
        body: VolumeCreateBody = await request.body()
        if problem := words.volume_problem(self._policy, body.driver_opts):
            raise Denied(problem)
        if words.HOST_MOUNTS in self._policy.denied and body.driver not in ("", "local", "default"):
            raise Denied(f"the volume driver {body.driver} is denied")
        labels = self._labels(body.labels)
        if body.name:
            await request.call(self._objects.volume, body.name, missing=True)
        self._write_labels(request, labels)

    async def network(self, request: Request) -> None:
        """Check a network that is to be made."""
        body: NetworkCreateBody = await request.body()
        if problem := words.network_problem(self._policy, body.driver, body.options):
            raise Denied(problem)
        labels = self._labels(body.labels)
        if body.config_from is not None and body.config_from.network:
            await request.call(self._objects.network, body.config_from.network, common=False)
        self._write_labels(request, labels)

    async def commit(self, request: Request) -> None:
        """Check an image that is to be made of a container."""
        body: CreateBody = await request.body()
        self._labels(body.labels)
        self._keep_label(request)
        query = request.query
        await request.call(self._commits, request, query.get("repo"), query.get("tag"))

    def _commits(self, request: Request, repository: str, tag: str) -> None:
        if name := request.query.get("container"):
            found = self._objects.container(name)
            self._objects.check_made(found)
            request.query.replace("container", found.id)
        self._objects.free_name(repository, tag)

    async def tag(self, request: Request) -> None:
        """Check the name that an image is to have."""
        await request.call(self._objects.free_name, request.query.get("repo"), request.query.get("tag"))

    async def pull(self, request: Request) -> None:
        """Check what is to be pulled, or imported."""
        query = request.query
        name, tag = query.get("fromImage"), query.get("tag")
        if not name:
            if query.get("fromSrc") != "-" and words.HOST_NETWORK in self._policy.denied:
                raise Denied("fetching from the host's network is denied")
            self._keep_label(request)
            await request.call(self._objects.free_name, query.get("repo"), tag)
            return
        if not self._policy.scoped:
            return
        await request.call(self._objects.pulled, name, tag)

    async def usage(self, request: Request) -> None:
        """Have only the label's objects be told of."""
        if self._policy.scoped:
            request.scope = self._policy.filter

    async def names(self, request: Request) -> None:
        """Check every image that is to be saved."""
        for name in [request.name] if request.name else request.query.all("names"):
            await request.call(self._objects.repository, name)

    async def push(self, request: Request) -> None:
        """Check every image that is to be pushed: where no tag is given, all of a repository are."""
        from engine.images.reference import parse, parse_target

        name, tag = request.name, request.query.get("tag")
        target = parse_target(parse(name).name, tag) if tag else None
        await request.call(self._objects.repository, target.full if target is not None else name)

    async def load(self, request: Request) -> None:
        """Check every image of an archive, as it comes."""
        if self._policy.scoped:
            request.check_image = self._objects.loaded

    async def build(self, request: Request) -> None:
        """Check a build, and bind what comes of its Dockerfile."""
        from compat_api.build_options import ulimits
        from engine.build.request import Bounds
        from engine.containers.config import HostConfig

        query = request.query
        more = {name: query.get(name) for name in ("cgroupparent", "securityopt")}
        if problem := words.build_problem(self._policy, query.get("networkmode"), more):
            raise Denied(problem)
        if problem := words.problem_of(self._policy, HostConfig(ulimits=ulimits(query))):
            raise Denied(problem)
        host_network = words.HOST_NETWORK not in self._policy.denied
        if not self._policy.scoped:
            request.bounds = Bounds(host_network=host_network, fetch=host_network)
            return
        label, objects = self._policy.filter, self._objects
        for name in query.all("t"):
            await request.call(objects.free_name, name)
        request.bounds = Bounds(
            labels=self._policy.labelled(None) or {},
            use=lambda image: objects.own_image(image, common=True),
            make=lambda image: objects.own_image(image, common=False),
            name=objects.free_name,
            host_network=host_network,
            fetch=host_network,
            caches=label,
        )

    async def checkpoint(self, request: Request) -> None:
        """Check where a checkpoint is to lie."""
        from engine import go_json

        if words.HOST_MOUNTS not in self._policy.denied:
            return
        if any(request.query.get(name) for name in ("dir", "checkpoint-dir")):
            raise Denied("a folder of the host is denied")
        if request.method == "POST" and request.route.path.endswith("/checkpoints"):
            try:
                given = await request.reading(lambda body: go_json.loads(body or b"{}"))
            except ValueError:
                return  # which the handler says of it
            if isinstance(given, dict) and any(key.lower() == "checkpointdir" and given[key] for key in given):
                raise Denied("a folder of the host is denied")

    def _labels(self, given: Mapping[str, str] | None) -> dict[str, str] | None:
        """Return the labels of what is to be made; None where the policy asks for none. Raises Denied."""
        if not self._policy.scoped:
            return None
        labels = self._policy.labelled(given)
        if labels is None:
            raise Denied(f"the label {self._policy.filter} cannot be another")
        return labels

    def _write_labels(self, request: Request, labels: dict[str, str] | None) -> None:
        if labels is not None:
            request.rewrite(Labels=labels)

    def _keep_label(self, request: Request) -> None:
        """Have the image that is to be made carry the label, whatever instructions say."""
        if not self._policy.scoped:
            return
        if any("label" in text.lower() for text in request.query.all("changes")):
            raise Denied("changing labels is denied")
        request.labels = self._policy.labelled(None) or {}
        request.may_name = self._objects.free_name


_CHECKS: dict[tuple[str, str], tuple[Any, ...]] = {
    ("POST", "/containers/create"): (Guard.create,),
    ("POST", "/containers/{name}/exec"): (Guard.exec,),
    ("POST", "/containers/{name}/update"): (Guard.update,),
    ("POST", "/containers/{name}/start"): (Guard.checkpoint,),
    ("GET", "/containers/{name}/checkpoints"): (Guard.checkpoint,),
    ("POST", "/containers/{name}/checkpoints"): (Guard.checkpoint,),
    ("POST", "/networks/{name}/connect"): (Guard.connect,),
    ("POST", "/networks/{name}/disconnect"): (Guard.connect,),
    ("POST", "/networks/create"): (Guard.network,),
    ("POST", "/volumes/create"): (Guard.volume,),
    ("POST", "/commit"): (Guard.commit,),
    ("POST", "/images/{name}/tag"): (Guard.tag,),
    ("POST", "/images/create"): (Guard.pull,),
    ("GET", "/system/df"): (Guard.usage,),
    ("GET", "/images/get"): (Guard.names,),
    ("GET", "/images/{name}/get"): (Guard.names,),
    ("POST", "/images/{name}/push"): (Guard.push,),
    ("POST", "/images/load"): (Guard.load,),
    ("POST", "/build"): (Guard.build,),
}


class Objects:
    """The engine's objects, as far as a policy lets them be touched; every method is to be called off the loop."""

    def __init__(self, policy: Policy, engine: Engine) -> None:
        self._policy, self.engine = policy, engine

    def container(self, name: str) -> Container:
        """Return a container of the policy's. Raises Denied, NoSuchContainer."""
        found = self.engine.containers.get(name)
        self._own("container", name, found.config.labels)
        return found

    def check_made(self, container: Container, seen: frozenset[str] = frozenset()) -> None:
        """Raise Denied when a container has what the policy denies, also by another whose namespaces it is in."""
        if not self._policy.denied or container.id in seen:
            return
        host = container.host
        mounts = container.definition.mounts
        if problem := words.problem_of(self._policy, host, mounts, made=True):
            raise Denied(problem)
        for point in mounts:
            if point.type == "volume" and point.name:
                self._check_volume_options(point.name)
        for mode in (host.network_mode, host.pid_mode, host.ipc_mode):
            kind, _, name = mode.partition(":")
            if kind == "container" and name:
                try:
                    donor = self.engine.containers.get(name)
                except NotFound:
                    continue  # there is nothing to get from it any more
                self.check_made(donor, seen | {container.id})

    def check_all(self, references: list[Reference]) -> None:
        """Check every object that a new container names. Raises Denied and what is missing."""
        for each in references:
            match each.kind:
                case "container":
                    found = self.container(each.name)
                    if each.use == "join":
                        self.check_made(found)
                case "image":
                    self.image(each.name, common=True)
                case "network":
                    self.network(each.name, common=True)
                case _:
                    self.volume(each.name, missing=not self._policy.scoped)

    def image(self, name: str, *, common: bool) -> Image:
        """Return an image of the policy's, or with common one that is everybody's. Raises Denied, NoSuchImage."""
        found = self.engine.images.resolve(name)
        self._own("image", name, found.config.labels, common=common)
        return found

    def repository(self, name: str) -> None:
        """Check what a name stands for and, where it has no tag, whatever else has the name with one.

        Raises Denied, NoSuchImage.
        """
        from engine.images import reference

        wanted = reference.parse_any(name)
        tagged = []
        if not isinstance(wanted, str) and not wanted.tag and not wanted.digest:
            tagged = [each for each in self._names() if each.name == wanted.name]
        for text in [each.full for each in tagged] or [name]:
            self.image(text, common=True)

    def _names(self) -> Iterator[ImageName]:
        """Yield the names of all images."""
        from engine.errors import InvalidReference
        from engine.images.reference import parse

        for image in self.engine.store.images():
            for text in image.names:
                with suppress(InvalidReference):
                    yield parse(text)

    def own_image(self, image: Image, *, common: bool) -> None:
        """Raise Denied unless an image is of the policy's, or with common everybody's."""
        self._own("image", image.id[:12], image.config.labels, common=common)

    def loaded(self, labels: Mapping[str, str], names: list[str]) -> None:
        """Check an image of an archive. Raises Denied."""
        self._own("image", ", ".join(names) or "of the archive", labels)
        for name in names:
            self.free_name(name)

    def network(self, name: str, *, common: bool) -> str:
        """Return the id of a network of the policy's, or a built-in one with common. Raises Denied, NoSuchNetwork."""
        found = self.engine.networks.resolve(name)
        if found.driver == "host" and words.HOST_NETWORK in self._policy.denied:
            raise Denied("the host's network is denied")
        if not (common and found.name in words.BUILT_IN):
            self._own("network", name, found.definition.labels)
        return found.id

    def volume(self, name: str, *, missing: bool = False) -> None:
        """Raise Denied unless a volume is of the policy's, or with missing not there at all."""
        try:
            found = self.engine.volumes.get(name)
        except NotFound:
            if missing:
                return
            if self._policy.scoped:
                raise Denied(f"the volume {name} is not there: create it first") from None
            raise
        self._own("volume", name, found.definition.labels)
        self._check_volume_options(name)

    def free_name(self, repository: str, tag: str = "") -> None:
        """Raise Denied when an image's new name is one that an image of another has."""
        from engine.images.reference import parse_target

        if self._policy.scoped and repository:
            self._named(lambda: parse_target(repository, tag), common=False)

    def pulled(self, name: str, tag: str) -> None:
        """Raise Denied when what is to be pulled would take its name from another's image."""
        from compat_api.handlers.image_transfers import wanted

        self._named(lambda: wanted(name, tag), common=True)

    def _named(self, read: Callable[[], ImageName | None], *, common: bool) -> None:
        """Check what has a name, read by what the handler reads it with: a tag replaces the repository's."""
        from engine.errors import InvalidReference

        with suppress(NotFound, InvalidReference):  # the name is free, or the handler says what is wrong with it
            if (name := read()) is not None:
                if not name.tag and not name.digest:
                    raise Denied("every tag of a repository cannot be taken at once")
                self.image(name.full, common=common)

    def _check_volume_options(self, name: str) -> None:
        try:
            options = self.engine.volumes.get(name).definition.options
        except NotFound:
            return
        if problem := words.volume_problem(self._policy, options):
            raise Denied(problem)

    def _own(self, kind: str, name: str, labels: Mapping[str, str] | None, *, common: bool = False) -> None:
        owner = self._policy.owner(labels)
        if owner == "foreign" or (owner == "common" and not common):
            raise Denied(f"the {kind} {name} is not of {self._policy.filter}")
