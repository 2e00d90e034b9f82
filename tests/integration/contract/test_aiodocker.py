"""aiodocker, the client of asyncio programs."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator

import aiodocker
import pytest

from tests.integration.conftest import Skiff


@pytest.fixture
async def client(skiff: Skiff) -> AsyncIterator[aiodocker.Docker]:
    client = aiodocker.Docker(url=skiff.server.url)
    yield client
    await client.close()


async def test_a_container_from_create_to_removal(client: aiodocker.Docker) -> None:
    config = {"Image": "busybox", "Cmd": ["sh", "-c", "echo out; echo err >&2; exit 3"]}
    container = await client.containers.create_or_replace("aio", config)
    await container.start()
    assert (await container.wait())["StatusCode"] == 3
    assert await container.log(stdout=True) == ["out\n"]
    assert await container.log(stderr=True) == ["err\n"]
    shown = await container.show()
    assert shown["State"]["ExitCode"] == 3
    assert [each.id for each in await client.containers.list(all=True)] == [container.id]
    await container.delete(force=True)
    with pytest.raises(aiodocker.DockerError) as caught:
        await container.show()
    assert caught.value.status == 404


async def test_exec_and_attach(client: aiodocker.Docker) -> None:
    container = await client.containers.run({"Image": "busybox", "Cmd": ["sleep", "1000"]}, name="aio")
    execution = await container.exec(["sh", "-c", "read x; echo got $x; exit 4"], stdin=True)
    async with execution.start(detach=False) as stream:
        await stream.write_in(b"this\n")
        message = await stream.read_out()
        assert message is not None
        assert message.data == b"got this\n"
        assert await stream.read_out() is None
    assert (await execution.inspect())["ExitCode"] == 4
    await container.delete(force=True)
    talker = await client.containers.create(
        {"Image": "busybox", "Cmd": ["cat"], "OpenStdin": True, "StdinOnce": True, "AttachStdin": True}, name="aio-cat"
    )
    async with talker.attach(stdin=True, stdout=True, stderr=True) as stream:
        await talker.start()
        await stream.write_in(b"there and back\n")
        message = await stream.read_out()
        assert message is not None
        assert message.data == b"there and back\n"
    await talker.delete(force=True)


async def test_archives_events_networks_and_volumes(client: aiodocker.Docker) -> None:
    events = client.events.subscribe()
    container = await client.containers.run({"Image": "busybox", "Cmd": ["sleep", "1000"]}, name="aio")
    async with asyncio.timeout(20):
        seen = []
        while "start" not in seen:
            event = await events.get()
            assert event is not None
            seen.append(event["Action"])
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    await container.put_archive("/tmp", buffer.getvalue())
    assert [each.name for each in await container.get_archive("/tmp/empty")] == ["empty"]
    network = await client.networks.create({"Name": "aio-net"})
    await network.connect({"Container": container.id})
    assert container.id in (await network.show())["Containers"]
    await network.disconnect({"Container": container.id})
    assert await network.delete()
    volume = await client.volumes.create({"Name": "aio-volume", "Labels": {"a": "b"}})
    assert (await volume.show())["Labels"] == {"a": "b"}
    await volume.delete()
    await container.delete(force=True)


async def test_images_and_the_system(client: aiodocker.Docker) -> None:
    assert (await client.version())["ApiVersion"] == "1.51"
    assert (await client.system.info())["ServerVersion"].startswith("28.5")
    image = await client.images.inspect("busybox")
    await client.images.tag("busybox", "aio/busybox", tag="new")
    assert "aio/busybox:new" in (await client.images.inspect(image["Id"]))["RepoTags"]
    assert any("aio/busybox:new" in each["RepoTags"] for each in await client.images.list())
    await client.images.delete("aio/busybox:new")
    with pytest.raises(aiodocker.DockerError):
        await client.images.inspect("aio/busybox:new")
