"""Go's text/template, as far as a log's tag can need it: actions, pipelines, conditions, loops and functions. Pure.

Values are str, int, float, bool, None, lists, dicts and records (Fields). Functions are those of Go's package and of
dockerd's own templates. Templates do not define other templates. Errors are told in Go's words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_plus

_ACTION = re.compile(r"\{\{(- |-\n|-\t)?(.*?)( -|\n-|\t-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?P<char>'(?:[^'\\\n]|\\.)+')
    |(?P<number>[+-]?\d[\w.]*)|(?P<field>(?:\.[A-Za-z_]\w*)+)|(?P<variable>\$\w*(?:\.[A-Za-z_]\w*)*)
    |(?P<word>[A-Za-z_]\w*)|(?P<mark>:=|[|(),=.])|(?P<bad>.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"', "'": "'"}
_KEYWORDS = ("if", "else", "end", "range", "with", "define", "template", "block", "break", "continue")
_VERB = re.compile(r"%([-+# 0]*)(\d*)(?:\.(\d*))?([a-zA-Z%])")
_MOST_STEPS = 100_000


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


class Fields(dict[str, Any]):
    """A record: what {{.Name}} finds; kind is what Go calls its type. Methods are found alike, but not printed."""

    def __init__(self, kind: str, fields: Mapping[str, Any], methods: Mapping[str, Any]) -> None:
        super().__init__({**fields, **methods})
        self.kind = kind
        self.printed = list(fields)


class BadTemplate(ValueError):
    """A template that cannot be parsed or carried out; the text says why, as Go does."""


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Template:
    """A parsed template. Raises BadTemplate."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._pieces = list(_pieces(name, text))
        self._at = 0
        self._loops = 0
        self._body, end = self._list(())
        if end is not None:
            raise BadTemplate(f"template: {name}:1: unexpected {{{{{end[0].text}}}}}")

    def render(self, data: Any) -> str:
        """Fill the template in. Raises BadTemplate."""
        out: list[str] = []
        variables = _Scope()
        variables["$"] = data
        _Run(self._name, out).carry_out(self._body, variables, data)
        return "".join(out)

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
            words = "unterminated quoted string" if match[0] in "\"'`" else f"unexpected {_quoted(match[0])} in command"
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
        raise self._bad(f"unexpected {_quoted(text)} in operand")

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
                raise self._bad(f"bad number syntax: {_quoted(text)}") from None

    def _bad(self, words: str) -> BadTemplate:
        return BadTemplate(f"template: {self._name}:1: {words}")


