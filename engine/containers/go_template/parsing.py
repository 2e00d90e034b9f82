"""From a template's text to nodes: text, actions, pipelines, conditions and loops. Pure.

Templates do not define other templates. Errors are told in Go's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from engine.containers.go_template.functions import FUNCTIONS
from engine.containers.go_template.values import BadTemplate
from engine.go_text import go_quote

_ACTION = re.compile(r"\{\{(- |-\n|-\t)?(.*?)( -|\n-|\t-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?P<char>'(?:[^'\\\n]|\\.)+')
    |(?P<number>[+-]?\d[\w.]*)|(?P<field>(?:\.[A-Za-z_]\w*)+)|(?P<variable>\$\w*(?:\.[A-Za-z_]\w*)*)
    |(?P<word>[A-Za-z_]\w*)|(?P<mark>:=|[|(),=.])|(?P<bad>.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"', "'": "'"}
_KEYWORDS = ("if", "else", "end", "range", "with", "define", "template", "block", "break", "continue")


class Token(NamedTuple):
    """A word of an action."""

    kind: str
    text: str
    spaced: bool  # a space comes before it
    at: int  # where it begins in the template


class Node(NamedTuple):
    """An operand: what kind it is, what belongs to it, how it is written, and where."""

    kind: str
    value: Any
    text: str
    at: int


class Call(NamedTuple):
    """One command of a pipeline."""

    nodes: list[Node]

    @property
    def text(self) -> str:
        """How it is written."""
        return " ".join(node.text for node in self.nodes)


class Pipeline(NamedTuple):
    """Commands, each of which takes the value of the one before, and the variables that get the last one's."""

    variables: list[str]
    new: bool
    calls: list[Call]


