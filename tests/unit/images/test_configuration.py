"""Image configurations: what a container takes from one, and the document of an import."""

from __future__ import annotations

import json

import pytest

from engine.containers.config import ContainerConfig, Healthcheck
from engine.errors import BadArchive
from engine.images.configuration import config_document, container_config, diff_ids, encode, parse
from engine.images.importing import import_document
from engine.images.manifest import digest_of, manifest_for
from engine.images.platform_text import InvalidPlatform, own_platform, parse_platform

DIFF = "sha256:7b7a38c9b415a523f5f82e3a3b50db8a505068f87d1c8a26f1a21b63694ae276"


def test_a_configuration_survives_the_way_there_and_back() -> None:
    config = ContainerConfig(
        user="bob",
        exposed_ports=["443/udp", "80/tcp"],
        env=["A=b"],
        cmd=["/bin/sh"],
        healthcheck=Healthcheck(test=["CMD-SHELL", "true"], interval=5_000_000_000),
        volumes=["/x"],
        working_dir="/w",
        entrypoint=["e"],
        on_build=["RUN x"],
        labels={"a": "b"},
        stop_signal="SIGTERM",
        stop_timeout=3,
        shell=["/bin/sh"],
    )
    assert container_config({"config": config_document(config)}) == config


def test_an_import_has_dockerds_document_byte_for_byte() -> None:
    config = ContainerConfig(env=["PATH=/bin"], cmd=["sh"])
    made = import_document(config, DIFF, "2026-11-23T20:33:27.870567669Z", "Imported from -", "linux", "amd64", "")
    empty = (
        '{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,'
        '"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":%s,"Cmd":%s,"Image":"","Volumes":null,'
        '"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null}'
    )
    assert encode(made).decode() == (
        '{"architecture":"amd64","comment":"Imported from -","config":'
        + empty % ('["PATH=/bin"]', '["sh"]')
        + ',"container_config":'
        + empty % ("null", "null")
        + ',"created":"2026-11-23T20:33:27.870567669Z","docker_version":"28.5.2","history":[{"created":'
        '"2026-11-23T20:33:27.870567669Z","comment":"Imported from -"}],"os":"linux","rootfs":{"type":"layers",'
        f'"diff_ids":["{DIFF}"]}}}}'
    )


def test_a_manifest_is_the_one_that_dockerd_saves() -> None:
    """Digest of the manifest that dockerd 28.5 wrote for the image with this configuration and layer."""
    config = b"x" * 960
    made = json.loads(manifest_for(config, [(DIFF, 2129920)]))
    assert made == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest_of(config),
            "size": 960,
        },
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": DIFF, "size": 2129920}],
    }


def test_text_is_escaped_as_go_does() -> None:
    assert encode({"a": "<&>é\u2028"}) == '{"a":"\\u003c\\u0026\\u003eé\\u2028"}'.encode()


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"{", b'{"rootfs":{"diff_ids":[1]}}'])
def test_what_is_no_configuration(data: bytes) -> None:
    with pytest.raises(BadArchive):
        parse(data)


def test_an_image_without_layers() -> None:
    assert diff_ids(parse(b'{"rootfs":{"type":"layers"}}')) == []


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/arm/v7", ("linux", "arm", "v7")),
        ("linux/arm64/v8", ("linux", "arm64", "")),
        ("linux/x86_64", ("linux", "amd64", "")),
        ("aarch64", ("linux", "arm64", "")),
        ("", own_platform()),
        ("linux", own_platform()),
    ],
)
def test_platforms(text: str, platform: tuple[str, str, str]) -> None:
    assert parse_platform(text) == platform


@pytest.mark.parametrize("text", ["a/b/c/d", "linux/", "bogus", "windows/amd64", "linux/a b"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(InvalidPlatform):
        parse_platform(text)
