"""RUN: a command in a container of its own, and what it wrote as a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.build import configuring
from engine.build.configuring import Words, variables_of
from engine.build.dockerfile import heredocs
from engine.build.dockerfile.instructions import Run
from engine.build.errors import BuildInvalid, CommandFailed
from engine.build.events import Output
from engine.build.running import Keeping, Step
from engine.containers.config import ContainerConfig, Healthcheck, HostConfig, LogConfig
from engine.errors import EngineError
from engine.images.record import Image
from engine.lean_dataclasses import replace

if TYPE_CHECKING:
    from engine.build.run_mounts import StepMounts
    from engine.build.stage import StageRun

SCRATCH = "scratch"
SCRIPTS = "/dev/pipes/"  # where heredocs that are programs of their own are seen


def run(stage: StageRun, instruction: Run, words: Words) -> None:
    """Do a RUN. Raises CommandFailed, BuildInvalid, BuildCancelled, and what containers do."""
    from engine.build.run_mounts import prepared

    command, script = _command(stage, instruction)
    own = variables_of(stage.config)
    arguments = stage.arguments.beside(own)
    with prepared(stage, instruction, words, script) as mounts:
        told = sorted(f"{name}={value}" for name, value in arguments.items() if stage.arguments.shows_in_history(name))
        noted = [f"|{len(told)}", *told] if arguments else []
        marked = replace(
            stage.config,
            cmd=[*noted, *mounts.notes, *command],
            entrypoint=None if command else stage.config.entrypoint,
        )
        if stage.found(marked):
            return
        env = [*(stage.config.env or ()), *(f"{name}={value}" for name, value in sorted(arguments.items()))]
        config = replace(
            stage.config,
            cmd=command,
            env=[*env, *mounts.env],
            entrypoint=[],
            healthcheck=Healthcheck(test=["NONE"]),
            image=stage.config.image or SCRATCH,
        )
        _in_container(stage, instruction, config, marked, mounts)


def _command(stage: StageRun, instruction: Run) -> tuple[list[str], tuple[str, str] | None]:
    """Return the words of a RUN, and the name and text of a heredoc that is a program of its own."""
    words = list(instruction.words or [])
    script = None
    if instruction.files:
        if len(words) != 1 or not instruction.shell:
            raise BuildInvalid(f"parsing produced an invalid run command: {configuring.listed(words)}")
        first = instruction.files[0]
        if heredocs.in_word(words[0]) is None:
            words = [words[0] + "".join(f"\n{each.content}{each.name}" for each in instruction.files)]
        elif first.content.startswith("#!"):
            script = (first.name, first.text)
            words = [SCRIPTS + first.name]
        else:
            words = [first.text]
    return ([*configuring.shell_of(stage.config), *words] if instruction.shell and words else words), script


def _in_container(
    stage: StageRun, instruction: Run, config: ContainerConfig, marked: ContainerConfig, mounts: StepMounts
) -> None:
    builder = stage.builder
    request = builder.request
    keep = Keeping(success=not (request.remove or request.always_remove), failure=not request.always_remove)
    step = Step(builder.engine, builder.identity, keep)
    image = stage.image or Image("", [], None, ContainerConfig(), {"os": "linux"})
    done = False
    try:
        step.make(image, config, _host(request.host, instruction, mounts))
        for warning in step.warnings:
            stage.say(f" ---> [Warning] {warning}\n")
        stage.say(f" ---> Running in {step.id[:12]}\n")
        code = step.run(lambda text, stderr: stage.tell(Output(text, stderr)), builder.cancellation)
        if code:
            step.fail(code)
            done = True
            if not keep.failure:
                stage.say(f" ---> Removed intermediate container {step.id[:12]}\n")
            raise CommandFailed(config.cmd or [], code)
        layer = stage.image.layer if stage.image is not None else None
        staged = step.take(layer, builder.assembly.stage, mounts.targets, builder.assembly.epoch)
        done = True
        stage.make(marked, container_id=step.id, staged=staged)
    except EngineError:
        # As dockerd: what cannot even be started stays to be looked at, unless nothing is to stay.
        if not done and step.id and keep.failure and not builder.cancellation.cancelled:
            step.leave()
            done = True
        raise
    finally:
        if not done:
            step.drop()
    if not keep.success:
        stage.say(f" ---> Removed intermediate container {step.id[:12]}\n")


def _host(host: HostConfig, instruction: Run, mounts: StepMounts) -> HostConfig:
    network = host.network_mode if instruction.network == "default" else instruction.network
    if network in ("", "default"):
        network = "bridge"
    host = replace(host, log_config=LogConfig(type="none"), network_mode=network, mounts=mounts.requests)
    if instruction.security == "insecure":
        host = replace(host, privileged=True)
    return host
