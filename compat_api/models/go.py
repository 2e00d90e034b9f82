"""What the request models share: field types that accept what Go's JSON decoder accepts, under Go's type names.

Keys match whatever their case, the last one wins; null leaves a field as it is; unknown keys are passed over; a
number is no text and a text is no number. The Go name of a type is kept as metadata, because dockerd's errors
speak of it. Importing this imports pydantic, so only what decodes a body does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from compat_api.names import docker_name
from engine.lean_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Go:
    """The name of a field's type in dockerd's source."""

    name: str


class DockerModel(BaseModel):
    """A JSON object of Docker's API; fields are named as in the engine's records."""

    model_config = ConfigDict(alias_generator=docker_name, extra="ignore", strict=True, populate_by_name=False)
    go_type: ClassVar[str] = ""
    go_root: ClassVar[str | None] = None  # what Go's errors call a body of this type; None: go_type without its package

    @model_validator(mode="before")
    @classmethod
    def _as_go_reads_it(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        names = _aliases(cls)
        found = {}
        for key, value in data.items():
            name = names.get(key) or names.get(key.lower())
            if name is not None and value is not None:
                found[name] = value
        return found


@cache
def _aliases(cls: type[DockerModel]) -> dict[str, str]:
    """Return each field's alias by itself and by its lower case."""
    aliases = [field.alias or name for name, field in cls.model_fields.items()]
    return {alias.lower(): alias for alias in aliases} | {alias: alias for alias in aliases}


def _empty_for_null(value: Any) -> Any:
    return "" if value is None else value


def _zero_for_null(value: Any) -> Any:
    return {} if value is None else value


ZERO_FOR_NULL = BeforeValidator(_zero_for_null)  # for objects inside a list, where null is one without fields


def _list_of_one(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_empty_for_null)]  # inside a list or a map, where null is the empty text
Texts = list[Text]
TextMap = dict[str, Text]
Words = Annotated[list[Text], BeforeValidator(_list_of_one), Go("strslice.StrSlice")]  # a text stands for one word
Set = dict[str, Annotated[dict[str, Any] | None, Go("struct {}")]]  # only the keys count
PortSet = Annotated[Set, Go("nat.PortSet")]

Int = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63), Go("int")]
Int64 = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63), Go("int64")]
Uint = Annotated[int, Field(ge=0, lt=1 << 64), Go("uint")]
Uint16 = Annotated[int, Field(ge=0, lt=1 << 16), Go("uint16")]
Uint32 = Annotated[int, Field(ge=0, lt=1 << 32), Go("uint32")]
Uint64 = Annotated[int, Field(ge=0, lt=1 << 64), Go("uint64")]
Duration = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63), Go("time.Duration")]
