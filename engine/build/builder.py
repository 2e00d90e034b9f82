"""Building an image from a Dockerfile: the whole of one build, in a thread of its own.

The build holds a lock as long as it lives (build/<id> in engine.locks). Its files lie in a staging folder of the store
and in RUN/build/<id>, its containers have rows in build_containers: what a killed build leaves is removed by whoever
looks next (engine.build.recover). What the build tells goes to a callback, in order.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from engine import locks
from engine.build import arguments as build_arguments
from engine.build import cache, configuring, context, git, remote, schedule
from engine.build.arguments import Arguments
from engine.build.assembly import Assembly
from engine.build.cancelling import Cancellation
from engine.build.configuring import Words
from engine.build.dockerfile.errors import DockerfileError
from engine.build.dockerfile.instructions import Arg, Dockerfile, Label, Stage
from engine.build.dockerfile.reading import read
from engine.build.errors import BuildCancelled, BuildFailed, BuildInvalid
from engine.build.events import BuildEvent, Built, ImageMade, Output, PullEvent
from engine.build.request import BuildRequest
from engine.build.run_mounts import Caches
from engine.build.sources import Source, Tree
from engine.build.stage import SHORT, StageRun, new_container_id
from engine.containers.merge import merge
from engine.errors import EngineError, InvalidReference, NotFound
from engine.images import platform as platforms
from engine.images import reference
from engine.images.platform import Platform
from engine.images.platform_text import own_platform, parse_platform
from engine.images.tag import add_name, check_name
from engine.lean_dataclasses import replace

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.config import ContainerConfig
    from engine.images.record import Image
    from engine.images.reference import Reference

SCRATCH = "scratch"
log = logging.getLogger(__name__)


class Builder:
    """One build."""

    def __init__(self, engine: Engine, request: BuildRequest, tell: Callable[[BuildEvent], None]) -> None:
        self.engine = engine
        self.request = request
        self.cancellation = Cancellation()
        self.identity = os.urandom(16).hex()
        self.caches = Caches(engine.settings.root / "build" / "caches", request.bounds.caches)
        self._tell = tell
        self._stack = ExitStack()
        self._assembly: Assembly | None = None
        self._context: Source | None = None
        self._stages: list[Stage] = []
        self._results: dict[int, tuple[Image | None, ContainerConfig]] = {}
        self._trees: dict[str, remote.Once] = {}
        self._images: dict[str, Image] = {}
        self._mutex = threading.Lock()
        self._schedule: schedule.Schedule | None = None

    # -- the whole

    def run(self) -> str:
        """Build; returns the image's id, sha256:<id>.

        Raises DockerfileError, BuildInvalid, BuildFailed and its kinds, and what images, containers,
        volumes and the store raise. Whatever happens, what the build needed only itself is gone when this returns.
        """
        names = _names(self.request.tags)
        if self.request.platform:
            parse_platform(self.request.platform)
        with self._stack, locks.locked(self.engine.settings.locks, lock_name(self.identity)):
            stage = self._stack.enter_context(self.engine.store.staging())
            self._assembly = Assembly(self.engine, stage, self.request.epoch, self.request.bounds.make)
            self._stack.callback(self._sweep)
            try:
                image = self._build(self._read())
            finally:
                self._assembly.flush()
            image = self._assembly.recorded(image)
        self._tell(Output(f"Successfully built {image.id[:SHORT]}\n"))
        for name in names:
            if self.request.bounds.name is not None:
                self.request.bounds.name(name.full)
            add_name(self.engine, image, name)
            self._tell(Output(f"Successfully tagged {name.familiar}\n"))
        self._tell(Built(image.digest))
        return image.digest

    def cancel(self) -> None:
        """End the build as soon as that can be; run then raises BuildCancelled."""
        self.cancellation.cancel()

    @property
    def assembly(self) -> Assembly:
        """Where steps put what they make."""
        assert self._assembly is not None
        return self._assembly

    def folder(self) -> Path:
        """Return the build's own folder below the run root."""
        path = run_folder(self.engine, self.identity)
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    # -- for the steps

    def context(self) -> Source:
        """Return the build context. Raises BuildFailed when there is none."""
        if self._context is None:
            raise BuildFailed("missing build context")
        return self._context

    def source(self, name: str, stage: StageRun) -> Source:
        """Return what --from names: a stage by name or number, a context of the client's, an image; "" the context.

        Raises BuildFailed, BuildInvalid, NoSuchImage and what a pull does.
        """
        if not name:
            return self.context()
        given = self.request.contexts.get(name.lower())
        if given is not None:
            archive = given
            return self._tree(f"context {name}", lambda: self._received(archive()))
        image = self._stage_image(name, stage)
        if image is None:
            return self._tree(SCRATCH, lambda: self._opened(None, SCRATCH))
        return self._tree(image.id, lambda: self._opened(image.layer, image.id))

    @contextmanager
    def pretended(self, stage: StageRun, config: ContainerConfig) -> Iterator[tuple[str, ContainerConfig]]:
        """Give the id and configuration of the container that dockerd would make for a step that runs nothing.

        It is really made only where containers are to stay.
        """
        keep = not (self.request.remove or self.request.always_remove)
        container_id = self._made(stage, config) if keep else self._allowed(stage, new_container_id())
        stage.say(f" ---> Running in {container_id[:SHORT]}\n")
        merged = merge(config, stage.image.config) if stage.image is not None else config
        yield container_id, replace(merged, hostname=container_id[:SHORT], labels=merged.labels or {})
        if not keep:
            stage.say(f" ---> Removed intermediate container {container_id[:SHORT]}\n")

    # -- inside

    def _made(self, stage: StageRun, config: ContainerConfig) -> str:
        from engine.containers.create import CreateRequest, create
        from engine.images.record import Image

        image = stage.image or Image("", [], None, stage.config, {"os": "linux"})
        wanted = replace(config, entrypoint=[], image=config.image or SCRATCH)
        return create(self.engine, CreateRequest(config=wanted, host=self.request.host), image).id

    def _allowed(self, stage: StageRun, container_id: str) -> str:
        """Return the id if a container could be made, as far as its limits and volumes are concerned."""
        from engine.runtime import facts
        from engine.runtime.limits import check_limits

        check_limits(self.request.host, facts.gather().support)
        layer = stage.image.layer if stage.image is not None else None
        if stage.config.volumes and layer is not None:
            from engine.volumes.copy_up import check_folders

            store = self.engine.store
            with store.tree(layer, self.assembly.folder()) as root:
                check_folders(root, Path(store.image_graph(layer)["MergedDir"]), stage.config.volumes)
        return container_id

    def _read(self) -> Dockerfile:
        """Take the context in, and read the Dockerfile in it."""
        request = self.request
        if not request.remote:
            if request.archive is None:
                raise BuildFailed("missing build context")
            self._context = self._received(request.archive)
        elif not request.bounds.fetch:
            raise BuildInvalid(f"fetching the context {request.remote} is not allowed")
        elif git.is_git(request.remote):
            # dockerd, too, asks for master whatever the repository's own branch is called.
            cloned = git.cloned(request.remote, self.assembly.folder(), default="master", keep_git=True)
            self._context = self._stack.enter_context(cloned)
        elif remote.is_url(request.remote):
            data = self._downloaded(request.remote)
            if data is not None:
                return _parsed(data, "")
        else:
            raise BuildFailed(f"remoteURL ({request.remote}) could not be recognized as URL")
        assert self._context is not None
        data, name = context.find_dockerfile(self._context, request.dockerfile or context.DOCKERFILE)
        if not data:
            raise BuildInvalid(f"the Dockerfile ({name}) cannot be empty")
        dockerfile = _parsed(data, name)
        context.apply_ignore_file(self._context, name)
        return dockerfile

    def _downloaded(self, url: str) -> bytes | None:
        """Take a context from a web server, or return the Dockerfile that it has there."""
        from engine.build.remote_context import WebContext

        with closing(WebContext(url, self._tell)) as given:
            if given.is_text:
                return given.text(context.MAXIMUM_DOCKERFILE)
            self._context = self._received(given)
        return None

    def _received(self, archive: object) -> Source:
        from engine.storage.source import Readable

        received = context.receive(cast(Readable, archive), self.assembly.folder())
        self._stack.callback(os.close, received.root)
        return received

    def _build(self, dockerfile: Dockerfile) -> Image:
        stages = dockerfile.stages
        target = schedule.target_of(stages, self.request.target)
        self._stages = stages[: target + 1]
        labels = [
            Label(pairs=[(name, value)], literal=True, code=f"LABEL {name}={value}", name="label")
            for name, value in sorted(self.request.labels.items())
        ]
        if labels:
            last = self._stages[target]
            self._stages[target] = replace(last, instructions=[*last.instructions, *labels])
        for warning in dockerfile.warnings:
            self._tell(Output(f"[WARNING]: {warning}\n", stderr=True))
        if dockerfile.warnings:
            said = "[WARNING]: Empty continuation lines will become errors in a future release.\n"
            self._tell(Output(said, stderr=True))
        early = self._arguments()
        all_needs = schedule.needs(self._stages, lambda text: _expanded(text, early, dockerfile))
        wanted = schedule.needed(target, all_needs)
        numbering = _Numbering(len(dockerfile.arguments), [self._stages[index] for index in wanted])
        for argument in dockerfile.arguments:
            self._tell(Output(numbering.text(argument.code)))
            self._declare(early, argument, dockerfile.escape)
        # Again, for what FROM says with the arguments' values.
        all_needs = schedule.needs(self._stages, lambda text: _expanded(text, early, dockerfile))
        wanted = schedule.needed(target, all_needs)
        numbering.count(len(dockerfile.arguments), [self._stages[index] for index in wanted])
        self._run_stages(dockerfile, early, wanted, all_needs, numbering)
        leftover = build_arguments.unused(self.request.build_args, early.named)
        if leftover:
            text = configuring.listed(leftover)
            self._tell(Output(f"[Warning] One or more build-args {text} were not consumed\n"))
        image = self._results[target][0]
        if image is None:
            raise BuildFailed("No image was generated. Is your Dockerfile empty?")
        return image

    def _run_stages(
        self,
        dockerfile: Dockerfile,
        early: Arguments,
        wanted: list[int],
        all_needs: list[set[int]],
        numbering: _Numbering,
    ) -> None:
        ordered = schedule.InOrder(cast("Callable[[object], None]", self._tell), wanted)
        first: list[BaseException] = []

        def build(index: int) -> None:
            try:
                with _depth_is_said():
                    self._run_stage(index, dockerfile, early, numbering, lambda event: ordered.tell(index, event))
            except BaseException as error:
                if not first:
                    first.append(error)
                    ordered.flush(index)
                    if not isinstance(error, BuildCancelled):
                        self.cancellation.cancel()  # what others do at the same time is for nothing
                raise
            ordered.finish(index)

        self._schedule = schedule.Schedule(build, all_needs, min(len(wanted), os.cpu_count() or 1))
        try:
            self._schedule.run(wanted)
        except BaseException:
            if first and isinstance(first[0], BuildCancelled):
                self._tell(Output("Build cancelled\n"))
            if first:
                raise first[0] from None
            raise

    def _run_stage(
        self,
        index: int,
        dockerfile: Dockerfile,
        early: Arguments,
        numbering: _Numbering,
        tell: Callable[[BuildEvent], None],
    ) -> None:
        stage = self._stages[index]
        if stage.stage and stage.stage in (each.stage for each in self._stages[:index]):
            raise BuildFailed(f"{stage.stage} stage name already used")
        counter = numbering.of(stage)
        tell(Output(counter.text(stage.code)))
        self.cancellation.check()
        platform = self._platform_of(stage, early, dockerfile)
        run = StageRun(
            builder=self,
            index=index,
            arguments=early.for_stage(),
            tell=tell,
            cache=cache.Cache(self.engine, self._cache_sources(), enabled=not self.request.no_cache),
            platform=platform or self._default_platform(),
            escape=dockerfile.escape,
        )
        run.begin(self._base(stage, early, dockerfile, platform, run))
        tell(Output(f" ---> {run.short_id}\n"))
        for instruction in stage.instructions:
            self.cancellation.check()
            tell(Output(counter.text(instruction.code)))
            run.step(instruction)
        if run.image is not None:
            tell(ImageMade(run.image.digest))
        with self._mutex:
            early.named |= run.arguments.named
            self._results[index] = (run.image, run.config)

    def _arguments(self) -> Arguments:
        own = str(Platform(*own_platform()))
        target = self.request.platform or own
        return Arguments(self.request.build_args, build_arguments.platform_arguments(own, target))

    def _declare(self, early: Arguments, argument: Arg, escape: str) -> None:
        words = Words(early.values(), escape)
        for name, default in configuring.arguments_of(argument, words):
            early.add_early(name, default)

    def _default_platform(self) -> Platform:
        return Platform(*parse_platform(self.request.platform))

    def _platform_of(self, stage: Stage, early: Arguments, dockerfile: Dockerfile) -> Platform | None:
        """Return the platform that a FROM or the client asks for, None where neither does."""
        if stage.platform:
            text = _expanded(stage.platform, early, dockerfile)
            try:
                return Platform(*parse_platform(text))
            except EngineError as error:
                raise BuildInvalid(f"failed to parse platform {text}: {error}") from None
        return self._default_platform() if self.request.platform else None

    def _base(
        self, stage: Stage, early: Arguments, dockerfile: Dockerfile, platform: Platform | None, run: StageRun
    ) -> Image | None:
        name = _expanded(stage.base, early, dockerfile)
        if not name:
            raise BuildFailed(f"base name ({stage.base}) should not be blank")
        for index in range(run.index - 1, -1, -1):
            if self._stages[index].stage == name.lower() and name:
                assert self._schedule is not None
                self._schedule.require(index)
                return self._result(index)
        if name == SCRATCH:
            return None
        return self._image(name, platform)

    def _result(self, index: int) -> Image | None:
        """Return the image of a stage, with the configuration that its instructions made."""
        image, config = self._results[index]
        return None if image is None else replace(image, config=config)

    def _stage_image(self, name: str, stage: StageRun) -> Image | None:
        """Return the image of the stage or the name that --from says."""
        assert self._schedule is not None
        for index in range(stage.index - 1, -1, -1):
            if self._stages[index].stage == name.lower():
                self._schedule.require(index)
                return self._results[index][0]
        if name.isascii() and name.lstrip("-").isdigit():
            index = int(name)
            if index == stage.index:
                raise BuildInvalid("refers to current build stage")
            if not 0 <= index < stage.index:
                raise BuildInvalid("index out of bounds")
            self._schedule.require(index)
            return self._results[index][0]
        if name == SCRATCH:
            return None
        return self._image(name, self._default_platform() if self.request.platform else None)

    def _image(self, name: str, platform: Platform | None) -> Image:
        """Return an image that is here, or pull it. Raises what resolving and pulling do."""
        with self._mutex:
            known = self._images.get(f"{name} {platform}")
        if known is not None:
            return known
        image: Image | None = None
        if self.request.bounds.use is not None:  # before a pull takes the name from what has it
            with suppress(NotFound):
                self.request.bounds.use(self.engine.images.resolve(name))
        if not self.request.pull:
            try:
                image = self.engine.images.resolve(name)
                platforms.check(image, name, platform)
            except NotFound:
                image = None
        if image is None:
            image = self._pulled(name, platform)
        if self.request.bounds.use is not None:
            self.request.bounds.use(image)
        with self._mutex:
            return self._images.setdefault(f"{name} {platform}", image)

    def _cache_sources(self) -> list[Image] | None:
        found = cache.sources(self.engine, self.request.cache_from)
        if self.request.bounds.use is not None:
            for image in found or ():
                self.request.bounds.use(image)
        return found

    def _pulled(self, name: str, platform: Platform | None) -> Image:
        import asyncio

        wanted = reference.parse(name).with_default_tag
        credentials = self.request.credentials(wanted) if self.request.credentials is not None else None

        async def pull() -> None:
            async for event in self.engine.images.pull(wanted, platform, credentials):
                self._tell(PullEvent(event))
                self.cancellation.check()

        asyncio.run(pull())
        return self.engine.images.resolve(name)

    def _tree(self, key: str, make: Callable[[], Source]) -> Source:
        with self._mutex:
            once = self._trees.setdefault(key, remote.Once(cast("Callable[[], Tree]", make)))
        return once.get()

    def _opened(self, layer: str | None, identity: str) -> Source:
        root = self._stack.enter_context(self.engine.store.tree(layer, self.assembly.folder()))
        return Tree(root, identity, layer)

    def _sweep(self) -> None:
        from engine.storage.folders import remove_tree

        remove_tree(run_folder(self.engine, self.identity))
        locks.forget(self.engine.settings.locks, lock_name(self.identity))


