"""From the bytes of a Dockerfile to its instructions' lines, taken apart but not yet understood. Pure.

Continued lines are joined, comments left out, heredocs read. engine.build.dockerfile.reading makes typed instructions
of what this gives.
"""

from __future__ import annotations

from engine.build.dockerfile import heredocs, words
from engine.build.dockerfile.errors import DockerfileError, ExpansionError
from engine.build.dockerfile.expansion import is_space
from engine.build.dockerfile.heredocs import Heredoc
from engine.build.dockerfile.lines import TOO_LONG, BadDirective, Directives, Lines
from engine.lean_dataclasses import dataclass, field, replace

_WITH_HEREDOCS = ("add", "copy", "run")
_LISTS = ("add", "copy", "volume")
_COMMANDS = ("cmd", "entrypoint", "run", "shell")
_STRINGS = ("maintainer", "stopsignal", "user", "workdir")


@dataclass(frozen=True, slots=True)
class Node:
    """One instruction: its name as written, its flags and arguments, and where it stands.

    arguments of ENV and LABEL are name, value, and "=" or "" in turn; those of HEALTHCHECK begin with its type, those
    of ONBUILD with the inner instruction's name. is_json: they came as a JSON array.
    """

    name: str
    flags: list[str]
    arguments: list[str]
    is_json: bool
    original: str
    line: int = 0
    last_line: int = 0
    heredocs: list[Heredoc] = field(default_factory=list)
    inner: Node | None = None  # of ONBUILD

    @property
    def key(self) -> str:
        """The name in lower case."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A Dockerfile's instructions, its escape character and what is to be said about its form."""

    nodes: list[Node]
    escape: str
    warnings: list[str]
    directives: dict[str, str]


def parse(data: bytes | str) -> Parsed:
    """Take a Dockerfile apart. Raises DockerfileError."""
    text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
    lines = Lines(text.removeprefix("\ufeff"))
    directives = Directives()
    nodes: list[Node] = []
    warnings: list[str] = []
    while (line := lines.next()) is not None:
        line = line.rstrip("\r\n").lstrip()
        _directive(directives, line, lines)
        lines.number += 1
        first = lines.number
        if _is_comment(line):
            line = ""
        joined, has_gap = _join(line, lines, directives)
        if not joined and not has_gap and directives.continued(line) is None:
            continue
        if has_gap:
            warnings.append(f"Empty continuation line found in: {joined}")
        try:
            node = _node(joined, directives.escape)
            if _takes_heredocs(node) and "<<" in joined:
                found = [_read_heredoc(each, lines) for each in heredocs.in_line(joined)]
                node = replace(node, heredocs=found)
        except (words.BadWords, ExpansionError) as error:
            raise DockerfileError(str(error), first, lines.number) from None
        nodes.append(replace(node, line=first, last_line=lines.number))
    if not nodes:
        raise DockerfileError("file with no instructions", lines.number)
    if lines.too_long:
        raise DockerfileError(TOO_LONG, lines.number)
    return Parsed(nodes, directives.escape, warnings, directives.values)


def _directive(directives: Directives, line: str, lines: Lines) -> None:
    try:
        directives.take(line)
    except BadDirective as error:
        raise DockerfileError(str(error), lines.number) from None


def _join(line: str, lines: Lines, directives: Directives) -> tuple[str, bool]:
    """Return a line with those that continue it, and whether an empty one was among these."""
    pieces: list[str] = []
    has_gap = False
    continued = directives.continued(line)
    pieces.append(line if continued is None else continued)
    while continued is not None and (following := lines.next()) is not None:
        lines.number += 1
        following = following.rstrip("\r\n")
        if _is_comment(following):
            continue
        if not following.strip():
            has_gap = True
            continue
        continued = directives.continued(following)
        pieces.append(following if continued is None else continued)
    return "".join(pieces), has_gap


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _takes_heredocs(node: Node) -> bool:
    within = node.inner if node.key == "onbuild" and node.inner is not None else node
    return within.key in _WITH_HEREDOCS and not within.is_json


def _read_heredoc(heredoc: Heredoc, lines: Lines) -> Heredoc:
    content: list[str] = []
    while (line := lines.next()) is not None:
        lines.number += 1
        end = line.rstrip("\r\n")
        if (end.lstrip("\t") if heredoc.chomp else end) == heredoc.name:
            return replace(heredoc, content="".join(content))
        content.append(line)
    raise words.BadWords("unterminated heredoc")


def _node(line: str, escape: str, *, inside: bool = False) -> Node:
    """Take a line apart; inside an ONBUILD no further one is looked into, for it is an error anyhow."""
    name, flags, rest = words.split_command(line, escape)
    key = name.lower()
    arguments: list[str] = []
    is_json = False
    inner: Node | None = None
    if key in ("env", "label"):
        for pair_name, value, has_equals in words.pairs(rest, key.upper(), escape):
            arguments += [pair_name, value, "=" if has_equals else ""]
    elif key == "arg":
        arguments = words.shell_words(rest, escape)
    elif key in _STRINGS:
        arguments = [rest] if rest else []
    elif key in ("expose", "from"):
        arguments = words.plain_words(rest)
    elif key == "onbuild":
        if rest:
            inner = _node("" if inside else rest, escape, inside=True)
            arguments = [inner.name, *inner.arguments]
    elif key in _LISTS or key in _COMMANDS:
        arguments, is_json = _maybe_json(rest, split=key in _LISTS)
    elif key == "healthcheck":
        arguments, is_json = _health(rest)
    return Node(name, flags, arguments, is_json, line, inner=inner)


def _maybe_json(rest: str, *, split: bool) -> tuple[list[str], bool]:
    found = words.json_words(rest)
    if found is not None:
        return found, True
    if split:
        return words.plain_words(rest), False
    return [rest] if rest else [], False


def _health(rest: str) -> tuple[list[str], bool]:
    end = next((at for at, character in enumerate(rest) if is_space(character)), len(rest))
    if not end:
        return [], False
    arguments, is_json = _maybe_json(rest[end:].lstrip(), split=False)
    return [rest[:end], *arguments], is_json
