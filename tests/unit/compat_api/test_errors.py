from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import compat_api
import engine
from compat_api.errors import FAMILIES, STATUSES, WORDS, familiar, status_and_words
from compat_api.problems import PageNotFound
from engine import errors

# Errors that say in dockerd's words, or in the engine's where dockerd has none, what they are.
OWN_WORDS = set((Path(__file__).parent / "own_words.txt").read_text().split())


def leaves() -> Iterator[type[errors.EngineError]]:
    """Yield every error class that is raised as itself; all modules that may define one are imported for it."""
    for package in (engine, compat_api):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    waiting = [errors.EngineError]
    while waiting:
        cls = waiting.pop()
        below = [each for each in cls.__subclasses__() if each.__module__.split(".")[0] in ("engine", "compat_api")]
        waiting += below
        if not below:
            yield cls


def test_every_leaf_of_the_error_tree_is_mapped() -> None:
    lineages = [{each.__name__ for each in cls.__mro__} for cls in leaves() if cls.__name__ not in FAMILIES]
    assert len(lineages) > 50
    listed = set(WORDS) | OWN_WORDS
    assert [names for names in lineages if not names & listed] == []
    known = set().union(*lineages)
    assert listed - known == set(), "words for errors that are no more"
    assert set(STATUSES) - known == set()
    assert set(WORDS) & OWN_WORDS == set()


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (errors.NoSuchContainer("x"), 404, "No such container: x"),
        (errors.NoSuchImage("nosuch"), 404, "No such image: nosuch:latest"),
        (errors.NoSuchExec("x"), 404, "No such exec instance: x"),
        (errors.NoSuchNetwork("x"), 404, "network x not found"),
        (errors.NoSuchVolume("x"), 404, "get x: no such volume"),
        (errors.InvalidFilter("bogus"), 400, "invalid filter 'bogus'"),
        (
            errors.NameInUse("n", "abc"),
            409,
            'Conflict. The container name "/n" is already in use by container "abc". You have to remove (or rename) '
            "that container to be able to reuse that name.",
        ),
        (
            errors.ImageInUse("sha256:" + "a" * 64, "b" * 64, running=True),
            409,
            f"conflict: unable to delete {'a' * 12} (cannot be forced) - image is being used by running container "
            + "b" * 12,
        ),
        (PageNotFound(), 404, "page not found"),
    ],
)
def test_words(error: Exception, status: int, words: str) -> None:
    assert status_and_words(error) == (status, words, True)


def test_what_nobody_expected_is_500() -> None:
    assert status_and_words(ZeroDivisionError("division by zero")) == (500, "division by zero", False)
    assert status_and_words(KeyError()) == (500, "KeyError", False)


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("nosuch", "nosuch:latest"),
        ("a/b", "a/b:latest"),
        ("docker.io/library/foo:bar", "foo:bar"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("0123456789ab", "0123456789ab:latest"),
        ("0" * 64, "sha256:" + "0" * 64),
        ("sha256:0123456789ab", "sha256:0123456789ab"),
        ("a@sha256:" + "0" * 64, "a@sha256:" + "0" * 64),
    ],
)
def test_images_are_named_as_dockerd_names_them(reference: str, shown: str) -> None:
    assert familiar(reference) == shown
