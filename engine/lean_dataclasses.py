"""Dataclasses that cost little to define: what every record of the engine is made with, instead of dataclasses' own.

dataclasses compiles five methods of text for each class, half of all the time that a cold start spends on importing the
engine, and looks at each annotation for what we never write. Here each class gets the same few methods, which go by the
class's plan. What they make is a dataclass with slots to all who use it: dataclasses.fields, replace and asdict work
on it; the replace here does the same without checking again what was checked when the record was made. Type checkers
see the standard decorator. __post_init__, ClassVar, InitVar and KW_ONLY are not supported, nor is a standard dataclass
that inherits from one of these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "field", "fields", "replace"]

Put = Callable[[Any, Any], None]
_FIELD: Any = dataclasses._FIELD  # type: ignore[attr-defined]  # what fields() looks for


class Plan:
    """How instances of one class are made: what sets each field, and which value it has unless one is given."""

    __slots__ = ("defaults", "factories", "get", "names", "needed", "positional", "puts", "rests", "sets")

    def __init__(self, cls: Any) -> None:
        found = dataclasses.fields(cls)
        self.names = tuple(each.name for each in found)
        self.puts: dict[str, Put] = {name: getattr(cls, name).__set__ for name in self.names}
        self.sets = tuple(self.puts.values())
        self.get = _getter(self.names)
        self.defaults = {each.name: each.default for each in found if each.default is not MISSING}
        self.factories = [(each.name, each.default_factory) for each in found if each.default_factory is not MISSING]
        self.positional = [each.name for each in found if not each.kw_only]
        self.needed = [each.name for each in found if each.default is each.default_factory]  # both are MISSING
        self.rests = self._rests()

    def _rests(self) -> dict[int, tuple[Any, ...]]:
        """Return what comes after so many values in their order, where that is defaults alone."""
        if len(self.positional) < len(self.names):
            return {}
        rest = () if self.factories else tuple(self.defaults.values())
        first = len(self.names) - len(rest)
        return {first + at: rest[at:] for at in range(len(rest) + 1)}


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads all fields of a record."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple([getattr(record, name) for name in names])


if TYPE_CHECKING:
    from dataclasses import dataclass, replace
else:

    def dataclass(*, frozen: bool = False, slots: bool, kw_only: bool = False) -> Callable[[type], type]:
        """Return a decorator that makes a class a dataclass with slots."""
        assert slots, "these have slots"

        def make(cls: type) -> type:
            assert not hasattr(cls, "__post_init__"), "there is none of that here"
            cls.__init__, cls.__repr__, cls.__eq__ = _init, _repr, _eq
            cls.__hash__ = _hash if frozen else None
            made = _with_slots(cls, _fields_of(cls, kw_only))
            made.__plan__ = Plan(made)
            if frozen:
                made.__setattr__, made.__delattr__ = _refuse_setting, _refuse_deleting
                made.__getstate__, made.__setstate__ = _values, _set_values
            return made

        return make

    def replace(record: Any, /, **changes: Any) -> Any:
        """Return a record with other values in the named fields. Raises TypeError for a field that it has not."""
        plan: Plan = record.__plan__
        made = object.__new__(type(record))
        for put, value in zip(plan.sets, plan.get(record), strict=True):
            put(made, value)
        _put(made, changes)
        return made


def _fields_of(cls: Any, kw_only: bool) -> dict[str, Any]:
    """Return the fields of a class that is about to become a dataclass, its bases' first."""
    found: dict[str, Any] = {}
    for base in cls.__mro__[-1:0:-1]:
        found.update(getattr(base, "__dataclass_fields__", {}))
    for name, kind in cls.__annotations__.items():
        default = cls.__dict__.get(name, MISSING)
        made: Any = default if isinstance(default, dataclasses.Field) else field(default=default)
        assert made.default is MISSING or made.default.__hash__ is not None, "all records would share it"
        made.name, made.type, made._field_type = name, kind, _FIELD
        if made.kw_only is MISSING:
            made.kw_only = kw_only
        found[name] = made
    return found


def _with_slots(cls: Any, found: dict[str, Any]) -> Any:
    """Return the class made anew with slots for its fields: a class cannot get them later."""
    inherited = {name for base in cls.__mro__[1:-1] for name in base.__dict__.get("__slots__", ())}
    members = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__", *found)}
    members["__dataclass_fields__"] = found
    members["__match_args__"] = tuple([name for name, each in found.items() if not each.kw_only])
    members["__slots__"] = tuple([name for name in cls.__annotations__ if name not in inherited])
    made = type(cls)(cls.__name__, cls.__bases__, members)
    made.__qualname__ = cls.__qualname__
    return made


def _init(self: Any, /, *values: Any, **named: Any) -> None:
    plan: Plan = self.__plan__
    if not named and (rest := plan.rests.get(len(values))) is not None:  # most records, and in a third of the time
        for put, value in zip(plan.sets, (*values, *rest), strict=True):
            put(self, value)
        return
    if values:
        if len(values) > len(plan.positional):
            raise TypeError(f"{type(self).__name__} takes {len(plan.positional)} values, not {len(values)}")
        given = dict(zip(plan.positional, values, strict=False))
        if not given.keys().isdisjoint(named):
            raise TypeError(f"{type(self).__name__} is given {', '.join(given.keys() & named.keys())} twice")
        named = given | named
    for name, factory in plan.factories:
        if name not in named:
            named[name] = factory()
    _put(self, {**plan.defaults, **named} if plan.defaults else named)
    for name in plan.needed:
        if name not in named:
            raise TypeError(f"{type(self).__name__} needs {name}")


def _put(self: Any, named: dict[str, Any]) -> None:
    puts = self.__plan__.puts
    try:
        for name, value in named.items():
            puts[name](self, value)
    except KeyError as error:
        raise TypeError(f"{type(self).__name__} has no field {error}") from None


def _values(self: Any) -> tuple[Any, ...]:
    values: tuple[Any, ...] = self.__plan__.get(self)
    return values


def _set_values(self: Any, values: tuple[Any, ...]) -> None:
    for put, value in zip(self.__plan__.sets, values, strict=True):
        put(self, value)


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__plan__.names)
    return f"{type(self).__qualname__}({shown})"


def _eq(self: Any, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _refuse_setting(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")
