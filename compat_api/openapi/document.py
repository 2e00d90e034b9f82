"""The OpenAPI document of what this server answers, made from the route table and the models."""

from __future__ import annotations

import inspect
import types
import typing
from typing import Any

from pydantic import BaseModel

from compat_api.models.go import Go
from compat_api.openapi import words
from compat_api.openapi.failures import failures_of
from compat_api.routes import Route, all_routes
from compat_api.table import load
from engine.version import API_VERSION, MIN_API_VERSION, VERSION

Json = dict[str, Any]
REFERENCE = "#/components/schemas/"
TAGS = {
    "": "System",
    "containers": "Container",
    "exec": "Exec",
    "images": "Image",
    "networks": "Network",
    "volumes": "Volume",
    "swarm": "Swarm",
    "nodes": "Node",
    "services": "Service",
    "tasks": "Task",
    "secrets": "Secret",
    "configs": "Config",
    "plugins": "Plugin",
    "session": "BuildKit",
    "grpc": "BuildKit",
}
_SCALARS: dict[Any, Json] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "format": "int64"},
    float: {"type": "number"},
    types.NoneType: {"type": "null"},
    Any: {},
    object: {},
}
_PARAMETERS: dict[str, Json] = {
    "string": {"schema": {"type": "string"}},
    "boolean": {"schema": {"type": "boolean"}},
    "integer": {"schema": {"type": "integer"}},
    "strings": {"schema": {"type": "array", "items": {"type": "string"}}, "style": "form", "explode": True},
    "filters": {
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                }
            }
        }
    },
}
# Headers that a route acts on, besides those of HTTP itself.
_HEADERS = {
    "/images/create": ("X-Registry-Auth",),
    "/images/{name:.*}/push": ("X-Registry-Auth",),
    "/distribution/{name:.*}/json": ("X-Registry-Auth",),
    "/build": ("X-Registry-Config",),
}
# What an answer names, and the paths under which that can be asked for again.
_MADE = {
    "/containers/create": ("Id", "/containers/{"),
    "/containers/{name:.*}/exec": ("Id", "/exec/{"),
    "/networks/create": ("Id", "/networks/{"),
    "/volumes/create": ("Name", "/volumes/{"),
    "/commit": ("Id", "/images/{"),
}
_INTRODUCTION = f"""\
The part of the Docker Engine API that Skiff serves, as dockerd 28.5 does. It is served on a Unix socket, with and
without a version in the path; versions {MIN_API_VERSION} to {API_VERSION} are understood, each in its own form."""


class Schemas:
    """The schemas of models, each once under its own name; one that two models have gets the module's name in front."""

    def __init__(self) -> None:
        self._names: dict[type[BaseModel], str] = {}
        self.found: dict[str, Json] = {}

    def of(self, hint: Any) -> Json:
        """Return the schema of a type."""
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            return self._annotated(arguments[0], hint.__metadata__)
        if origin in (typing.Union, types.UnionType):
            schemas = [self.of(each) for each in arguments if each is not types.NoneType]
            return _nullable(schemas, types.NoneType in arguments)
        if origin is list:
            return {"type": "array", "items": self.of(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return {"$ref": REFERENCE + self.name(hint)}
        return dict(_SCALARS[hint])

    def name(self, model: type[BaseModel]) -> str:
        """Return the name of a model's schema, which is made at the first call."""
        if model not in self._names:
            name = model.__name__
            if name in self.found:
                name = "".join(part.capitalize() for part in model.__module__.rpartition(".")[2].split("_")) + name
            assert name not in self.found, f"two models are called {name}"
            self._names[model] = name
            self.found[name] = {}
            self.found[name] = self._object(model)
        return self._names[model]

    def _object(self, model: type[BaseModel]) -> Json:
        hints = typing.get_type_hints(model, include_extras=True)
        properties, required = {}, []
        for name, field in model.model_fields.items():
            alias = field.alias or name
            properties[alias] = self.of(hints[name]) | {"description": words.of_field(self._names[model], alias)}
            if field.is_required():
                required.append(alias)
        found: Json = {"type": "object", "description": _first_line(model), "properties": properties}
        return found | ({"required": required} if required else {})

    def _annotated(self, inner: Any, metadata: tuple[Any, ...]) -> Json:
        found = self.of(inner)
        marker = next((each.name for each in metadata if isinstance(each, Go)), "")
        if found.get("type") == "integer" and marker:
            found.pop("format", None)
            if marker in ("int64", "int", "time.Duration"):
                found["format"] = "int64"
            elif marker.startswith("uint"):
                found["minimum"] = 0
        if marker == "strslice.StrSlice":
            return {"oneOf": [found, {"type": "string"}]}
        return found


def _nullable(schemas: list[Json], null: bool) -> Json:
    if len(schemas) == 1 and null and isinstance(schemas[0].get("type"), str):
        return {**schemas[0], "type": [schemas[0]["type"], "null"]}
    schemas = schemas + ([{"type": "null"}] if null else [])
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def document() -> Json:
    """Return the OpenAPI document of the route table."""
    schemas = Schemas()
    schemas.found["ErrorResponse"] = {
        "type": "object",
        "description": "What every error answers.",
        "properties": {"message": {"type": "string", "description": words.of_field("ErrorResponse", "message")}},
        "required": ["message"],
    }
    paths: dict[str, Json] = {}
    for route in all_routes():
        path = route.path.replace(":.*}", "}")
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Skiff",
            "version": API_VERSION,
            "description": f"{_INTRODUCTION}\nWritten from the code of Skiff {VERSION}.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": f"/v{API_VERSION}"}, {"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(TAGS.values())],
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.found.items()))},
    }


