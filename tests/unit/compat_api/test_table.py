from __future__ import annotations

import importlib

import pytest

from compat_api.headers import version_of, version_problem, version_text
from compat_api.routes import AREAS, Route, all_routes, routes_under
from compat_api.table import Table, clean_path, load

ROWS = (
    Route("GET", "/images/json", "a:list", ""),
    Route("GET", "/images/{name:.*}/json", "a:inspect", ""),
    Route("DELETE", "/images/{name:.*}", "a:remove", ""),
    Route("GET", "/exec/{id}/json", "a:exec", ""),
)
TABLE = Table(lambda segment: ROWS)


def found(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    match = TABLE.find(method, path)
    return match and (match[0].handler, match[1])


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/images/json", ("a:list", {})),
        ("GET", "/images/a/json", ("a:inspect", {"name": "a"})),
        ("GET", "/images/a/b:c/json", ("a:inspect", {"name": "a/b:c"})),
        ("GET", "/images/json/json", ("a:inspect", {"name": "json"})),
        ("DELETE", "/images/a/b", ("a:remove", {"name": "a/b"})),
        ("GET", "/exec/a/json", ("a:exec", {"id": "a"})),
        ("GET", "/exec/a/b/json", None),
        ("PUT", "/images/json", None),
        ("GET", "/images/json/", None),
        ("GET", "/images", None),
        ("GET", "/", None),
        ("GET", "", None),
        ("GET", "*", None),
    ],
)
def test_paths_find_their_route(method: str, path: str, expected: tuple[str, dict[str, str]] | None) -> None:
    assert found(method, path) == expected


def test_every_row_is_in_the_area_of_its_first_segment() -> None:
    reachable = [row for segment in AREAS for row in routes_under(segment) if row.path.split("/")[1] == segment]
    assert sorted(map(id, reachable)) == sorted(map(id, all_routes()))


def test_every_row_can_be_loaded_and_found() -> None:
    table = Table()
    for route in all_routes():
        assert callable(load(route.handler, "handlers"))
        for model in filter(None, (route.body, route.answer.removesuffix("[]"))):
            module, _, name = model.partition(":")
            assert hasattr(importlib.import_module(f"compat_api.models.{module}"), name), model
        path = route.path.replace("{name:.*}", "x").replace("{id:.*}", "x").replace("{id}", "x")
        match = table.find(route.method, path)
        assert match is not None
        assert match[0] is route, f"{route.method} {route.path} is hidden by {match[0].path}"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1.43/info", ("1.43", "/info")),
        ("/v1/info", ("1", "/info")),
        ("/v1.40.1/info", ("1.40.1", "/info")),
        ("/v1.43", ("", "/v1.43")),
        ("/vx/info", ("", "/vx/info")),
        ("/version", ("", "/version")),
        ("/volumes/x", ("", "/volumes/x")),
        ("/v/x", ("", "/v/x")),
    ],
)
def test_versions_in_paths(path: str, expected: tuple[str, str]) -> None:
    assert version_text(path) == expected


def test_which_versions_are_served() -> None:
    old = "client version {} is too old. Minimum supported API version is 1.24, "
    old += "please upgrade your client to a newer version"
    new = "client version {} is too new. Maximum supported API version is 1.51"
    assert version_problem("1.23") == old.format("1.23")
    assert version_problem("1") == old.format("1")
    assert version_problem("1.52") == new.format("1.52")
    assert version_problem("2") == new.format("2")
    assert [version_problem(text) for text in ("1.24", "1.51", "1.051", "1.40.1")] == [None] * 4
    assert version_of("1..5.") == (1, 0, 5, 0)


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/a/b", "/a/b"),
        ("//_ping", "/_ping"),
        ("/a/../b/json", "/b/json"),
        ("/a/./b/", "/a/b/"),
        ("/../../x", "/x"),
        ("/a/..", "/"),
        ("/.hidden", "/.hidden"),
        ("/a..b", "/a..b"),
    ],
)
def test_paths_are_cleaned(path: str, clean: str) -> None:
    assert clean_path(path) == clean


def test_a_path_with_two_variables() -> None:
    found = Table().find("DELETE", "/containers/a/checkpoints/b")
    assert found is not None
    assert (found[0].handler, found[1]) == ("container_runs:checkpoint", {"name": "a", "checkpoint": "b"})
    others = ("/containers/a/checkpoints/b/c", "/containers/a/checkpoints/", "/containers/a/b/checkpoints/c")
    assert {route[0].handler for each in others if (route := Table().find("DELETE", each))} == {"containers:remove"}
