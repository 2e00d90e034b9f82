"""Our dataclasses beside the standard library's: whatever a record is made or used for comes out the same."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from engine import lean_dataclasses as lean


@lean.dataclass(frozen=True, slots=True)
class Frozen:
    """A record with every kind of field."""

    name: str
    size: int = 3
    labels: dict[str, str] = lean.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    """The same by the standard library."""

    name: str
    size: int = 3
    labels: dict[str, str] = dataclasses.field(default_factory=dict)


@lean.dataclass(slots=True)
class Changing:
    """A record that changes."""

    name: str = ""


@lean.dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A record whose fields are given by name."""

    name: str
    size: int = 0


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (("a",), {}),
        (("a", 4), {}),
        (("a",), {"labels": {"x": "y"}}),
        ((), {"name": "a", "size": 5}),
        (("a", 4, {"x": "y"}), {}),
    ],
)
def test_records_are_made_alike(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, theirs = Frozen(*values, **named), Standard(*values, **named)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)  # type: ignore[call-overload]
    assert repr(ours) == repr(theirs).replace("Standard", "Frozen")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        (("a", 1, {}, "more"), {}),
        (("a",), {"colour": "red"}),
        (("a",), {"name": "b"}),
    ],
)
@pytest.mark.parametrize("kind", [Frozen, Standard])
def test_what_makes_no_record_is_refused(kind: Any, values: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        kind(*values, **named)


def test_fields_by_name_alone() -> None:
    assert Named(name="a") == Named(name="a", size=0)
    with pytest.raises(TypeError):
        Named("a")  # type: ignore[misc]


def test_defaults_are_not_shared() -> None:
    one, other = Frozen("a"), Frozen("b")
    one.labels["x"] = "y"
    assert other.labels == {}


def test_what_is_frozen_stays() -> None:
    record = Frozen("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.name = "b"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del record.name
    changing = Changing("a")
    changing.name = "b"
    assert changing == Changing("b")
    with pytest.raises(AttributeError):
        changing.other = 1  # type: ignore[attr-defined]


def test_equality_is_of_one_kind_and_hashes_go_with_it() -> None:
    assert Named(name="a") != Changing("a")
    assert len({Named(name="a"), Named(name="a"), Named(name="b")}) == 2
    with pytest.raises(TypeError):
        hash(Changing("a"))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))])
def test_copies_are_equal(copied: Any) -> None:
    record = Frozen("a", 4, {"x": "y"})
    assert copied(record) == record


def test_replacing_makes_another_record() -> None:
    record = Frozen("a", 4)
    assert lean.replace(record, size=5) == Frozen("a", 5)
    assert record.size == 4
    assert [each.name for each in lean.fields(Frozen)] == ["name", "size", "labels"]


def test_a_changed_record_is_a_new_one() -> None:
    record = Frozen("a", labels={"x": "y"})
    changed = lean.replace(record, size=4)
    assert (record.size, changed) == (3, Frozen("a", 4, {"x": "y"}))
    assert changed.labels is record.labels
    assert lean.replace(Changing("a")) == Changing("a")


def test_a_field_that_is_not_there_cannot_be_replaced() -> None:
    with pytest.raises(TypeError, match="Named has no field 'colour'"):
        lean.replace(Named(name="a"), colour="red")


@lean.dataclass(frozen=True, slots=True)
class Derived(Frozen):
    """A record with all fields of another, one with another default, and one more."""

    size: int = 9
    colour: str = "red"


@dataclasses.dataclass(frozen=True, slots=True)
class StandardDerived(Standard):
    """The same by the standard library."""

    size: int = 9
    colour: str = "red"


def test_what_inherits_has_its_bases_fields_first() -> None:
    ours, theirs = Derived("a"), StandardDerived("a")
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)  # type: ignore[call-overload]
    assert Derived.__slots__ == StandardDerived.__slots__ == ("colour",)
    assert Derived.__match_args__ == StandardDerived.__match_args__
    assert not hasattr(ours, "__dict__")
    assert Frozen("a").size == 3


def test_a_default_that_all_records_would_share_is_refused() -> None:
    class Shared:
        names: list[str] = []  # noqa: RUF012  # that is what is refused

    with pytest.raises(AssertionError):
        lean.dataclass(slots=True)(Shared)
