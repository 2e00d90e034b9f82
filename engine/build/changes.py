"""Dockerfile instructions that change an image's configuration, as commits and imports take them.

CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR, read and done as in a
build. Pure; error texts are dockerd's.
"""

from __future__ import annotations

from engine.build.configuring import Words, changed, variables_of
from engine.build.dockerfile.errors import DockerfileError
from engine.build.dockerfile.instructions import Cmd
from engine.build.dockerfile.parser import parse
from engine.build.dockerfile.reading import instruction
from engine.build.dockerfile.words import BadWords
from engine.build.errors import BuildInvalid
from engine.containers.config import ContainerConfig
from engine.containers.signals import InvalidSignal
from engine.errors import InvalidChange

ALLOWED = frozenset(
    ("cmd", "entrypoint", "env", "expose", "healthcheck", "label", "onbuild", "stopsignal", "user", "volume", "workdir")
)


def apply(config: ContainerConfig, changes: list[str]) -> ContainerConfig:
    """Return the configuration after the instructions, in their order. Raises InvalidChange."""
    if not changes:
        return config
    try:
        parsed = parse("\n".join(changes))
        for node in parsed.nodes:
            if node.key not in ALLOWED:
                raise InvalidChange(f"{node.name} is not a valid change command")
        found = [instruction(node) for node in parsed.nodes]
        cmd_was_set = False
        for each in found:
            words = Words(variables_of(config), parsed.escape)
            config, _ = changed(config, each, words, cmd_was_set=cmd_was_set)
            cmd_was_set = cmd_was_set or (isinstance(each, Cmd) and bool(each.words))
    except DockerfileError as error:
        raise InvalidChange(error.reason) from None
    except (BadWords, InvalidSignal, BuildInvalid) as error:
        raise InvalidChange(str(error)) from None
    return config
