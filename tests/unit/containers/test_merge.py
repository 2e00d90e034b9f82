"""A container's configuration over its image's."""

import pytest

from engine.containers.config import ContainerConfig
from engine.containers.merge import NoCommand, command, merge

IMAGE = ContainerConfig(
    env=["PATH=/bin", "A=image"], cmd=["sh"], entrypoint=None, labels={"l": "image", "m": "image"}, user="web",
    exposed_ports=["80/tcp"], volumes=["/data"], working_dir="/srv", stop_signal="SIGQUIT",
)  # fmt: skip


def test_what_the_client_leaves_out_comes_from_the_image() -> None:
    merged = merge(ContainerConfig(), IMAGE)
    assert (merged.user, merged.working_dir, merged.stop_signal) == ("web", "/srv", "SIGQUIT")
    assert (merged.cmd, merged.env, merged.volumes) == (["sh"], ["PATH=/bin", "A=image"], ["/data"])


def test_the_clients_variables_come_first_and_win() -> None:
    assert merge(ContainerConfig(env=["A=mine"]), IMAGE).env == ["A=mine", "PATH=/bin"]


def test_labels_and_ports_are_united() -> None:
    merged = merge(ContainerConfig(labels={"l": "mine"}, exposed_ports=["53/udp"]), IMAGE)
    assert merged.labels == {"l": "mine", "m": "image"}
    assert merged.exposed_ports == ["53/udp", "80/tcp"]


def test_an_entrypoint_of_the_clients_drops_the_images_command() -> None:
    image = ContainerConfig(entrypoint=["/init"], cmd=["serve"])
    assert command(merge(ContainerConfig(), image)) == ("/init", ["serve"])
    assert command(merge(ContainerConfig(cmd=["x"]), image)) == ("/init", ["x"])
    assert command(merge(ContainerConfig(entrypoint=["sh"]), image)) == ("sh", [])
    # An empty entrypoint takes the image's away, and the command stays.
    assert command(merge(ContainerConfig(entrypoint=[], cmd=["ls"]), image)) == ("ls", [])


def test_no_command_at_all() -> None:
    with pytest.raises(NoCommand):
        merge(ContainerConfig(), ContainerConfig())