class _Run:
    """Carries a template out."""

    def __init__(self, name: str, out: list[str]) -> None:
        self._name = name
        self._out = out
        self._left = _MOST_STEPS

    def carry_out(self, nodes: list[Any], variables: _Scope, dot: Any) -> None:
        """Carry out nodes; variables that they make are theirs alone."""
        variables = _Scope(variables)
        for node in nodes:
            self._step()
            match node:
                case ("text", text):
                    self._out.append(text)
                case ("action", pipeline):
                    value = self._pipeline(pipeline, variables, dot)
                    if not pipeline.variables:
                        self._out.append(_printed(value))
                case ("break",):
                    raise _Break
                case ("continue",):
                    raise _Continue
                case ("range", pipeline, body, other):
                    self._range(pipeline, body, other, variables, dot)
                case _:
                    self._choose(node, variables, dot)

    def _choose(self, node: Any, variables: _Scope, dot: Any) -> None:
        """Carry out an if or a with."""
        word, pipeline, body, other = node
        inner = _Scope(variables)
        value = self._pipeline(pipeline, inner, dot)
        if _truth(value):
            self.carry_out(body, inner, value if word == "with" else dot)
        else:
            self.carry_out(other, inner, dot)

    def _range(self, pipeline: Pipeline, body: list[Any], other: list[Any], variables: _Scope, dot: Any) -> None:
        value = self._commands(pipeline.calls, variables, dot)
        pairs: list[tuple[Any, Any]] = []
        if isinstance(value, dict):
            pairs = [(key, value[key]) for key in sorted(value)]
        elif isinstance(value, list):
            pairs = list(enumerate(value))
        elif type(value) is int:
            pairs = [(number, number) for number in range(min(value, _MOST_STEPS))]
        elif value is not None:
            node = pipeline.calls[-1].nodes[0]
            raise self._bad(f"range can't iterate over {_printed(value)}", node.text, node.at)
        names = pipeline.variables
        for pair in pairs:
            inner = _Scope(variables)
            inner.update(zip(names, pair if len(names) == 2 else pair[1:], strict=False))
            try:
                self.carry_out(body, inner, pair[1])
            except _Break:
                break
            except _Continue:
                continue
        if not pairs:
            self.carry_out(other, variables, dot)

    def _pipeline(self, pipeline: Pipeline, variables: _Scope, dot: Any) -> Any:
        value = self._commands(pipeline.calls, variables, dot)
        for name in pipeline.variables:
            if pipeline.new:
                variables[name] = value
            elif not variables.assign(name, value):
                raise BadTemplate(f"template: {self._name}:1: undefined variable {_quoted(name)}")
        return value

    def _commands(self, calls: list[Call], variables: _Scope, dot: Any) -> Any:
        value: Any = None
        for number, call in enumerate(calls):
            value = self._call(call, variables, dot, [value] if number else [])
        return value

    def _call(self, call: Call, variables: _Scope, dot: Any, last: list[Any]) -> Any:
        first, *rest = call.nodes
        if first.kind == "nil":
            raise self._bad("nil is not a command", first.text, first.at)
        if first.kind != "function":
            if rest or last:
                if first.kind in ("field", "variable", "chain"):
                    name = first.text.rpartition(".")[2]
                    words = f"wrong number of args for {name}: want 0 got {len(rest) + len(last)}"
                else:
                    words = f"can't give argument to non-function {first.text}"
                raise self._bad(words, first.text, first.at)
            return self._value(first, variables, dot)
        name = first.value
        if name in ("and", "or"):
            return self._short(name, rest, variables, dot, last)
        function, kinds = FUNCTIONS[name]
        given = len(rest) + len(last)
        if kinds and len(kinds) != given:
            words = f"wrong number of args for {name}: want {len(kinds)} got {given}"
            raise self._bad(words, first.text, first.at)
        arguments = [self._value(each, variables, dot) for each in rest] + last
        for number, (kind, argument) in enumerate(zip(kinds, arguments, strict=False)):
            if kind and _kind(argument) != kind:
                self._mismatch(kind, argument, rest[number] if number < len(rest) else first)
        self._step()
        try:
            return function(*arguments)
        except (TypeError, ValueError, IndexError) as error:
            raise self._bad(f"error calling {name}: {error}", call.text, first.at) from None

    def _mismatch(self, kind: str, argument: Any, node: Node) -> None:
        if node.kind == "value":
            raise self._bad(f"expected {kind.replace('int', 'integer')}; found {node.text}", node.text, node.at)
        words = f"wrong type for value; expected {kind}; got {_kind(argument)}"
        raise self._bad(words, node.text, node.at)

    def _short(self, name: str, rest: list[Node], variables: _Scope, dot: Any, last: list[Any]) -> Any:
        value: Any = None
        for each in [*rest, *(Node("value", item, "", 0) for item in last)]:
            value = self._value(each, variables, dot)
            if _truth(value) == (name == "or"):
                return value
        return value

    def _value(self, node: Node, variables: _Scope, dot: Any) -> Any:
        match node.kind:
            case "value" | "nil":
                return node.value
            case "dot":
                return dot
            case "field":
                return self._fields(dot, node.value, node)
            case "variable":
                name, fields = node.value
                if name not in variables:
                    raise BadTemplate(f"template: {self._name}:1: undefined variable {_quoted(name)}")
                return self._fields(variables[name], fields, node)
            case "chain":
                inner, fields = node.value
                return self._fields(self._value(inner, variables, dot), fields, node)
            case "pipeline":
                return self._pipeline(node.value, variables, dot)
            case _:
                return self._call(Call([node]), variables, dot, [])

    def _fields(self, value: Any, names: list[str], node: Node) -> Any:
        for name in names:
            if isinstance(value, dict) and not (isinstance(value, Fields) and name not in value):
                value = value.get(name)
            else:
                kind = value.kind if isinstance(value, Fields) else _kind(value)
                raise self._bad(f"can't evaluate field {name} in type {kind}", node.text, node.at)
        return value

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise BadTemplate(f"template: {self._name}:1: too many steps")

    def _bad(self, words: str, place: str, at: int) -> BadTemplate:
        return BadTemplate(f'template: {self._name}:1:{at}: executing "{self._name}" at <{place}>: {words}')


