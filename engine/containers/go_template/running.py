"""Carrying a parsed template out. Pure; errors are told in Go's words."""

from __future__ import annotations

from typing import Any

from engine.containers.go_template.functions import FUNCTIONS
from engine.containers.go_template.parsing import Call, Node, Pipeline
from engine.containers.go_template.values import BadTemplate, Fields, is_true, kind_of, printed
from engine.go_text import go_quote

_MOST_STEPS = 100_000


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Run:
    """Carries a template out."""

    def __init__(self, name: str, out: list[str]) -> None:
        self._name = name
        self._out = out
        self._left = _MOST_STEPS

    def carry_out(self, nodes: list[Any], variables: Scope, dot: Any) -> None:
        """Carry out nodes; variables that they make are theirs alone."""
        variables = Scope(variables)
        for node in nodes:
            self._step()
            match node:
                case ("text", text):
                    self._out.append(text)
                case ("action", pipeline):
                    value = self._pipeline(pipeline, variables, dot)
                    if not pipeline.variables:
                        self._out.append(printed(value))
                case ("break",):
                    raise _Break
                case ("continue",):
                    raise _Continue
                case ("range", pipeline, body, other):
                    self._range(pipeline, body, other, variables, dot)
                case _:
                    self._choose(node, variables, dot)

    def _choose(self, node: Any, variables: Scope, dot: Any) -> None:
        """Carry out an if or a with."""
        word, pipeline, body, other = node
        inner = Scope(variables)
        value = self._pipeline(pipeline, inner, dot)
        if is_true(value):
            self.carry_out(body, inner, value if word == "with" else dot)
        else:
            self.carry_out(other, inner, dot)

    def _range(self, pipeline: Pipeline, body: list[Any], other: list[Any], variables: Scope, dot: Any) -> None:
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
            raise self._bad(f"range can't iterate over {printed(value)}", node.text, node.at)
        names = pipeline.variables
        for pair in pairs:
            inner = Scope(variables)
            inner.update(zip(names, pair if len(names) == 2 else pair[1:], strict=False))
            try:
                self.carry_out(body, inner, pair[1])
            except _Break:
                break
            except _Continue:
                continue
        if not pairs:
            self.carry_out(other, variables, dot)

    def _pipeline(self, pipeline: Pipeline, variables: Scope, dot: Any) -> Any:
        value = self._commands(pipeline.calls, variables, dot)
        for name in pipeline.variables:
            if pipeline.new:
                variables[name] = value
            elif not variables.assign(name, value):
                raise BadTemplate(f"template: {self._name}:1: undefined variable {go_quote(name)}")
        return value

    def _commands(self, calls: list[Call], variables: Scope, dot: Any) -> Any:
        value: Any = None
        for number, call in enumerate(calls):
            value = self._call(call, variables, dot, [value] if number else [])
        return value

    def _call(self, call: Call, variables: Scope, dot: Any, last: list[Any]) -> Any:
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
            if kind and kind_of(argument) != kind:
                self._mismatch(kind, argument, rest[number] if number < len(rest) else first)
        self._step()
        try:
            return function(*arguments)
        except (TypeError, ValueError, IndexError) as error:
            raise self._bad(f"error calling {name}: {error}", call.text, first.at) from None

    def _mismatch(self, kind: str, argument: Any, node: Node) -> None:
        if node.kind == "value":
            raise self._bad(f"expected {kind.replace('int', 'integer')}; found {node.text}", node.text, node.at)
        words = f"wrong type for value; expected {kind}; got {kind_of(argument)}"
        raise self._bad(words, node.text, node.at)

    def _short(self, name: str, rest: list[Node], variables: Scope, dot: Any, last: list[Any]) -> Any:
        value: Any = None
        for each in [*rest, *(Node("value", item, "", 0) for item in last)]:
            value = self._value(each, variables, dot)
            if is_true(value) == (name == "or"):
                return value
        return value

    def _value(self, node: Node, variables: Scope, dot: Any) -> Any:
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
                    raise BadTemplate(f"template: {self._name}:1: undefined variable {go_quote(name)}")
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
                kind = value.kind if isinstance(value, Fields) else kind_of(value)
                raise self._bad(f"can't evaluate field {name} in type {kind}", node.text, node.at)
        return value

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise BadTemplate(f"template: {self._name}:1: too many steps")

    def _bad(self, words: str, place: str, at: int) -> BadTemplate:
        return BadTemplate(f'template: {self._name}:1:{at}: executing "{self._name}" at <{place}>: {words}')


class Scope(dict[str, Any]):
    """Variables, and those of the scopes around."""

    def __init__(self, outer: Scope | None = None) -> None:
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
