"""Instructions that change an image's configuration and nothing else, and the texts that they leave in its history.

Pure; the rules and texts are dockerd's. `docker commit --change` and `docker import --change` use them too.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable

from engine.build.dockerfile.expansion import Rules, expand, expand_words
from engine.build.dockerfile.instructions import (
    Arg,
    Cmd,
    CommandLine,
    Entrypoint,
    Env,
    Expose,
    Health,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from engine.build.errors import BuildInvalid
from engine.containers.config import ContainerConfig
from engine.containers.signals import parse_signal
from engine.lean_dataclasses import dataclass, replace

DEFAULT_SHELL = ["/bin/sh", "-c"]
_PORT = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_UNITS = ((3600 * 10**9, "h"), (60 * 10**9, "m"))


@dataclass(frozen=True, slots=True)
class Words:
    """How the words of instructions are expanded: the variables that are known, and the character that escapes."""

    variables: dict[str, str]
    escape: str = "\\"

    def one(self, word: str) -> str:
        """Return a word with its variables replaced. Raises ExpansionError."""
        return expand(word, self.variables, Rules(self.escape))

    def several(self, word: str) -> list[str]:
        """Return the words that one becomes. Raises ExpansionError."""
        return expand_words(word, self.variables, Rules(self.escape))

    def content(self, text: str) -> str:
        """Return a heredoc's text with its variables replaced; quotes in it mean nothing. Raises ExpansionError."""
        return expand(text, self.variables, Rules(self.escape, keep_quotes=True))


def variables_of(config: ContainerConfig) -> dict[str, str]:
    """Return an image's variables by name."""
    return {name: value for name, _, value in (entry.partition("=") for entry in config.env or ())}


def shell_of(config: ContainerConfig) -> list[str]:
    """Return the shell of commands that are texts."""
    return list(config.shell or DEFAULT_SHELL)


def command_line(config: ContainerConfig, instruction: CommandLine) -> list[str] | None:
    """Return the words that a command is, those of the shell included."""
    if instruction.words is None or not instruction.shell:
        return instruction.words
    return [*shell_of(config), *instruction.words]


def with_default_path(config: ContainerConfig, path: str) -> ContainerConfig:
    """Return a configuration with a PATH, where it has none."""
    return config if "PATH" in variables_of(config) else replace(config, env=[*(config.env or ()), f"PATH={path}"])


def changed(
    config: ContainerConfig, instruction: Instruction, words: Words, *, cmd_was_set: bool
) -> tuple[ContainerConfig, str]:
    """Return what an instruction makes of a configuration, and its text for the history.

    cmd_was_set: this stage has set a command, which an ENTRYPOINT then leaves. Raises BuildInvalid, InvalidSignal,
    ExpansionError and KeyError for an instruction of another kind.
    """
    if isinstance(instruction, Entrypoint):
        return _entrypoint(config, instruction, cmd_was_set=cmd_was_set)
    return _CHANGES[type(instruction)](config, instruction, words)


def in_folder(folder: str, path: str) -> str:
    """Return a path, relative ones below a working directory."""
    whole = posixpath.normpath(posixpath.join("/", folder, path))
    return re.sub("^//+", "/", whole)


def quoted(words: list[str] | None) -> str:
    """Return words as Go's %q writes a slice."""
    return f"[{' '.join(json.dumps(word, ensure_ascii=False) for word in words or ())}]"


def listed(words: list[str]) -> str:
    """Return words as Go's %v writes a slice."""
    return f"[{' '.join(words)}]"


def go_duration(nanoseconds: int) -> str:
    """Return a duration as Go writes it: 1m30s."""
    if not nanoseconds:
        return "0s"
    if nanoseconds < 10**9:
        size, unit = (10**6, "ms") if nanoseconds >= 10**6 else (10**3, "µs") if nanoseconds >= 10**3 else (1, "ns")
        return f"{_decimal(nanoseconds, size)}{unit}"
    text, left = "", nanoseconds
    for size, unit in _UNITS:
        if left >= size or text:
            text += f"{left // size}{unit}"
        left %= size
    return f"{text}{_decimal(left, 10**9)}s"


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    digits = len(str(size)) - 1
    return f"{whole}.{rest:0{digits}}".rstrip("0").rstrip(".") if rest else str(whole)


def _env(config: ContainerConfig, instruction: Env, words: Words) -> tuple[ContainerConfig, str]:
    env = list(config.env or ())
    text = "ENV"
    for name, value in [(words.one(name), words.one(value)) for name, value in instruction.pairs]:
        entry = f"{name}={value}"
        text += f" {entry}"
        at = next((at for at, old in enumerate(env) if old.partition("=")[0] == name), -1)
        if at < 0:
            env.append(entry)
        else:
            env[at] = entry
    return replace(config, env=env), text


def _label(config: ContainerConfig, instruction: Label, words: Words) -> tuple[ContainerConfig, str]:
    labels = dict(config.labels or {})
    text = "LABEL"
    for name, value in instruction.pairs:
        if not instruction.literal:
            name, value = words.one(name), words.one(value)
        labels[name] = value
        text += f" {name}={value}"
    return replace(config, labels=labels), text


