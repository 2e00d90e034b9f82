"""storage.conf: what is taken from it, and what is refused instead of passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.settings import Settings
from engine.storage.config import BadStorageConfiguration, StoreOptions, configured, parse, store_options

FILE = Path("/etc/containers/storage.conf")


def test_what_counts_is_taken() -> None:
    text = b"""
    [storage]
    driver = "overlay"
    graphroot = "/g"
    runroot = "/r"
    rootless_storage_path = "$HOME/x"
    [storage.options]
    additionalimagestores = ["/one", "/two"]
    pull_options = {enable_partial_images = "true"}
    [storage.options.overlay]
    mountopt = "nodev, metacopy=on,xino=off"
    ignore_chown_errors = "false"
    size = ""
    """
    wanted = StoreOptions(Path("/g"), Path("/r"), (Path("/one"), Path("/two")), ("nodev", "xino=off"))
    assert parse(FILE, text) == wanted


def test_an_empty_file_is_podmans_defaults() -> None:
    assert parse(FILE, b"") == StoreOptions(Path("/var/lib/containers/storage"), Path("/run/containers/storage"))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[storage", "Expected"),
        ("storage = 1", "storage must be a table"),
        ('[storage]\ndriver = "vfs"', "the storage driver vfs is not supported"),
        ('[storage]\ngraphroot = "$HOME/containers"', "graphroot must be an absolute path: the stores of users"),
        ('[storage]\nrunroot = "run"', "runroot must be an absolute path"),
        ('[storage]\nimagestore = "/i"', "the option imagestore is not supported"),
        ("[storage]\ntransient_store = true", "the option transient_store is not supported"),
        ('[storage.options]\nsize = "10G"', "the option size is not supported: layers have no quota here"),
        ('[storage.options.overlay]\nsize = "10G"', "the option size is not supported"),
        ('[storage.options.overlay]\nmount_program = "/usr/bin/fuse-overlayfs"', "the option mount_program is not"),
        ('[storage.options.overlay]\nforce_mask = "shared"', "the option force_mask is not supported"),
        ('[storage.options]\nadditionalimagestores = "/one"', "must be a list of absolute paths"),
        ('[storage.options]\nadditionalimagestores = ["one"]', "must be a list of absolute paths"),
    ],
)
def test_what_is_not_done_here_is_refused(text: str, cause: str) -> None:
    with pytest.raises(BadStorageConfiguration, match=rf"cannot use {FILE}: .*{cause.replace('$', '.')}"):
        parse(FILE, text.encode())


def test_a_named_file_goes_before_the_machines(tmp_path: Path) -> None:
    (tmp_path / "own.conf").write_text('[storage]\ngraphroot = "/own"')
    environment = {"CONTAINERS_STORAGE_CONF": str(tmp_path / "own.conf")}
    assert configured(environment).graph_root == Path("/own")
    assert store_options(Settings(), environment).graph_root == Path("/own")
    assert configured({"CONTAINERS_STORAGE_CONF": str(tmp_path / "gone.conf")}) == StoreOptions()


def test_an_engine_with_its_own_root_reads_nothing(tmp_path: Path) -> None:
    (tmp_path / "own.conf").write_text("[storage")
    environment = {"CONTAINERS_STORAGE_CONF": str(tmp_path / "own.conf")}
    settings = Settings(root=tmp_path / "root", run_root=tmp_path / "run")
    assert store_options(settings, environment) == StoreOptions(tmp_path / "root/storage", tmp_path / "run/storage")
