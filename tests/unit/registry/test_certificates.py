"""certs.d: what lies there for a registry."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from engine.registry.certificates import BadCertificates, Certificates, certificates_of, context_for


def make(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("")


def test_both_families_are_read(tmp_path: Path) -> None:
    make(tmp_path / "docker" / "r.example:5000", "ca.crt", "me.cert", "me.key", "notes.txt")
    make(tmp_path / "containers" / "r.example:5000", "other.crt")
    folders = [tmp_path / "docker", tmp_path / "containers", tmp_path / "nowhere"]
    found = certificates_of("r.example:5000", folders)
    assert [path.name for path in found.authorities] == ["ca.crt", "other.crt"]
    assert [(one.name, two.name) for one, two in found.pairs] == [("me.cert", "me.key")]
    assert certificates_of("r.example", folders) == Certificates()


@pytest.mark.parametrize(
    ("name", "words"), [("me.cert", "missing key me.key"), ("me.key", "missing client certificate")]
)
def test_half_a_pair_is_an_error(tmp_path: Path, name: str, words: str) -> None:
    make(tmp_path / "r", name)
    with pytest.raises(BadCertificates, match=words):
        certificates_of("r", [tmp_path])


def test_an_insecure_registry_need_not_prove_anything() -> None:
    assert context_for(Certificates(), insecure=True).verify_mode == ssl.CERT_NONE
    assert context_for(Certificates(), insecure=False).verify_mode == ssl.CERT_REQUIRED


def test_a_file_that_is_no_certificate_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(BadCertificates):
        context_for(Certificates((tmp_path / "ca.crt",)), insecure=False)