def _operation(route: Route, schemas: Schemas) -> Json:
    area = route.path.split("/")[1]
    found: Json = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [TAGS.get(area, TAGS[""])],
    }
    if text := _first_line(load(route.handler, "handlers")):
        found["description"] = text
    if route.since != MIN_API_VERSION:
        found["x-since"] = route.since
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _variables(route.path)
    ]
    parameters += [{"name": name, "in": "query", **_PARAMETERS[kind]} for name, kind in route.query.items()]
    parameters += [
        {"name": name, "in": "header", "schema": {"type": "string"}} for name in _HEADERS.get(route.path, ())
    ]
    for each in parameters:
        each["description"] = words.of_parameter(f"{route.method} {route.path}", each["name"])
    if parameters:
        found["parameters"] = parameters
    if body := _body(route, schemas):
        found["requestBody"] = {"content": body}
    error = {"application/json": {"schema": {"$ref": f"{REFERENCE}ErrorResponse"}}}
    responses: Json = {}
    for status, meaning in route.statuses.items():
        answer: Json = {"description": meaning}
        if content := _content(route, status, schemas):
            answer["content"] = content
        if status == 201 and (links := _links(route)):
            answer["links"] = links
        responses[str(status)] = answer
    responses = {status: answer for status, answer in responses.items() if int(status) < 400} | {
        status: {**answer, "content": error} for status, answer in responses.items() if int(status) >= 400
    }
    if why := failures_of(f"{route.method} {route.path.replace(':.*}', '}')}"):
        described = "the engine fails, or, as with dockerd: " + "; ".join(each.why for each in why)
        responses["500"] = {"description": described, "content": error}
    responses["default"] = {"description": "an error", "content": error}
    found["responses"] = responses
    return found


def _operation_id(route: Route) -> str:
    """Return the handler's name, and where several routes share one, what tells them apart."""
    module, _, function = route.handler.partition(":")
    name = f"{module}_{function.rstrip('_')}"
    if [each.handler for each in all_routes()].count(route.handler) == 1:
        return name
    words = [part.strip("{}").partition(":")[0] for part in route.path.strip("/").split("/")]
    return "_".join([name, route.method.lower(), *words, *(["slash"] if route.path.endswith("/") else [])])


def _links(route: Route) -> Json:
    """Return what can be done with what a route has made: the answer's member goes into the other's path."""
    member, path = _MADE.get(route.path, ("", ""))
    found: Json = {}
    for other in all_routes() if member else ():
        variables = _variables(other.path)
        if len(variables) == 1 and other.path.startswith(path) and other.path != route.path:
            name = _operation_id(other)
            found[name] = {"operationId": name, "parameters": {variables[0]: f"$response.body#/{member}"}}
    return found


def _body(route: Route, schemas: Schemas) -> Json:
    if route.body:
        return {"application/json": {"schema": schemas.of(load(route.body, "models"))}}
    archive = route.method == "PUT" and route.path.endswith("/archive")
    if archive or route.path in ("/images/load", "/images/create", "/build"):
        return {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}
    return {}


def _content(route: Route, status: int, schemas: Schemas) -> Json:
    """Return what the body of an answer is; {} for none."""
    if route.method == "HEAD" or status in (101, 204, 304):
        return {}
    if route.answer:
        schema = schemas.of(load(route.answer.removesuffix("[]"), "models"))
        if route.answer.endswith("[]"):
            schema = {"type": "array", "items": schema}
        if route.stream == "application/json" and not route.path.endswith("/wait"):
            return {route.stream: {"x-line-schema": schema}}  # several lines of JSON are no JSON
        return {"application/json": {"schema": schema}}
    if route.path == "/openapi.json":
        return {"application/json": {"schema": {"type": "object"}}}
    if route.stream == "text/plain":
        return {"text/plain": {"schema": {"type": "string"}}}
    if route.stream:
        kind = "application/vnd.docker.raw-stream" if route.stream == "hijack" else route.stream
        return {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {}


def _variables(path: str) -> list[str]:
    return [part.partition("}")[0].partition(":")[0] for part in path.split("{")[1:]]


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]