class _Numbering:
    """The numbers of steps: Step 3/7, over all stages that are built."""

    def __init__(self, arguments: int, stages: list[Stage]) -> None:
        self._at = 0
        self._total = 0
        self._first: dict[int, int] = {}
        self.count(arguments, stages)

    def count(self, arguments: int, stages: list[Stage]) -> None:
        """Give every stage the number of its first step."""
        self._total = arguments
        for stage in stages:
            self._first[id(stage)] = self._total
            self._total += 1 + len(stage.instructions)

    def text(self, code: str) -> str:
        """Return the next line that announces a step."""
        self._at += 1
        return f"Step {self._at}/{self._total} : {code}\n"

    def of(self, stage: Stage) -> _Numbering:
        """Return the numbers of one stage's steps."""
        made = _Numbering(0, [])
        made._at, made._total = self._first.get(id(stage), self._total), self._total
        return made


def lock_name(identity: str) -> str:
    """Return the name of a build's lock (engine.locks)."""
    return f"build/{identity}"


def run_folder(engine: Engine, identity: str) -> Path:
    """Return a build's folder below the run root."""
    return engine.settings.run_root / "build" / identity


@contextmanager
def _depth_is_said() -> Iterator[None]:
    """Say in words that a tree has more folders within folders than Python follows."""
    try:
        yield
    except RecursionError:
        raise BuildFailed("the folders of the image or the context are nested too deeply") from None


def _expanded(text: str, early: Arguments, dockerfile: Dockerfile) -> str:
    return Words(early.early_values(), dockerfile.escape).one(text)


def _parsed(data: bytes, name: str) -> Dockerfile:
    try:
        dockerfile = read(data)
    except DockerfileError as error:
        if name and type(error) is DockerfileError and error.reason != "no build stage in current context":
            raise DockerfileError(f"failed to parse {name}: {error.reason}", error.line, error.last_line) from None
        raise
    if not dockerfile.stages:
        raise BuildFailed("No image was generated. Is your Dockerfile empty?")
    return dockerfile


def _names(tags: list[str]) -> list[Reference]:
    """Return the names that the image is to have. Raises BuildFailed."""
    found: dict[str, Reference] = {}
    for tag in tags:
        if not tag:
            continue
        try:
            name = reference.parse(tag)
        except InvalidReference as error:
            raise BuildFailed(str(error)) from None
        if name.digest:
            raise BuildFailed("build tag cannot contain a digest")
        name = name.with_default_tag
        check_name(name)
        found.setdefault(name.full, name)
    return list(found.values())
