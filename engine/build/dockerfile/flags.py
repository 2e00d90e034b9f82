"""The --flags of an instruction. Pure; error texts are BuildKit's."""

from __future__ import annotations

from collections.abc import Mapping

from engine.build.dockerfile.suggestion import did_you_mean
from engine.build.dockerfile.words import BadWords

TEXT, TRUTH, TEXTS = "text", "truth", "texts"


class Flags:
    """The values of the flags that an instruction takes; truth is "true" or "false"."""

    def __init__(self, given: list[str], known: Mapping[str, str]) -> None:
        self._known = known
        self.values: dict[str, str] = {}
        self._lists: dict[str, list[str]] = {}
        for flag in given:
            if flag == "--":
                break
            self._take(flag)

    def text(self, name: str, default: str = "") -> str:
        """Return a text's value."""
        return self.values.get(name, default)

    def truth(self, name: str) -> bool | None:
        """Return a truth value, None where the flag was not given."""
        return self.values[name] == "true" if name in self.values else None

    def texts(self, name: str) -> list[str]:
        """Return the values of a flag that may be given several times."""
        return self._lists.get(name, [])

    def _take(self, flag: str) -> None:
        if not flag.startswith("--"):
            raise BadWords(f"arg should start with -- : {flag}")
        whole, equals, value = flag.partition("=")
        name = whole[2:]
        kind = self._known.get(name)
        if kind is None:
            raise BadWords(did_you_mean(f"unknown flag: {whole}", name, self._known, case_counts=True))
        if name in self.values and kind != TEXTS:
            raise BadWords(f"duplicate flag specified: {whole}")
        if kind == TRUTH:
            if equals and not value:
                raise BadWords(f"missing a value on flag: {whole}")
            if value.lower() not in ("", "true", "false"):
                raise BadWords(f"expecting boolean value for flag {whole}, not: {value}")
            self.values[name] = value.lower() or "true"
            return
        if not equals:
            raise BadWords(f"missing a value on flag: {whole}")
        if kind == TEXTS:
            self._lists.setdefault(name, []).append(value)
        else:
            self.values[name] = value
