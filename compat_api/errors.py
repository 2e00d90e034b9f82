"""The one place where an engine error becomes a status and dockerd's words.

Classes are named and not imported, so that answering an error imports nothing. An error that is not listed keeps its
family's status and its own words; those whose own words are right are in tests/unit/compat_api/own_words.txt, and
test_errors.py beside it asks for every leaf of the tree to be in one of the lists.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

from compat_api.problems import Problem
from engine.errors import EngineError

Words = Callable[[Any], str]
_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # no fault of ours, and no cause for a traceback in the log

FAMILIES = {
    "NotFound": 404,
    "Conflict": 409,
    "InvalidParameter": 400,
    "Forbidden": 403,
    "NotModified": 304,
    "Unavailable": 503,
    "NotImplementedHere": 501,
    "EngineError": 500,
}

CONTAINER_NAME = "[a-zA-Z0-9][a-zA-Z0-9_.-]"

# dockerd's words where the engine's own are others.
WORDS: dict[str, Words] = {
    "NoSuchContainer": lambda e: f"No such container: {e.name}",
    "NoSuchImage": lambda e: f"No such image: {familiar(e.reference)}",
    "NothingToSave": lambda e: e.reason,
    "NoSuchExec": lambda e: f"No such exec instance: {e.exec_id}",
    "NetworkGone": str,
    "NoSuchNetwork": lambda e: f"network {e.name} not found",
    "NoSuchVolume": lambda e: f"get {e.name}: no such volume" if e.name else "get: no such volume",
    "AmbiguousId": lambda e: f"multiple IDs found with provided prefix: {e.prefix}",
    "NameInUse": lambda e: (
        f'Conflict. The container name "/{e.name.lstrip("/")}" is already in use by container "{e.owner}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    ),
    "BadPattern": lambda e: e.cause,
    "SeveralTimes": lambda e: e.cause,
    "BadTime": lambda e: e.cause,
    "UnknownRuntime": lambda e: f"unknown or invalid runtime name: {e.name}",
    "AlreadyRunning": lambda e: "container is already running",
    "BetweenRuns": lambda e: f'NotFound: container "{e.container_id}" in namespace "moby": not found',
    "StartOfPaused": lambda e: "cannot start a paused container, try unpause instead",
    "StartOfRemoved": lambda e: "container is marked for removal and cannot be started",
    "ContainerPaused": lambda e: (
        f"{'Container' if e.verb == 'exec' else 'container'} {e.name} is paused, unpause the container before {e.verb}"
    ),
    "ContainerRestarting": lambda e: (
        f"Container {e.name} is restarting, wait until the container is running"
        if e.verb in ("exec", "pause", "top")
        else f"container {e.name} is restarting, wait until the container is running"
    ),
    "RemoveOfRunning": lambda e: (
        f'cannot remove container "{e.name}": '
        + (
            "container is paused and must be unpaused first"
            if e.status == "paused"
            else f"container is {e.status}: stop the container before removing or force remove"
        )
    ),
    "InvalidName": lambda e: f"Invalid container name ({e.name}), only {CONTAINER_NAME} are allowed",
    "SameName": lambda e: "Renaming a container with the same name as its current name",
    "JoinOfStopped": lambda e: (
        f"cannot join network namespace of a non running container: container {e.name} is {e.status}"
        if e.kind == "network"
        else f"failed to join {e.kind} namespace: container {e.container_id} is not running"
    ),
    "ExecHasRun": lambda e: f"exec command {e.exec_id} has already run",
    "ExecIsRunning": lambda e: f"exec command {e.exec_id} is already running",
    "NoExecCommand": lambda e: "No exec command specified",
    "KillOfStopped": lambda e: f"cannot kill container: {e.name}: container {e.container_id} is not running",
    "ExportOfRemoved": lambda e: (
        f"You cannot export container {e.container_id} which is {'Dead' if e.status == 'dead' else 'being removed'}"
    ),
    "CommitOfRemoved": lambda e: (
        f"You cannot commit container {e.container_id} which is {'Dead' if e.status == 'dead' else 'being removed'}"
    ),
    "AlreadyPaused": lambda e: f"Container {e.container_id} is already paused",
    "NotPaused": lambda e: f"Container {e.container_id} is not paused",
    "InvalidDetachKeys": lambda e: f"Invalid detach keys ({e.keys}) provided",
    "InvalidCondition": lambda e: f'invalid condition: "{e.condition}"',
    "LogsUnreadable": lambda e: "configured logging driver does not support reading",
    "ReferenceInUse": lambda e: (
        f'conflict: unable to remove repository reference "{e.reference}" (must force) - '
        f"container {short(e.container_id)} is using its referenced image {short(e.image_id)}"
    ),
    "ImageInUse": lambda e: (
        f"conflict: unable to delete {short(e.image_id)} ({'cannot be' if e.running else 'must be'} forced) - "
        f"image is being used by {'running' if e.running else 'stopped'} container {short(e.container_id)}"
    ),
    "StoredImageInUse": lambda e: (
        f"conflict: unable to delete {short(e.image_id)} (cannot be forced) - "
        f"image is being used by stopped container {short(e.container_id)}"
    ),
    "ImageHasChildren": lambda e: (
        f"conflict: unable to delete {short(e.image_id)} (cannot be forced) - image has dependent child images"
    ),
    "ImageHasNames": lambda e: (
        f"conflict: unable to delete {short(e.image_id)} (must be forced) - "
        "image is referenced in multiple repositories"
    ),
    "PortFailure": lambda e: e.whole,
}

# Where dockerd's status is not that of the error's family.
STATUSES = {
    "BadPattern": 500,
    "BadTime": 500,
    "SeveralTimes": 500,
    "DownloadUnauthorized": 401,
    "PidJoinOfStopped": 500,
    "LoginRefused": 401,
    "RegistryBusy": 429,
    "RegistryUnauthorized": 401,
    "NotPaused": 500,
    # Found at start only.
    **dict.fromkeys(
        ("IdOutOfRange", "InvalidDeviceRule", "InvalidProfile", "InvalidTmpfsOption", "UnknownGroup", "UnknownUser"),
        500,
    ),
}


def status_and_words(error: Exception) -> tuple[int, str, bool]:
    """Return the status and the message that answer an exception, and whether it is one that is expected."""
    if isinstance(error, Problem):
        return error.status, error.message, True
    if not isinstance(error, EngineError):
        return 500, _words_of_other(error), isinstance(error, OSError) and error.errno in _MACHINE
    names = [cls.__name__ for cls in type(error).__mro__]
    status = next(table[name] for name in names for table in (STATUSES, FAMILIES) if name in table)
    words = next((WORDS[name] for name in names if name in WORDS), str)
    return status, words(error), True


def _words_of_other(error: Exception) -> str:
    """Return what an exception that is none of the engine's says; the operating system's as Go words them."""
    if isinstance(error, OSError) and error.errno and error.strerror:
        cause = os.strerror(error.errno).lower()
        return f"{os.fsdecode(error.filename)}: {cause}" if isinstance(error.filename, (str, bytes)) else cause
    return str(error) or type(error).__name__


def familiar(reference: str) -> str:
    """Return an image's name as dockerd repeats it: without the default registry, with the tag that was meant.

    An id, whole or with its algorithm, stays as it is; 64 hexadecimal digits are taken for one.
    """
    if reference.startswith("sha256:") or "@" in reference:
        return reference
    if len(reference) == 64 and not reference.strip("0123456789abcdef"):
        return f"sha256:{reference}"
    for prefix in ("docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/", "library/"):
        if reference.startswith(prefix):
            reference = reference.removeprefix(prefix)
            break
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def short(object_id: str) -> str:
    """Return an id's first twelve digits, without its algorithm."""
    return object_id.rpartition(":")[2][:12]
