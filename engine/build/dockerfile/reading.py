"""From an instruction's words to what it means: all rules that need no variable's value. Pure; texts are BuildKit's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from engine import times
from engine.build.dockerfile import heredocs, mounts
from engine.build.dockerfile.errors import DockerfileError, ExpansionError, InstructionError
from engine.build.dockerfile.flags import TEXT, TEXTS, TRUTH, Flags
from engine.build.dockerfile.instructions import (
    Arg,
    Cmd,
    Copy,
    Dockerfile,
    Entrypoint,
    Env,
    Expose,
    Health,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Run,
    Shell,
    Stage,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from engine.build.dockerfile.parser import Node, parse
from engine.build.dockerfile.suggestion import did_you_mean
from engine.build.dockerfile.words import BadWords
from engine.containers.config import Healthcheck
from engine.lean_dataclasses import replace

MILLISECOND = 10**6
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_ON_BUILD = re.compile(r"\s*ONBUILD\s*", re.IGNORECASE)
_COPY_FLAGS = {"chown": TEXT, "chmod": TEXT, "link": TRUTH, "exclude": TEXTS}
_ADD_ONLY = {"keep-git-dir": TRUTH, "checksum": TEXT, "unpack": TRUTH}
_COPY_ONLY = {"from": TEXT, "parents": TRUTH}
_RUN_FLAGS = {"mount": TEXTS, "network": TEXT, "security": TEXT, "device": TEXTS}
_CHECK_FLAGS = dict.fromkeys(("interval", "timeout", "start-period", "start-interval", "retries"), TEXT)


def read(data: bytes | str) -> Dockerfile:
    """Read a Dockerfile. Raises DockerfileError."""
    parsed = parse(data)
    arguments: list[Arg] = []
    stages: list[Stage] = []
    for node in parsed.nodes:
        try:
            found = instruction(node)
        except (BadWords, ExpansionError) as error:
            raise InstructionError(str(error), node.line, node.last_line) from None
        if isinstance(found, Stage):
            stages.append(found)
        elif isinstance(found, Arg) and not stages:
            arguments.append(found)
        elif not stages:
            raise DockerfileError("no build stage in current context", node.line, node.last_line)
        else:
            stages[-1].instructions.append(found)
    return Dockerfile(arguments, stages, parsed.escape, parsed.warnings)


def instruction(node: Node) -> Instruction:
    """Return what one instruction means. Raises BadWords, ExpansionError."""
    reader = _READERS.get(node.key)
    if reader is None:
        known = [name.upper() for name in _READERS]
        raise BadWords(did_you_mean(f"unknown instruction: {node.name}", node.name, known))
    where = {"code": node.original.strip(), "name": node.name, "line": node.line, "last_line": node.last_line}
    return reader(node, where)


def trigger(expression: str) -> Instruction:
    """Return the one instruction that ONBUILD has kept. Raises DockerfileError."""
    nodes = parse(expression).nodes
    if len(nodes) != 1:
        raise DockerfileError("onbuild trigger should be a single expression")
    try:
        found = instruction(nodes[0])
    except (BadWords, ExpansionError) as error:
        raise DockerfileError(str(error)) from None
    if isinstance(found, Stage):
        raise DockerfileError("FROM isn't allowed as an ONBUILD trigger")
    return found


Where = dict[str, Any]


def _at_least_one(name: str) -> BadWords:
    return BadWords(f"{name} requires at least one argument")


def _one_argument(node: Node) -> str:
    if len(node.arguments) != 1:
        raise BadWords(f"{node.key.upper()} requires exactly one argument")
    return node.arguments[0]


def _pairs(node: Node) -> list[tuple[str, str]]:
    Flags(node.flags, {})
    arguments = node.arguments
    if not arguments:
        raise _at_least_one(node.key.upper())
    if not all(arguments[::3]):
        raise BadWords(f"{node.key.upper()} names can not be blank")
    return list(zip(arguments[::3], arguments[1::3], strict=True))


def _env(node: Node, where: Where) -> Instruction:
    return Env(pairs=_pairs(node), **where)


def _label(node: Node, where: Where) -> Instruction:
    return Label(pairs=_pairs(node), **where)


def _maintainer(node: Node, where: Where) -> Instruction:
    found = _one_argument(node)
    Flags(node.flags, {})
    return Maintainer(maintainer=found, **where)


def _add(node: Node, where: Where) -> Instruction:
    return _copying(node, where, add=True)


def _copy(node: Node, where: Where) -> Instruction:
    return _copying(node, where, add=False)


def _copying(node: Node, where: Where, *, add: bool) -> Instruction:
    name = "ADD" if add else "COPY"
    if len(node.arguments) < 2:
        raise BadWords(
            f"{name} requires at least two arguments, but only one was provided. Destination could not be determined"
        )
    flags = Flags(node.flags, {**_COPY_FLAGS, **(_ADD_ONLY if add else _COPY_ONLY)})
    *words, destination = node.arguments
    if heredocs.in_word(destination) is not None:
        raise BadWords(f"{name} cannot accept a heredoc as a destination")
    contents = {each.name: each.content for each in node.heredocs}
    sources, files = [], []
    for word in words:
        heredoc = heredocs.in_word(word)
        if heredoc is None:
            sources.append(word)
        else:
            files.append(replace(heredoc, content=contents.get(heredoc.name, "")))
    return Copy(
        add=add,
        sources=sources,
        heredocs=files,
        destination=destination,
        from_=flags.text("from"),
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=bool(flags.truth("link")),
        parents=bool(flags.truth("parents")),
        excludes=flags.texts("exclude"),
        checksum=flags.text("checksum"),
        keep_git_dir=flags.truth("keep-git-dir"),
        unpack=flags.truth("unpack"),
        **where,
    )


def _from(node: Node, where: Where) -> Instruction:
    arguments = node.arguments
    stage = ""
    if len(arguments) == 3 and arguments[1].lower() == "as":
        stage = arguments[2].lower()
        if not _STAGE_NAME.fullmatch(stage):
            raise BadWords(
                f"invalid name for build stage: {json.dumps(arguments[2])}, "
                "name can't start with a number or contain symbols"
            )
    elif len(arguments) != 1:
        raise BadWords("FROM requires either one or three arguments")
    flags = Flags(node.flags, {"platform": TEXT})
    return Stage(base=arguments[0], stage=stage, platform=flags.text("platform"), **where)


def _on_build(node: Node, where: Where) -> Instruction:
    if not node.arguments:
        raise _at_least_one("ONBUILD")
    Flags(node.flags, {})
    inner = node.arguments[0].strip().upper()
    if inner == "ONBUILD":
        raise BadWords("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if inner in ("MAINTAINER", "FROM"):
        raise BadWords(f"{inner} isn't allowed as an ONBUILD trigger")
    text = _ON_BUILD.sub("", node.original, count=1)
    text += "".join(f"\n{each.content}{each.name}" for each in node.heredocs)
    return OnBuild(expression=text, **where)


def _workdir(node: Node, where: Where) -> Instruction:
    found = _one_argument(node)
    Flags(node.flags, {})
    return Workdir(path=found, **where)


def _command(node: Node) -> list[str]:
    return node.arguments if node.is_json else [" ".join(node.arguments)] if node.arguments else []


def _run(node: Node, where: Where) -> Instruction:
    flags = Flags(node.flags, _RUN_FLAGS)
    for text in flags.texts("mount"):
        mounts.parse(text, None)
    network, security = flags.text("network", "default"), flags.text("security", "sandbox")
    if network not in ("default", "none", "host"):
        raise BadWords(f"invalid network mode {json.dumps(network)}")
    if security not in ("insecure", "sandbox"):
        raise BadWords(f"security {json.dumps(security)} is not valid")
    return Run(
        words=_command(node),
        shell=not node.is_json,
        files=node.heredocs,
        mounts=flags.texts("mount"),
        network=network,
        security=security,
        devices=flags.texts("device"),
        **where,
    )


def _cmd(node: Node, where: Where) -> Instruction:
    Flags(node.flags, {})
    return Cmd(words=_command(node), shell=not node.is_json, **where)


def _entrypoint(node: Node, where: Where) -> Instruction:
    Flags(node.flags, {})
    return Entrypoint(words=_command(node) or None, shell=not node.is_json, **where)


def _health(node: Node, where: Where) -> Instruction:
    if not node.arguments:
        raise _at_least_one("HEALTHCHECK")
    kind, arguments = node.arguments[0].upper(), node.arguments[1:]
    if kind == "NONE":
        if arguments:
            raise BadWords("HEALTHCHECK NONE takes no arguments")
        return Health(check=Healthcheck(test=["NONE"]), **where)
    flags = Flags(node.flags, _CHECK_FLAGS)
    if kind != "CMD":
        raise BadWords(f"Unknown type {json.dumps(kind)} in HEALTHCHECK (try CMD)")
    command = arguments if node.is_json else [" ".join(arguments)] if arguments else []
    if not command:
        raise BadWords("Missing command after HEALTHCHECK CMD")
    check = Healthcheck(
        test=[kind if node.is_json else "CMD-SHELL", *command],
        interval=_duration("interval", flags),
        timeout=_duration("timeout", flags),
        start_period=_duration("start-period", flags),
        start_interval=_duration("start-interval", flags),
        retries=_retries(flags.text("retries")),
    )
    return Health(check=check, **where)


def _duration(name: str, flags: Flags) -> int:
    text = flags.text(name)
    if not text:
        return 0
    try:
        found = times.duration(text)
    except ValueError as error:
        raise BadWords(str(error)) from None
    if found != 0 and found < MILLISECOND:
        raise BadWords(f"Interval {json.dumps(name)} cannot be less than 1ms")
    return found


def _retries(text: str) -> int:
    if not text:
        return 0
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()):
        raise BadWords(f"strconv.ParseInt: parsing {json.dumps(text)}: invalid syntax")
    found = int(text)
    if not -(1 << 31) <= found < 1 << 31:
        raise BadWords(f"strconv.ParseInt: parsing {json.dumps(text)}: value out of range")
    if found < 0:
        raise BadWords(f"--retries cannot be negative ({found})")
    return found


def _expose(node: Node, where: Where) -> Instruction:
    if not node.arguments:
        raise _at_least_one("EXPOSE")
    Flags(node.flags, {})
    return Expose(ports=sorted(node.arguments), **where)


def _user(node: Node, where: Where) -> Instruction:
    found = _one_argument(node)
    Flags(node.flags, {})
    return User(user=found, **where)


def _volume(node: Node, where: Where) -> Instruction:
    if not node.arguments:
        raise _at_least_one("VOLUME")
    Flags(node.flags, {})
    volumes = [each.strip() for each in node.arguments]
    if not all(volumes):
        raise BadWords("VOLUME specified can not be an empty string")
    return Volume(volumes=volumes, **where)


def _stop_signal(node: Node, where: Where) -> Instruction:
    return StopSignal(signal=_one_argument(node), **where)


def _arg(node: Node, where: Where) -> Instruction:
    if not node.arguments:
        raise _at_least_one("ARG")
    pairs: list[tuple[str, str | None]] = []
    for argument in node.arguments:
        name, equals, value = argument.partition("=")
        if equals and not name:
            raise BadWords("ARG names can not be blank")
        pairs.append((name, value if equals else None))
    return Arg(pairs=pairs, **where)


def _shell(node: Node, where: Where) -> Instruction:
    Flags(node.flags, {})
    if not node.arguments:
        raise _at_least_one("SHELL")
    if not node.is_json:
        raise BadWords("SHELL requires the arguments to be in JSON form")
    return Shell(shell=node.arguments, **where)


_READERS: dict[str, Callable[[Node, Where], Instruction]] = {
    "add": _add,
    "arg": _arg,
    "cmd": _cmd,
    "copy": _copy,
    "entrypoint": _entrypoint,
    "env": _env,
    "expose": _expose,
    "from": _from,
    "healthcheck": _health,
    "label": _label,
    "maintainer": _maintainer,
    "onbuild": _on_build,
    "run": _run,
    "shell": _shell,
    "stopsignal": _stop_signal,
    "user": _user,
    "volume": _volume,
    "workdir": _workdir,
}
