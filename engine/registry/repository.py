"""What the distribution specification offers of one repository: manifests, blobs, tags, and uploads."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from engine.lean_dataclasses import dataclass
from engine.registry.connection import Connection, read_at_most
from engine.registry.media_types import ACCEPTED
from engine.registry.refusals import BadContent, NoCredentials, RegistryRefused, TokenRefused

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientResponse

MANIFEST_BYTES = 4 << 20
CONFIG_BYTES = 16 << 20
TAGS_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or index as a registry gave it."""

    media_type: str
    digest: str
    data: bytes


class Repository:
    """One repository in one registry; path is its name there."""

    def __init__(self, connection: Connection, path: str, actions: str = "pull") -> None:
        self.connection = connection
        self.path = path
        self._scopes: tuple[str, ...] = (f"repository:{path}:{actions}",)

    async def manifest(self, reference: str) -> Document:
        """Return the manifest or index that a tag or digest stands for; a digest is checked.

        Raises RegistryRefused, RegistryUnreachable, BadContent.
        """
        headers = {"Accept": ", ".join(ACCEPTED)}
        try:
            async with self._request("GET", f"manifests/{reference}", headers=headers) as response:
                data = await read_at_most(response, MANIFEST_BYTES)
                media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        except NoCredentials as error:
            raise NoCredentials("HEAD", error.url) from None  # which dockerd asks first
        except TokenRefused as error:
            raise TokenRefused("HEAD", error.url, RegistryRefused(error.status, error.cause, error.code)) from None
        algorithm = reference.partition(":")[0] if ":" in reference else "sha256"
        digest = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        if ":" in reference and digest != reference:
            raise BadContent(f"manifest verification failed for digest {reference}")
        return Document(media_type, digest, data)

    async def resolve(self, reference: str) -> Document | None:
        """Return what HEAD tells of a manifest, without its bytes; None when the registry does not tell enough."""
        headers = {"Accept": ", ".join(ACCEPTED)}
        async with self._request("HEAD", f"manifests/{reference}", headers=headers, allowed=(404, 405)) as response:
            digest = response.headers.get("Docker-Content-Digest", "")
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
            return Document(media_type, digest, b"") if response.status == 200 and digest else None

    async def config(self, digest: str) -> bytes:
        """Return a small blob, checked. Raises RegistryRefused, RegistryUnreachable, BadContent."""
        async with self.blob(digest) as response:
            data = await read_at_most(response, CONFIG_BYTES)
        algorithm = digest.partition(":")[0]
        if digest != f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}":
            raise BadContent(f"image config verification failed for digest {digest}")
        return data

    @asynccontextmanager
    async def blob(self, digest: str, offset: int = 0, url: str = "") -> AsyncIterator[ClientResponse]:
        """Give a blob's answer, from an offset on; one that begins at 0 all the same has the status 200.

        url: where it lies outside of the registry. Raises RegistryRefused, RegistryUnreachable.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if url:
            async with self.connection.request("GET", url, headers=headers) as response:
                yield response
            return
        async with self._request("GET", f"blobs/{digest}", headers=headers) as response:
            yield response

    async def tags(self) -> list[str]:
        """Return the repository's tags in the registry's order. Raises RegistryRefused, RegistryUnreachable."""
        found: list[str] = []
        path = "tags/list"
        seen: set[str] = set()
        while path not in seen:
            seen.add(path)
            async with self._request("GET", path) as response:
                data = await read_at_most(response, TAGS_BYTES)
                link = response.links.get("next")
                following = link.get("url") if link is not None else None
            try:
                tags = json.loads(data).get("tags") or []
            except (ValueError, AttributeError, RecursionError) as error:
                raise BadContent(f"the registry's list of tags cannot be read: {error}") from None
            found += [tag for tag in tags if isinstance(tag, str) and tag not in found]
            if following is None:
                break
            path = str(following)
        return found

    async def has_blob(self, digest: str) -> int | None:
        """Return a blob's size, None when the registry does not have it."""
        async with self._request("HEAD", f"blobs/{digest}", allowed=(404,)) as response:
            if response.status == 404:
                return None
            length = response.headers.get("Content-Length", "")
            return int(length) if length.isdecimal() else 0

    async def put_manifest(self, reference: str, media_type: str, data: bytes) -> None:
        """Give the registry a manifest. Raises RegistryRefused, RegistryUnreachable."""
        headers = {"Content-Type": media_type}
        async with self._request("PUT", f"manifests/{reference}", headers=headers, data=data):
            pass

    async def mount(self, digest: str, source: str) -> str:
        """Have the registry take a blob over from another repository; returns "", else where to upload it instead.

        Raises RegistryRefused, RegistryUnreachable.
        """
        query = urllib.parse.urlencode({"mount": digest, "from": source})
        scopes = (*self._scopes, f"repository:{source}:pull")
        async with self._request("POST", f"blobs/uploads/?{query}", scopes=scopes, data=b"") as response:
            return "" if response.status == 201 else self._location(response)

    async def begin_upload(self) -> str:
        """Begin an upload; returns where to send it. Raises RegistryRefused, RegistryUnreachable."""
        async with self._request("POST", "blobs/uploads/", data=b"") as response:
            return self._location(response)

    async def upload_piece(self, where: str, data: AsyncIterator[bytes] | bytes) -> str:
        """Send bytes to an upload, which go after those sent before; returns where to go on."""
        headers = {"Content-Type": "application/octet-stream"}
        async with self._request("PATCH", where, headers=headers, data=data) as response:
            return self._location(response)

    async def finish_upload(self, where: str, digest: str, data: bytes = b"") -> None:
        """End an upload, which makes it a blob. Raises RegistryRefused, RegistryUnreachable."""
        url = f"{where}{'&' if '?' in where else '?'}{urllib.parse.urlencode({'digest': digest})}"
        headers = {"Content-Type": "application/octet-stream"}
        async with self._request("PUT", url, headers=headers, data=data):
            pass

    async def cancel_upload(self, where: str) -> None:
        """Give an upload up; a registry that cannot be told forgets it by itself."""
        try:
            async with self._request("DELETE", where, allowed=(400, 404, 405)):
                pass
        except Exception:  # nobody waits for it
            return

    def _location(self, response: ClientResponse) -> str:
        location = response.headers.get("Location", "")
        if not location:
            raise RegistryRefused(response.status, "the registry does not say where to upload to")
        return urllib.parse.urljoin(str(response.url), location)

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        data: object = None,
        allowed: tuple[int, ...] = (),
        scopes: tuple[str, ...] = (),
    ) -> AsyncIterator[ClientResponse]:
        whole = path if path.startswith(("/", "http://", "https://")) else f"/v2/{self.path}/{path}"
        asked = self.connection.request(
            method, whole, scopes or self._scopes, headers=headers, data=data, allowed=allowed
        )
        async with asked as response:
            yield response
