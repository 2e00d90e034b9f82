"""Dockerfile instructions that change an image's configuration, as `docker import --change` takes them.

CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR. Pure; error texts are
dockerd's.
"""

from __future__ import annotations

import dataclasses
import json
import posixpath
import re
import signal
from collections.abc import Callable

from engine import go_json, times
from engine.containers.config import ContainerConfig, Healthcheck
from engine.errors import InvalidChange

_SHELL = ["/bin/sh", "-c"]
_MIN_DURATION = 10**6  # of a health check, a millisecond
_PORT = re.compile(r"([0-9]+)(?:-([0-9]+))?(?:/(.*))?")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*|[0-9])(?:(:?[-+])([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*|[0-9]))")


def apply(config: ContainerConfig, changes: list[str]) -> ContainerConfig:
    """Return the configuration after the instructions, in their order. Raises InvalidChange."""
    parsed = []
    for line in _lines(changes):
        word, _, rest = line.partition(" ") if " " in line else line.partition("\t")
        if word.lower() not in _INSTRUCTIONS:
            raise InvalidChange(f"{word} is not a valid change command")
        parsed.append((word.lower(), rest.strip()))
    if changes and not parsed:
        raise InvalidChange("file with no instructions")
    given: set[str] = set()
    for word, rest in parsed:
        if not rest and word not in ("cmd", "entrypoint"):
            raise InvalidChange(_MISSING.get(word, f"{word.upper()} requires at least one argument"))
        config = _INSTRUCTIONS[word](config, rest)
        if word == "entrypoint" and "cmd" not in given:
            config = dataclasses.replace(config, cmd=None)  # arguments that were meant for another program
        given.add(word)
    return config


def duration(text: str) -> int:
    """Return the nanoseconds of a duration such as 1m30s. Raises InvalidChange."""
    try:
        return times.duration(text)
    except ValueError as error:
        raise InvalidChange(str(error)) from None


def _lines(changes: list[str]) -> list[str]:
    """Return the instructions, continued lines joined, without comments and empty lines."""
    found, pending = [], ""
    for line in "\n".join(changes).split("\n"):
        if line.lstrip().startswith("#") or (not pending and not line.strip()):
            continue
        if line.rstrip().endswith("\\"):
            pending += line.rstrip()[:-1]
            continue
        found.append((pending + line).strip())
        pending = ""
    return found + ([pending.strip()] if pending.strip() else [])


def _json_words(text: str) -> list[str] | None:
    """Return the words of a JSON array; None when the text is none. Raises InvalidChange for one of something else."""
    if not text.startswith("["):
        return None
    try:
        words = go_json.loads(text)
    except ValueError:
        return None
    if not all(isinstance(word, str) for word in words):
        raise InvalidChange("when using JSON array syntax, arrays must be comprised of strings only")
    return list(words)


def _cmd(config: ContainerConfig, rest: str) -> ContainerConfig:
    return dataclasses.replace(config, cmd=_command(config, rest))


def _entrypoint(config: ContainerConfig, rest: str) -> ContainerConfig:
    return dataclasses.replace(config, entrypoint=(_command(config, rest) or None) if rest else None)


def _command(config: ContainerConfig, rest: str) -> list[str]:
    words = _json_words(rest)
    if words is not None:
        return words
    return [*(config.shell or _SHELL), *([rest] if rest else [])]


def _env(config: ContainerConfig, rest: str) -> ContainerConfig:
    env = list(config.env or [])
    before = env[:]  # all values of one instruction see the environment before it
    for key, value in _pairs(rest, "ENV"):
        name = _word(key, before)
        if not name:
            raise InvalidChange("ENV names can not be blank")
        entry = f"{name}={_word(value, before)}"
        for at, old in enumerate(env):
            if old.partition("=")[0] == name:
                env[at] = entry
                break
        else:
            env.append(entry)
    return dataclasses.replace(config, env=env)


def _label(config: ContainerConfig, rest: str) -> ContainerConfig:
    labels = dict(config.labels or {})
    for key, value in _pairs(rest, "LABEL"):
        name = _word(key, config.env or [])
        if not name:
            raise InvalidChange("LABEL names can not be blank")
        labels[name] = _word(value, config.env or [])
    return dataclasses.replace(config, labels=labels)


def _expose(config: ContainerConfig, rest: str) -> ContainerConfig:
    ports = list(config.exposed_ports or [])
    for word in rest.split():
        ports += [port for port in _ports(_word(word, config.env or [])) if port not in ports]
    return dataclasses.replace(config, exposed_ports=ports)


def _ports(text: str) -> list[str]:
    found = _PORT.fullmatch(text)
    if found is None:
        raise InvalidChange(f"Invalid containerPort: {text}")
    protocol = (found[3] or "tcp").lower()
    if protocol not in ("tcp", "udp", "sctp"):
        raise InvalidChange(f"Invalid proto: {protocol}")
    first, last = int(found[1]), int(found[2] or found[1])
    if not first <= last <= 65535:
        raise InvalidChange(f"Invalid containerPort: {text}")
    return [f"{port}/{protocol}" for port in range(first, last + 1)]


def _healthcheck(config: ContainerConfig, rest: str) -> ContainerConfig:
    options: dict[str, str] = {}
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        name, _, value = flag[2:].partition("=")
        if name not in ("interval", "timeout", "start-period", "start-interval", "retries"):
            raise InvalidChange(f"unknown flag: --{name}")
        options[name], rest = value, rest.strip()
    kind, _, command = rest.partition(" ")
    command = command.strip()
    if kind.upper() == "NONE":
        if command:
            raise InvalidChange("HEALTHCHECK NONE takes no arguments")
        return dataclasses.replace(config, healthcheck=Healthcheck(test=["NONE"]))
    if kind.upper() != "CMD":
        raise InvalidChange(f"Unknown type {json.dumps(kind.upper())} in HEALTHCHECK (try CMD)")
    words = _json_words(command)
    if not command or words == []:
        raise InvalidChange("Missing command after HEALTHCHECK CMD")
    check = Healthcheck(
        test=["CMD-SHELL", command] if words is None else ["CMD", *words],
        interval=_check_duration("interval", options),
        timeout=_check_duration("timeout", options),
        start_period=_check_duration("start-period", options),
        start_interval=_check_duration("start-interval", options),
        retries=_retries(options.get("retries", "")),
    )
    return dataclasses.replace(config, healthcheck=check)


def _check_duration(name: str, options: dict[str, str]) -> int:
    text = options.get(name, "")
    if not text:
        return 0
    found = duration(text)
    if 0 < found < _MIN_DURATION:
        raise InvalidChange(f"Interval {json.dumps(name)} cannot be less than 1ms")
    return found


def _retries(text: str) -> int:
    if not text:
        return 0
    try:
        found = int(text)
    except ValueError:
        raise InvalidChange(f"strconv.ParseInt: parsing {json.dumps(text)}: invalid syntax") from None
    if found < 0:
        raise InvalidChange(f"--retries cannot be negative ({found})")
    return found


def _on_build(config: ContainerConfig, rest: str) -> ContainerConfig:
    trigger = rest.split()[0].upper()
    if trigger == "ONBUILD":
        raise InvalidChange("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in ("MAINTAINER", "FROM"):
        raise InvalidChange(f"{trigger} isn't allowed as an ONBUILD trigger")
    return dataclasses.replace(config, on_build=[*(config.on_build or []), rest])


def _stop_signal(config: ContainerConfig, rest: str) -> ContainerConfig:
    name = _single(rest, config)
    known = {each.name for each in signal.Signals} | {each.name[3:] for each in signal.Signals}
    if not (name.upper() in known or (name.isdigit() and 0 < int(name) <= signal.SIGRTMAX)):
        raise InvalidChange(f"invalid signal: {name}")
    return dataclasses.replace(config, stop_signal=name)


def _user(config: ContainerConfig, rest: str) -> ContainerConfig:
    return dataclasses.replace(config, user=_single(rest, config))


def _volume(config: ContainerConfig, rest: str) -> ContainerConfig:
    words = _json_words(rest)
    if words == []:
        raise InvalidChange("VOLUME requires at least one argument")
    volumes = list(config.volumes or [])
    for word in rest.split() if words is None else words:
        path = _word(word, config.env or []).strip()
        if not path:
            raise InvalidChange("VOLUME specified can not be an empty string")
        if path not in volumes:
            volumes.append(path)
    return dataclasses.replace(config, volumes=volumes)


def _workdir(config: ContainerConfig, rest: str) -> ContainerConfig:
    path = _word(rest, config.env or [])
    if not path:
        raise InvalidChange("cannot normalize nothing")
    whole = posixpath.normpath(posixpath.join("/", config.working_dir, path))
    return dataclasses.replace(config, working_dir=re.sub("^//+", "/", whole))


def _single(rest: str, config: ContainerConfig) -> str:
    return _word(rest, config.env or [])


def _pairs(rest: str, name: str) -> list[tuple[str, str]]:
    """Return the names and values of an instruction, quotes still on: "a=b c=d", or "a b" for a single one."""
    words = _split(rest)
    if "=" not in words[0]:
        parts = rest.split(None, 1)
        if len(parts) < 2:
            raise InvalidChange(f"{name} must have two arguments")
        return [(parts[0], parts[1])]
    for word in words:
        if "=" not in word:
            raise InvalidChange(f"Syntax error - can't find = in {json.dumps(word)}. Must be of the form: name=value")
    return [(word.partition("=")[0], word.partition("=")[2]) for word in words]


def _split(text: str) -> list[str]:
    """Split at spaces that are neither quoted nor escaped; quotes stay."""
    words, word, quote, at = [], "", "", 0
    while at < len(text):
        character = text[at]
        if character == "\\" and quote != "'" and at + 1 < len(text):
            word += text[at : at + 2]
            at += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character.isspace():
            if word:
                words.append(word)
            word, character = "", ""
        word += character
        at += 1
    return [*words, word] if word else words


def _word(text: str, env: list[str]) -> str:
    """Return a word without its quotes, variables replaced."""
    values = dict(entry.partition("=")[::2] for entry in env)
    found, quote, at = "", "", 0
    while at < len(text):
        character = text[at]
        if quote == "'":
            if character == "'":
                quote = ""
            else:
                found += character
        elif character == "\\" and at + 1 < len(text):
            following = text[at + 1]
            found += following if not quote or following in '"$\\' else character + following
            at += 1
        elif character == quote:
            quote = ""
        elif character in "'\"" and not quote:
            quote = character
        elif character == "$" and (variable := _VARIABLE.match(text, at)):
            found += _variable(variable, values, env)
            at = variable.end() - 1
        else:
            found += character
        at += 1
    if quote:
        kind = "single" if quote == "'" else "double"
        problem = json.dumps(text, ensure_ascii=False)
        raise InvalidChange(
            f"failed to process {problem}: unexpected end of statement while looking for matching {kind}-quote"
        )
    return found


def _variable(found: re.Match[str], values: dict[str, str], env: list[str]) -> str:
    name = found[1] or found[4]
    value = values.get(name)
    given = value is not None and (value != "" or not (found[2] or "").startswith(":"))
    if found[2] and found[2].endswith("-"):
        return value or "" if given else _word(found[3], env)
    if found[2]:
        return _word(found[3], env) if given else ""
    return value or ""


_MISSING = {
    "user": "USER requires exactly one argument",
    "workdir": "WORKDIR requires exactly one argument",
    "stopsignal": "STOPSIGNAL requires exactly one argument",
}
_INSTRUCTIONS: dict[str, Callable[[ContainerConfig, str], ContainerConfig]] = {
    "cmd": _cmd,
    "entrypoint": _entrypoint,
    "env": _env,
    "expose": _expose,
    "healthcheck": _healthcheck,
    "label": _label,
    "onbuild": _on_build,
    "stopsignal": _stop_signal,
    "user": _user,
    "volume": _volume,
    "workdir": _workdir,
}
