"""Image configurations: the JSON document that an image's id is the digest of, and what a container takes from it.

Format: OCI image-spec config.md with the fields that Docker adds to it. What is read keeps its bytes (the id depends
on them); what is written has dockerd's key order and its spelling of empty values. Pure.
"""

from __future__ import annotations

import json
from typing import Any

from engine import go_json
from engine.containers.config import ContainerConfig, Healthcheck
from engine.errors import BadArchive


def parse(data: bytes) -> dict[str, Any]:
    """Return a configuration as a dict. Raises BadArchive for what cannot be one."""
    text = go_json.characters(data)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            raise BadArchive("unexpected end of JSON input") from None
        raise BadArchive(f"invalid image configuration: {error}") from None
    except (ValueError, RecursionError) as error:
        raise BadArchive(f"invalid image configuration: {error}") from None
    if not isinstance(document, dict):
        raise BadArchive("invalid image configuration: not an object")
    rootfs = document.get("rootfs")
    if not isinstance(rootfs, dict):
        raise BadArchive("invalid image JSON, no RootFS key")
    if not all(isinstance(diff_id, str) for diff_id in rootfs.get("diff_ids") or []):
        raise BadArchive("invalid image configuration: diff ids must be text")
    return document


def diff_ids(document: dict[str, Any]) -> list[str]:
    """Return the diff ids of an image's layers, the base first."""
    return list((document.get("rootfs") or {}).get("diff_ids") or [])


def container_config(document: dict[str, Any]) -> ContainerConfig:
    """Return what a container takes from an image."""
    config = document.get("config") or {}
    return ContainerConfig(
        hostname=config.get("Hostname") or "",
        domainname=config.get("Domainname") or "",
        user=config.get("User") or "",
        attach_stdin=bool(config.get("AttachStdin")),
        attach_stdout=bool(config.get("AttachStdout")),
        attach_stderr=bool(config.get("AttachStderr")),
        exposed_ports=_keys(config.get("ExposedPorts")),
        tty=bool(config.get("Tty")),
        open_stdin=bool(config.get("OpenStdin")),
        stdin_once=bool(config.get("StdinOnce")),
        env=config.get("Env"),
        cmd=_words(config.get("Cmd")),
        healthcheck=_healthcheck(config.get("Healthcheck")),
        args_escaped=bool(config.get("ArgsEscaped")),
        image=config.get("Image") or "",
        volumes=_keys(config.get("Volumes")),
        working_dir=config.get("WorkingDir") or "",
        entrypoint=_words(config.get("Entrypoint")),
        network_disabled=bool(config.get("NetworkDisabled")),
        on_build=config.get("OnBuild"),
        labels=config.get("Labels"),
        stop_signal=config.get("StopSignal") or "",
        stop_timeout=config.get("StopTimeout"),
        shell=_words(config.get("Shell")),
    )


def config_document(config: ContainerConfig) -> dict[str, Any]:
    """Return the "config" object of an image, with dockerd's keys in its order."""
    document: dict[str, Any] = {
        "Hostname": config.hostname,
        "Domainname": config.domainname,
        "User": config.user,
        "AttachStdin": config.attach_stdin,
        "AttachStdout": config.attach_stdout,
        "AttachStderr": config.attach_stderr,
    }
    if config.exposed_ports:
        document["ExposedPorts"] = _set(config.exposed_ports)
    document |= {"Tty": config.tty, "OpenStdin": config.open_stdin, "StdinOnce": config.stdin_once}
    document |= {"Env": config.env, "Cmd": config.cmd}
    if config.healthcheck is not None:
        document["Healthcheck"] = _healthcheck_document(config.healthcheck)
    if config.args_escaped:
        document["ArgsEscaped"] = True
    document |= {
        "Image": config.image,
        "Volumes": _set(config.volumes) if config.volumes else None,
        "WorkingDir": config.working_dir,
        "Entrypoint": config.entrypoint,
        **({"NetworkDisabled": True} if config.network_disabled else {}),
        "OnBuild": config.on_build,
        "Labels": None if config.labels is None else dict(sorted(config.labels.items())),
    }
    for key, value in (
        ("StopSignal", config.stop_signal),
        ("StopTimeout", config.stop_timeout),
        ("Shell", config.shell),
    ):
        if value:
            document[key] = value
    return document


def encode(document: Any) -> bytes:
    """Return a document as Go's encoder writes it: compact, with <, > and & escaped."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return go_json.bytes_of(text)


def _keys(value: dict[str, Any] | None) -> list[str] | None:
    return None if value is None else list(value)


def _words(value: list[str] | str | None) -> list[str] | None:
    return [value] if isinstance(value, str) else value


def _set(names: list[str]) -> dict[str, Any]:
    return {name: {} for name in sorted(names)}


def _healthcheck(value: dict[str, Any] | None) -> Healthcheck | None:
    if value is None:
        return None
    return Healthcheck(
        test=value.get("Test"),
        interval=value.get("Interval") or 0,
        timeout=value.get("Timeout") or 0,
        start_period=value.get("StartPeriod") or 0,
        start_interval=value.get("StartInterval") or 0,
        retries=value.get("Retries") or 0,
    )


def _healthcheck_document(check: Healthcheck) -> dict[str, Any]:
    pairs = (
        ("Test", check.test),
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
        ("Retries", check.retries),
    )
    return {key: value for key, value in pairs if value}
