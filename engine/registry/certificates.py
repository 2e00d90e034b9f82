"""How a registry proves who it is, and how we do: the certificates that lie in certs.d.

Format: a folder per registry, named host or host:port, below /etc/docker/certs.d and /etc/containers/certs.d; in it
*.crt are authorities that are trusted besides the machine's, and NAME.cert with NAME.key is a certificate to show. The
error texts are dockerd's.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Unavailable
from engine.lean_dataclasses import dataclass

if TYPE_CHECKING:
    import ssl

FOLDERS = (Path("/etc/docker/certs.d"), Path("/etc/containers/certs.d"))


class BadCertificates(Unavailable):
    """A folder of certs.d holds what cannot be used; str() is in dockerd's words."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of certificates: authorities, and pairs of certificate and key."""

    authorities: tuple[Path, ...] = ()
    pairs: tuple[tuple[Path, Path], ...] = ()


def certificates_of(host: str, folders: Iterable[Path] = FOLDERS) -> Certificates:
    """Return the files for a registry. Raises BadCertificates for half a pair."""
    authorities: list[Path] = []
    pairs: list[tuple[Path, Path]] = []
    for folder in folders:
        try:
            names = sorted(os.listdir(folder / host))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names:
            path = folder / host / name
            if name.endswith(".crt"):
                authorities.append(path)
            elif name.endswith(".cert"):
                key = path.with_suffix(".key")
                if key.name not in names:
                    raise BadCertificates(
                        f"missing key {key.name} for client certificate {name}. "
                        "CA certificates must use the extension .crt"
                    )
                pairs.append((path, key))
            elif name.endswith(".key") and path.with_suffix(".cert").name not in names:
                raise BadCertificates(f"missing client certificate {path.with_suffix('.cert').name} for key {name}")
    return Certificates(tuple(authorities), tuple(pairs))


def context_for(found: Certificates, *, insecure: bool) -> ssl.SSLContext:
    """Return how to speak TLS with a registry; an insecure one need not prove anything. Raises BadCertificates."""
    files = [*found.authorities, *(path for pair in found.pairs for path in pair)]
    try:
        stamps = tuple(path.stat().st_mtime_ns for path in files)
        return _context(found, stamps, insecure)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise BadCertificates(f"cannot use the certificates of a registry: {error}") from None


@functools.lru_cache(maxsize=16)
def _context(found: Certificates, stamps: tuple[int, ...], insecure: bool) -> ssl.SSLContext:
    """Make a context; reading the machine's authorities takes 30 ms, so it is kept while the files are the same."""
    import ssl

    if insecure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context()
    for path in found.authorities:
        context.load_verify_locations(cafile=path)
    for certificate, key in found.pairs:
        context.load_cert_chain(certificate, key)
    return context