class Parsed:
    """A template's nodes, as its body. Raises BadTemplate."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._pieces = list(_pieces(name, text))
        self._at = 0
        self._loops = 0
        self.body, end = self._list(())
        if end is not None:
            raise BadTemplate(f"template: {name}:1: unexpected {{{{{end[0].text}}}}}")

    def _list(self, ends: tuple[str, ...]) -> tuple[list[Any], list[Token] | None]:
        """Parse to the end, or to an action that begins with one of these words."""
        found: list[Any] = []
        while self._at < len(self._pieces):
            kind, value = self._pieces[self._at]
            self._at += 1
            if kind == "text":
                found.append(("text", value))
                continue
            word = value[0].text if value[0].kind == "word" else ""
            if word in ("end", "else"):
                return found, value
            if word in ("if", "with", "range"):
                found.append(self._block(word, value[1:]))
            elif word in ("break", "continue"):
                if not self._loops:
                    raise BadTemplate(f"template: {self._name}:1: {{{{{word}}}}} outside {{{{range}}}}")
                found.append((word,))
            elif word in ("define", "template", "block"):
                raise BadTemplate(f"template: {self._name}:1: unexpected <{word}> in command")
            else:
                found.append(("action", _Parser(self._name, value).whole()))
        if ends:
            raise BadTemplate(f"template: {self._name}:1: unexpected EOF")
        return found, None

    def _block(self, word: str, tokens: list[Token]) -> Any:
        pipeline = _Parser(self._name, tokens).whole(word)
        self._loops += word == "range"
        body, end = self._list(("else", "end"))
        self._loops -= word == "range"
        other: list[Any] = []
        assert end is not None
        if end[0].text == "else":
            if len(end) > 1 and end[1].text in ("if", "with"):
                return (word, pipeline, body, [self._block(end[1].text, end[2:])])
            other, _ = self._list(("end",))
        return (word, pipeline, body, other)


def _pieces(name: str, text: str) -> Iterator[tuple[str, Any]]:
    """Yield ("text", str) and ("action", tokens)."""
    at, trim = 0, False
    while at < len(text):
        start = text.find("{{", at)
        before = text[at:] if start < 0 else text[at:start]
        match = _ACTION.match(text, start) if start >= 0 else None
        if start >= 0 and match is None:
            raise BadTemplate(f"template: {name}:1: unclosed action")
        if trim:
            before = before.lstrip()
        if match is not None and match[1]:
            before = before.rstrip()
        if before:
            yield "text", before
        if match is None:
            return
        if not (match[2].strip().startswith("/*") and match[2].strip().endswith("*/")):
            tokens = list(_tokens(name, match[2], match.start(2)))
            if not tokens:
                raise BadTemplate(f"template: {name}:1: missing value for command")
            yield "action", tokens
        at, trim = match.end(), bool(match[3])


def _tokens(name: str, text: str, at: int) -> Iterator[Token]:
    space = False
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == "bad":
            words = (
                "unterminated quoted string" if match[0] in "\"'`" else f"unexpected {go_quote(match[0])} in command"
            )
            raise BadTemplate(f"template: {name}:1: {words}")
        if kind != "space":
            yield Token(kind, match[0], space, at + match.start())
        space = kind == "space"


class _Parser:
    """Parses the tokens of one pipeline."""

    def __init__(self, name: str, tokens: list[Token]) -> None:
        self._name = name
        self._tokens = tokens
        self._at = 0

    def whole(self, what: str = "command") -> Pipeline:
        """Parse all tokens."""
        if not self._tokens:
            raise self._bad(f"missing value for {what}")
        variables, new = self._declared()
        return Pipeline(variables, new, self._calls(""))

    def _declared(self) -> tuple[list[str], bool]:
        """Take `$x :=`, `$x =` or `$i, $x :=` from the beginning."""
        kinds = [token.text if token.kind == "mark" else token.kind for token in self._tokens[:4]]
        for shape in (["variable", ":="], ["variable", "="], ["variable", ",", "variable", ":="]):
            if kinds[: len(shape)] == shape:
                self._at = len(shape)
                names = [token.text for token in self._tokens[: len(shape)] if token.kind == "variable"]
                return names, shape[-1] == ":="
        return [], False

    def _calls(self, end: str) -> list[Call]:
        found = [Call([])]
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind == "mark" and token.text == ")":
                if not end:
                    raise self._bad("unexpected right paren")
                break
            self._at += 1
            if token.kind == "mark" and token.text == "|":
                if not found[-1].nodes:
                    raise self._bad('unexpected "|" in command')
                found.append(Call([]))
                continue
            node = self._operand(token)
            nodes = found[-1].nodes
            if token.kind == "field" and not token.spaced and nodes and nodes[-1].kind == "pipeline":
                nodes[-1] = Node("chain", (nodes[-1], node.value), nodes[-1].text + token.text, token.at)
            else:
                nodes.append(node)
        else:
            if end:
                raise self._bad("unclosed left paren")
        if not found[-1].nodes and len(found) > 1:
            found.pop()  # a bar with nothing behind it does nothing
        if not found[-1].nodes:
            raise self._bad("missing value for command")
        for number, call in enumerate(found):
            if number and call.nodes[0].kind in ("value", "nil", "dot"):
                raise self._bad(f"non executable command in pipeline stage {number + 1}")
        return found

    def _operand(self, token: Token) -> Node:
        kind, text, _, at = token
        match kind:
            case "text":
                return Node("value", text[1:-1] if text[0] == "`" else _unescaped(text[1:-1]), text, at)
            case "char":
                return Node("value", ord(_unescaped(text[1:-1])), text, at)
            case "number":
                return Node("value", self._number(text), text, at)
            case "field":
                names = text[1:].split(".")
                return Node("field", names, text, at if len(names) == 1 else at + 1 + len(names[0]))
            case "variable":
                name, *fields = text.split(".")
                return Node("variable", (name, fields), text, at)
            case "word":
                return self._word(text, at)
            case _:
                return self._mark(text, at)

    def _mark(self, text: str, at: int) -> Node:
        if text == ".":
            return Node("dot", None, text, at)
        if text == "(":
            calls = self._calls(")")
            self._at += 1
            return Node("pipeline", Pipeline([], False, calls), f"({' | '.join(call.text for call in calls)})", at)
        raise self._bad(f"unexpected {go_quote(text)} in operand")

    def _word(self, text: str, at: int) -> Node:
        if text in ("true", "false"):
            return Node("value", text == "true", text, at)
        if text == "nil":
            return Node("nil", None, text, at)
        if text in _KEYWORDS:
            raise self._bad(f"unexpected <{text}> in operand")
        if text not in FUNCTIONS and text not in ("and", "or"):
            raise self._bad(f'function "{text}" not defined')
        return Node("function", text, text, at)

    def _number(self, text: str) -> int | float:
        try:
            return int(text, 0)
        except ValueError:
            try:
                return float(text)
            except ValueError:
                raise self._bad(f"bad number syntax: {go_quote(text)}") from None

    def _bad(self, words: str) -> BadTemplate:
        return BadTemplate(f"template: {self._name}:1: {words}")


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU":
            return chr(int(code[1:], 16))
        return chr(int(code, 8)) if code.isdigit() else _ESCAPES.get(code, code)

    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", one, text)
