"""Names and ids that other engines must come to as well."""

from __future__ import annotations

import pytest

from engine.storage.extract import clean_path
from engine.storage.images import data_file
from engine.storage.layers import layer_id
from engine.storage.overlay import mount_options, new_link
from engine.storage.times import text_of


def test_layer_ids_are_those_that_podman_gives() -> None:
    base = "7b7a38c9b415a523f5f82e3a3b50db8a505068f87d1c8a26f1a21b63694ae276"
    second = "sha256:e06272475e139e3f460b98f04d3329fa077695c90565ea454ebda10313665971"
    assert layer_id(None, "sha256:" + base) == base
    assert layer_id(base, second) == "67dd24484c2f1a95458bcb25442f7e314385de85552ef556b64d270f86a46e1c"


def test_big_data_names_are_encoded_unless_plain() -> None:
    assert data_file("manifest") == "manifest"
    assert data_file("a.9") == "a.9"
    assert data_file("sha256:ab") == "=c2hhMjU2OmFi"
    assert data_file("Manifest") == "=TWFuaWZlc3Q="


def test_links_are_26_characters_and_differ() -> None:
    links = {new_link() for _ in range(100)}
    assert len(links) == 100
    assert all(len(link) == 26 and not set(link) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for link in links)


def test_mount_options() -> None:
    assert mount_options("/g/", ["l/A", "l/B"], "id", "", volatile=False) == (
        "lowerdir=/g/l/A:/g/l/B,upperdir=/g/id/diff,workdir=/g/id/work"
    )
    labelled = mount_options("", ["l/A"], "id", "system_u:object_r:c1,c2", volatile=True)
    assert labelled == 'lowerdir=l/A,upperdir=id/diff,workdir=id/work,volatile,context="system_u:object_r:c1,c2"'


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b", ["a", "b"]),
        ("./a", ["a"]),
        ("/etc/x", ["etc", "x"]),
        ("../../x", ["x"]),
        ("a/../../x", ["x"]),
        ("a//b/", ["a", "b"]),
        ("./", []),
        ("..", []),
    ],
)
def test_names_in_archives_never_lead_above_the_root(name: str, parts: list[str]) -> None:
    assert clean_path(name) == parts


def test_times_are_spelled_as_go_does() -> None:
    assert text_of(0) == "1970-01-01T00:00:00Z"
    assert text_of(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert text_of(1_795_466_007_870_567_669) == "2026-11-23T20:33:27.870567669Z"
