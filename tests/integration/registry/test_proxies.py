"""Registries that only a proxy leads to: through tunnels, by whole URLs, with a password, and not for the excluded."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.images.progress import ImagePulled, TagPushed
from engine.images.pull import pull
from engine.images.push import push
from engine.images.reference import parse
from engine.registry import connection
from engine.registry.certificates import certificates_of
from engine.registry.hosts import Credentials, RegistryUnreachable
from engine.registry.login import LoginRefused, login
from tests.harness.proxy import proxy
from tests.harness.real_registry import make_certificate
from tests.harness.registry import Registry
from tests.harness.registry_images import add_image, layer
from tests.integration.registry.conftest import Puller

SECURE, PLAIN = "registry.test", "plain.test:5000"


@pytest.fixture
def secure_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry with TLS, whose certificate names registry.test and is trusted by certs.d."""
    folder = tmp_path / "certs.d" / SECURE
    folder.mkdir(parents=True)
    make_certificate(tmp_path, SECURE)
    (folder / "ca.crt").write_bytes((tmp_path / "ca.crt").read_bytes())
    trusted = functools.partial(certificates_of, folders=[tmp_path / "certs.d"])
    monkeypatch.setattr(connection, "certificates_of", trusted)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.crt", tmp_path / "ca.key")
    with Registry(tls=context) as found:
        add_image(found, "some/image", "1", [layer(1, 5000), layer(2, 5000)])
        yield found


@pytest.fixture
def plain_registry() -> Iterator[Registry]:
    with Registry() as found:
        add_image(found, "some/image", "1", [layer(3, 5000)])
        yield found


@pytest.fixture
def environment(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Makes the variables for a proxy; the plain registry may be insecure."""
    (tmp_path / "registries.conf").write_text(f'[[registry]]\nlocation = "{PLAIN}"\ninsecure = true\n')

    def make(address: str, excluded: str = "") -> dict[str, str]:
        proxies = {"HTTP_PROXY": address, "HTTPS_PROXY": address, "NO_PROXY": excluded}
        return {**proxies, "CONTAINERS_REGISTRIES_CONF": str(tmp_path / "registries.conf")}

    return make


async def test_tls_goes_through_a_tunnel(
    puller: Puller, secure_registry: Registry, environment: Callable[..., dict[str, str]]
) -> None:
    name = f"{SECURE}/some/image:1"
    async with proxy({f"{SECURE}:443": secure_registry.port}) as found:
        through = environment(f"http://127.0.0.1:{found.port}")
        told = await puller.told(pull(puller.engine, parse(name), environment=through))
        assert isinstance(told[-2], ImagePulled), told
        assert set(found.asked) == {f"CONNECT {SECURE}:443"}
        puller.engine.images.tag(name, f"{SECURE}/some/other:2")
        told = await puller.told(push(puller.engine, parse(f"{SECURE}/some/other:2"), environment=through))
        assert isinstance(told[-1], TagPushed), told
    assert secure_registry.tags["some/other"] == ["2"]


async def test_plain_http_goes_by_whole_urls_with_the_password(
    puller: Puller, plain_registry: Registry, environment: Callable[..., dict[str, str]]
) -> None:
    async with proxy({PLAIN: plain_registry.port}, user="anna:s@cret") as found:
        through = environment(f"http://anna:s%40cret@127.0.0.1:{found.port}")
        await puller.told(pull(puller.engine, parse(f"{PLAIN}/some/image:1"), environment=through))
    assert f"GET http://{PLAIN}/v2/some/image/manifests/1" in found.asked
    assert not any("Proxy-Authorization" in each for each in plain_registry.headers)


async def test_a_login_goes_through_it_too(
    puller: Puller, secure_registry: Registry, environment: Callable[..., dict[str, str]]
) -> None:
    secure_registry.auth = "basic"
    async with proxy({f"{SECURE}:443": secure_registry.port}) as found:
        through = environment(f"http://127.0.0.1:{found.port}")
        assert await login(SECURE, Credentials("anna", "secret"), through) == ""
        with pytest.raises(LoginRefused, match="unauthorized: incorrect username or password"):
            await login(SECURE, Credentials("anna", "guess"), through)
    assert set(found.asked) == {f"CONNECT {SECURE}:443"}


async def test_what_a_proxy_refuses(
    puller: Puller, secure_registry: Registry, environment: Callable[..., dict[str, str]]
) -> None:
    reference = parse(f"{SECURE}/some/image:1")
    async with proxy({}, user="anna:secret") as found:
        through = environment(f"127.0.0.1:{found.port}")
        with pytest.raises(RegistryUnreachable, match=r'^Get "https://registry\.test/v2/": Proxy Authentication Req'):
            await puller.told(pull(puller.engine, reference, environment=through))
        found.user = ""
        with pytest.raises(RegistryUnreachable, match=r'^Get "https://registry\.test/v2/": Bad Gateway$'):
            await puller.told(pull(puller.engine, reference, environment=through))
    words = rf"proxyconnect tcp: dial tcp 127\.0\.0\.1:{found.port}: connect: connection refused$"
    with pytest.raises(RegistryUnreachable, match=words):
        await puller.told(pull(puller.engine, reference, environment=through))
    assert puller.engine.store.images() == []


async def test_the_excluded_are_asked_directly(
    puller: Puller, plain_registry: Registry, environment: Callable[..., dict[str, str]]
) -> None:
    add_image(plain_registry, "other", "1", [layer(4, 5000)])
    async with proxy({PLAIN: plain_registry.port}) as found:
        address = f"http://127.0.0.1:{found.port}"
        with pytest.raises(RegistryUnreachable, match=r"lookup plain\.test"):
            reference = parse(f"{PLAIN}/some/image:1")
            await puller.told(pull(puller.engine, reference, environment=environment(address, "x, .test:5000")))
        # This machine's own registries are never asked through a proxy.
        reference = parse(f"{plain_registry.host}/other:1")
        await puller.told(pull(puller.engine, reference, environment=environment(address)))
    assert found.asked == []
