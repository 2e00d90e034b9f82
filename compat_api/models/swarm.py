"""The bodies of Swarm's endpoints, as deep as they are looked at before they are refused."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from compat_api.models.go import DockerModel, Go, TextMap, Texts, Uint32

Part = dict[str, Any]


class Annotations(DockerModel):
    """What every object of a swarm is called."""

    name: str = ""
    labels: TextMap | None = None


class NodeSpec(Annotations):
    """What a node is to be."""

    go_type: ClassVar[str] = "swarm.NodeSpec"
    role: Annotated[str, Go("swarm.NodeRole")] = ""
    availability: Annotated[str, Go("swarm.NodeAvailability")] = ""


class ServiceSpec(Annotations):
    """What a service is to be."""

    go_type: ClassVar[str] = "swarm.ServiceSpec"
    task_template: Annotated[Part | None, Go("swarm.TaskSpec")] = None
    mode: Annotated[Part | None, Go("swarm.ServiceMode")] = None
    update_config: Annotated[Part | None, Go("swarm.UpdateConfig")] = None
    rollback_config: Annotated[Part | None, Go("swarm.UpdateConfig")] = None
    networks: Annotated[list[Part] | None, Go("[]swarm.NetworkAttachmentConfig")] = None
    endpoint_spec: Annotated[Part | None, Go("swarm.EndpointSpec")] = None


class SecretSpec(Annotations):
    """What a secret is to be."""

    go_type: ClassVar[str] = "swarm.SecretSpec"
    data: Annotated[str, Go("[]uint8")] = ""
    driver: Annotated[Part | None, Go("swarm.Driver")] = None
    templating: Annotated[Part | None, Go("swarm.Driver")] = None


class ConfigSpec(Annotations):
    """What a config is to be."""

    go_type: ClassVar[str] = "swarm.ConfigSpec"
    data: Annotated[str, Go("[]uint8")] = ""
    templating: Annotated[Part | None, Go("swarm.Driver")] = None


class SwarmSpec(Annotations):
    """What a swarm is to be."""

    go_type: ClassVar[str] = "swarm.Spec"
    orchestration: Annotated[Part | None, Go("swarm.OrchestrationConfig")] = None
    raft: Annotated[Part | None, Go("swarm.RaftConfig")] = None
    dispatcher: Annotated[Part | None, Go("swarm.DispatcherConfig")] = None
    ca_config: Annotated[Part | None, Go("swarm.CAConfig"), Field(alias="CAConfig")] = None
    task_defaults: Annotated[Part | None, Go("swarm.TaskDefaults")] = None
    encryption_config: Annotated[Part | None, Go("swarm.EncryptionConfig")] = None


class InitBody(DockerModel):
    """How a swarm is to begin."""

    go_type: ClassVar[str] = "swarm.InitRequest"
    listen_addr: str = ""
    advertise_addr: str = ""
    data_path_addr: str = ""
    data_path_port: Uint32 = 0
    force_new_cluster: bool = False
    spec: SwarmSpec | None = None
    auto_lock_managers: bool = False
    availability: Annotated[str, Go("swarm.NodeAvailability")] = ""
    default_addr_pool: Texts | None = None
    subnet_size: Uint32 = 0


class JoinBody(DockerModel):
    """Which swarm to join."""

    go_type: ClassVar[str] = "swarm.JoinRequest"
    listen_addr: str = ""
    advertise_addr: str = ""
    data_path_addr: str = ""
    remote_addrs: Texts | None = None
    join_token: str = ""
    availability: Annotated[str, Go("swarm.NodeAvailability")] = ""


class UnlockBody(DockerModel):
    """The key of a locked manager."""

    go_type: ClassVar[str] = "swarm.UnlockRequest"
    unlock_key: str = ""