def _maintainer(config: ContainerConfig, instruction: Maintainer, words: Words) -> tuple[ContainerConfig, str]:
    del words
    return config, f"MAINTAINER {instruction.maintainer}"


def _cmd(config: ContainerConfig, instruction: Cmd, words: Words) -> tuple[ContainerConfig, str]:
    del words
    command = command_line(config, instruction)
    return replace(config, cmd=command, args_escaped=False), f"CMD {quoted(command)}"


def _entrypoint(config: ContainerConfig, instruction: Entrypoint, *, cmd_was_set: bool) -> tuple[ContainerConfig, str]:
    command = command_line(config, instruction)
    config = replace(config, entrypoint=command, args_escaped=False, cmd=config.cmd if cmd_was_set else None)
    return config, f"ENTRYPOINT {quoted(command)}"


def _health(config: ContainerConfig, instruction: Health, words: Words) -> tuple[ContainerConfig, str]:
    del words
    check = instruction.check
    times = (check.interval, check.timeout, check.start_period, check.start_interval)
    shown = " ".join(go_duration(each) for each in times)
    return replace(config, healthcheck=check), f"HEALTHCHECK &{{{listed(check.test or [])} {shown} {check.retries}}}"


def _expose(config: ContainerConfig, instruction: Expose, words: Words) -> tuple[ContainerConfig, str]:
    texts = [each for port in instruction.ports for each in words.several(port)]
    ports = dict.fromkeys(config.exposed_ports or ())
    for text in texts:
        ports |= dict.fromkeys(ports_of(text))
    return replace(config, exposed_ports=list(ports)), "EXPOSE " + " ".join(texts)


def ports_of(text: str) -> list[str]:
    """Return the ports that a text such as 8000-8010/udp stands for. Raises BuildInvalid in dockerd's words."""
    ports, _, protocol = text.rpartition(":")[2].partition("/")
    protocol = (protocol or "tcp").lower()
    if not ports:
        raise BuildInvalid(f"No port specified: {text}<empty>")
    found = _PORT.fullmatch(ports)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not first <= last <= 65535:
        raise BuildInvalid(f"Invalid containerPort: {ports}")
    if protocol not in ("tcp", "udp", "sctp"):
        raise BuildInvalid(f"Invalid proto: {protocol}")
    return [f"{port}/{protocol}" for port in range(first, last + 1)]


def _user(config: ContainerConfig, instruction: User, words: Words) -> tuple[ContainerConfig, str]:
    user = words.one(instruction.user)
    return replace(config, user=user), f"USER {user}"


def _volume(config: ContainerConfig, instruction: Volume, words: Words) -> tuple[ContainerConfig, str]:
    given = [words.one(each) for each in instruction.volumes]
    if not all(given):
        raise BuildInvalid("VOLUME specified can not be an empty string")
    volumes = list(dict.fromkeys([*(config.volumes or ()), *given]))
    return replace(config, volumes=volumes), f"VOLUME {listed(given)}"


def _stop_signal(config: ContainerConfig, instruction: StopSignal, words: Words) -> tuple[ContainerConfig, str]:
    name = words.one(instruction.signal)
    parse_signal(name)
    return replace(config, stop_signal=name), f"STOPSIGNAL {name}"


def _arg(config: ContainerConfig, instruction: Arg, words: Words) -> tuple[ContainerConfig, str]:
    shown = [name if value is None else f"{name}={value}" for name, value in arguments_of(instruction, words)]
    return config, "ARG " + " ".join(shown)


def arguments_of(instruction: Arg, words: Words) -> list[tuple[str, str | None]]:
    """Return the names and defaults that an ARG declares. Raises ExpansionError."""
    return [(words.one(name), None if value is None else words.one(value)) for name, value in instruction.pairs]


def _shell(config: ContainerConfig, instruction: Shell, words: Words) -> tuple[ContainerConfig, str]:
    del words
    return replace(config, shell=instruction.shell), f"SHELL {listed(instruction.shell)}"


def _on_build(config: ContainerConfig, instruction: OnBuild, words: Words) -> tuple[ContainerConfig, str]:
    del words
    triggers = [*(config.on_build or ()), instruction.expression]
    return replace(config, on_build=triggers), f"ONBUILD {instruction.expression}"


def _workdir(config: ContainerConfig, instruction: Workdir, words: Words) -> tuple[ContainerConfig, str]:
    path = words.one(instruction.path)
    if not path:
        raise BuildInvalid("cannot normalize nothing")
    folder = in_folder(config.working_dir, path)
    return replace(config, working_dir=folder), f"WORKDIR {folder}"


_CHANGES: dict[type[Instruction], Callable[..., tuple[ContainerConfig, str]]] = {
    Arg: _arg,
    Cmd: _cmd,
    Env: _env,
    Expose: _expose,
    Health: _health,
    Label: _label,
    Maintainer: _maintainer,
    OnBuild: _on_build,
    Shell: _shell,
    StopSignal: _stop_signal,
    User: _user,
    Volume: _volume,
    Workdir: _workdir,
}
