"""The facts of an API document: names and types of paths, parameters, fields and answers, without its prose. Pure.

A type is written "string", "integer", ..., "[]TYPE" for a list, "{}TYPE" for a map, "&NAME" for a definition, or is
an object of fields. So written, dockerd's document (Swagger 2.0) and ours (OpenAPI 3.1) can be compared.
"""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]
METHODS = ("get", "head", "post", "put", "delete")


def facts_of(document: Json) -> Json:
    """Return a document's operations and definitions."""
    operations = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operations[f"{method.upper()} {path}"] = _operation(item[method])
    schemas = document.get("definitions") or document.get("components", {}).get("schemas", {})
    return {
        "operations": operations,
        "definitions": {name: compact(schema) for name, schema in sorted(schemas.items())},
    }


def _operation(found: Json) -> Json:
    parameters, body = {}, None
    for each in found.get("parameters", ()):
        if each["in"] == "body":
            body = compact(each.get("schema", {}))
        else:
            parameters[f"{each['in']} {each['name']}"] = compact(each.get("schema") or _content(each) or each)
    if "requestBody" in found:
        body = compact(_content(found["requestBody"]) or {})
    answers = {}
    for status, answer in found.get("responses", {}).items():
        schema = answer.get("schema") or _content(answer)
        answers[str(status)] = compact(schema) if schema else None
    return {"parameters": parameters, "body": body, "responses": answers}


def _content(found: Json) -> Json | None:
    for kind in found.get("content", {}).values():
        schema: Json | None = kind.get("schema") or kind.get("x-line-schema")
        return schema
    return None


def compact(schema: Json) -> Any:
    """Return a schema's type."""
    if "$ref" in schema:
        return "&" + schema["$ref"].rpartition("/")[2]
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            return _several([compact(each) for each in schema[key]], merge=key == "allOf")
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if kind == "array":
        inner = compact(schema.get("items", {}))
        return f"[]{inner}" if isinstance(inner, str) else [inner]
    if schema.get("properties"):
        return {name: compact(each) for name, each in schema["properties"].items()}
    more = schema.get("additionalProperties")
    if isinstance(more, dict) and more:
        inner = compact(more)
        return f"{{}}{inner}" if isinstance(inner, str) else {"{}": inner}
    return kind or "any"


def _several(kinds: list[Any], *, merge: bool) -> Any:
    kinds = [each for each in kinds if each != "null"]
    if len(kinds) == 1:
        return kinds[0]
    if merge:
        return {"&": [each for each in kinds if isinstance(each, str)]} | {
            name: each for kind in kinds if isinstance(kind, dict) for name, each in kind.items()
        }
    return next(each for each in kinds if each != "string")


def to_lines(value: Json) -> str:
    """Return JSON with a line for each member of a member, which are what changes."""
    lines = []
    for name, part in value.items():
        if isinstance(part, dict) and part:
            inner = [f"{json.dumps(key)}: {_one_line(each)}" for key, each in part.items()]
            lines.append(f"{json.dumps(name)}: {{\n" + ",\n".join(inner) + "\n}")
        else:
            lines.append(f"{json.dumps(name)}: {_one_line(part)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def flat(facts: Json, kind: Any, path: str = "", inside: tuple[str, ...] = ()) -> dict[str, str]:
    """Return every field below a type with its own type, by dotted path; [] and {} stand for items and values."""
    if isinstance(kind, list):
        return {path or "[]": "list", **flat(facts, kind[0], f"{path}[]", inside)}
    if isinstance(kind, dict):
        return _fields(facts, kind, path, inside)
    for prefix, name in (("[]", "list"), ("{}", "map")):
        if kind.startswith(prefix):
            rest = flat(facts, kind.removeprefix(prefix), path + prefix, inside)
            return {path or prefix: name, **rest}
    if not kind.startswith("&"):
        return {path or ".": kind}
    name = kind[1:]
    if name in inside or name not in facts["definitions"]:
        return {path or ".": "object"}
    return flat(facts, facts["definitions"][name], path, (*inside, name))


def _fields(facts: Json, kind: Json, path: str, inside: tuple[str, ...]) -> dict[str, str]:
    found = {path: "object"} if path else {}
    for name, each in kind.items():
        if name == "&":
            for part in each:
                found |= flat(facts, part, path, inside)
        elif name == "{}":
            found |= {path or "{}": "map", **flat(facts, each, f"{path}{{}}", inside)}
        else:
            found |= flat(facts, each, f"{path}.{name}".lstrip("."), inside)
    return found