class _Scope(dict[str, Any]):
    """Variables, and those of the scopes around."""

    def __init__(self, outer: _Scope | None = None) -> None:
        super().__init__()
        self._outer = outer

    def __missing__(self, name: str) -> Any:
        if self._outer is None:
            raise KeyError(name)
        return self._outer[name]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (self._outer is not None and name in self._outer)

    def assign(self, name: str, value: Any) -> bool:
        """Change a variable where it was made; False where there is none."""
        if super().__contains__(name):
            self[name] = value
            return True
        return self._outer is not None and self._outer.assign(name, value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU":
            return chr(int(code[1:], 16))
        return chr(int(code, 8)) if code.isdigit() else _ESCAPES.get(code, code)

    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", one, text)


def _kind(value: Any) -> str:
    names = {str: "string", bool: "bool", int: "int", float: "float64", list: "[]string", dict: "map[string]string"}
    return names.get(type(value), "interface {}")


def _truth(value: Any) -> bool:
    return isinstance(value, Fields) or bool(value)


def _printed(value: Any) -> str:
    """Return a value as Go prints it."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Fields):
        return "{" + " ".join(_printed(value[name]) for name in value.printed) + "}"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_printed(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_printed(each) for each in value) + "]"
    return str(value)


def _print(*values: Any) -> str:
    """Return values side by side, with a space between two of which neither is a text."""
    out = ""
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            out += " "
        out += _printed(value)
    return out


def _printf(form: str, *values: Any) -> str:
    left = list(values)

    def one(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(MISSING)"
        text = _formatted(verb, left.pop(0), flags, precision)
        fill = "0" if "0" in flags and "-" not in flags and verb in "dxX" else " "
        size = int(width or 0)
        return text.ljust(size) if "-" in flags else text.rjust(size, fill)

    out = _VERB.sub(one, form)
    if left:
        out += "%!(EXTRA " + ", ".join(f"{_kind(each)}={_printed(each)}" for each in left) + ")"
    return out


def _formatted(verb: str, value: Any, flags: str, precision: str | None) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if verb == "v" or (verb == "s" and not isinstance(value, int | float)):
        text = _printed(value)
        return text[: int(precision or 0)] if precision is not None and isinstance(value, str) else text
    if verb == "q" and isinstance(value, str):
        return _quoted(value)
    if verb == "q" and isinstance(value, list):
        return "[" + " ".join(_quoted(str(each)) for each in value) + "]"
    if verb == "d" and whole:
        return f"{value:+d}" if "+" in flags else str(value)
    if verb == "t" and isinstance(value, bool):
        return _printed(value)
    if verb in "xX" and whole:
        return format(value, verb)
    if verb in "xX" and isinstance(value, str):
        text = value.encode().hex()
        return text.upper() if verb == "X" else text
    if verb == "c" and whole:
        return chr(value)
    if verb == "f" and isinstance(value, float):
        return f"{value:.{int(precision) if precision else 6}f}"
    if verb == "U" and whole:
        return f"U+{value:04X}"
    if verb == "e" and isinstance(value, float):
        return f"{value:.{int(precision) if precision else 6}e}"
    if verb == "T":
        return _kind(value)
    return f"%!{verb}({_kind(value)}={_printed(value)})"


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, "")
        elif isinstance(value, list | str):
            if not 0 <= key < len(value):
                raise IndexError(f"index out of range: {key}")
            value = value[key] if isinstance(value, list) else value.encode()[key]
        else:
            raise ValueError(f"can't index item of type {_kind(value)}")
    return value


def _slice(value: Any, *bounds: int) -> Any:
    whole = value.encode() if isinstance(value, str) else value
    begin, end = (*bounds, len(whole))[:2] if bounds else (0, len(whole))
    if not 0 <= begin <= end <= len(whole):
        raise IndexError(f"index out of range: {end if end > len(whole) else begin}")
    cut = whole[begin:end]
    return cut.decode(errors="replace") if isinstance(cut, bytes) else cut


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise ValueError("missing argument for comparison")
    for other in others:
        if _kind(first) != _kind(other):
            raise ValueError(f"incompatible types for comparison: {_kind(first)} and {_kind(other)}")
    return first in others


def _order(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(first: Any, second: Any) -> bool:
        if _kind(first) != _kind(second):
            raise ValueError(f"incompatible types for comparison: {_kind(first)} and {_kind(second)}")
        return test(first, second)

    return compare


def _html(*values: Any) -> str:
    text = _print(*values)
    for char, entity in (("&", "&amp;"), ("'", "&#39;"), ('"', "&#34;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, entity)
    return text


def _js(*values: Any) -> str:
    marks = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
    return "".join(marks.get(char, char) for char in _print(*values))


def _title(text: str) -> str:
    return re.sub(r"(?<![\w'])\w", lambda match: match[0].upper(), text)


def _truncate(text: str, length: int) -> str:
    data = text.encode()
    return text if len(data) < length else data[:length].decode(errors="replace")


def _json(value: Any) -> str:
    record = isinstance(value, Fields)
    plain = {name: value[name] for name in value.printed} if record else value
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=not record)


def _length(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise ValueError(f"len of type {_kind(value)}")
    return len(value.encode() if isinstance(value, str) else value)


# Each with the kinds of its arguments, "" for any; () where their number is not fixed.
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "not": (lambda value: not _truth(value), ("",)),
    "len": (_length, ("",)),
    "index": (_index, ()),
    "slice": (_slice, ()),
    "print": (_print, ()),
    "println": (lambda *values: " ".join(map(_printed, values)) + "\n", ()),
    "printf": (_printf, ()),
    "html": (_html, ()),
    "js": (_js, ()),
    "urlquery": (lambda *values: quote_plus(_print(*values)), ()),
    "eq": (_equal, ()),
    "ne": (lambda first, second: not _equal(first, second), ("", "")),
    "lt": (_order(lambda a, b: a < b), ("", "")),
    "le": (_order(lambda a, b: a <= b), ("", "")),
    "gt": (_order(lambda a, b: a > b), ("", "")),
    "ge": (_order(lambda a, b: a >= b), ("", "")),
    "json": (_json, ("",)),
    "split": (lambda text, by: text.split(by) if by else list(text), ("string", "string")),
    "join": (lambda texts, by: by.join(texts), ("[]string", "string")),
    "title": (_title, ("string",)),
    "lower": (lambda text: text.lower(), ("string",)),
    "upper": (lambda text: text.upper(), ("string",)),
    "pad": (lambda text, before, after: " " * before + text + " " * after if text else text, ("string", "int", "int")),
    "truncate": (_truncate, ("string", "int")),
}
