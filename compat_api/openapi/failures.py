"""What a client may do wrong and dockerd answers with 500, as data: it is the specification, so we answer the same.

The document names each under its operation; the schemathesis campaign lets no other 500 pass; a unit test holds the
list to what was recorded of dockerd, both ways: each kind is there, and nothing that is there is of another kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind: of an operation, named as the document does; words: an expression that the whole message matches."""

    operation: str
    words: str
    why: str


_NUMBER = r'strconv\.(Atoi|ParseInt|ParseUint): parsing ".*": (invalid syntax|value out of range)'
_REFERENCE = r"invalid reference format(: repository name \(.*\) must be lowercase)?"
_UNREACHED = r'(Get|Head) "http.*'
_NO_JSON = r"EOF|unexpected EOF|invalid character .*|invalid escape sequence .*|exceeded max depth"
_DURATION = r'failed to parse value as time or duration: ".*"'
_LOG_OPTION = (
    r"compress cannot be true .*|compression cannot be .*|error parsing regexp: .*|error reading compress .*|"
    r"invalid size: .*|max-(file|size) .*|strconv\..*|invalid value for max-.*|template: log-tag.*"
)
_PATH = r".*: (invalid argument|not a directory|too many levels of symbolic links)|EvalSymlinks: too many links"
_ENTRY = r'invalid entry name ".*"|invalid hardlink target ".*"|archive/tar: .*|unexpected EOF'
_SPECIFICATION = r"invalid (mode|volume specification): .*"

_BY_OPERATION: dict[str, tuple[tuple[str, str], ...]] = {
    "POST /auth": (
        (_NO_JSON, "the body is no JSON"),
        (r"json: cannot unmarshal .*", "a credential is no text"),
        (_UNREACHED, "the registry cannot be reached"),
    ),
    "GET /events": ((_NUMBER, "since or until is no time"),),
    "GET /containers/json": (
        (_NUMBER, "limit is no number"),
        (r"error while looking up for (expose|publish) .*", "a port that is filtered for is none"),
        (r"filter for '(expose|publish)' should not contain ':': .*", "a port that is filtered for has an address"),
    ),
    "POST /containers/create": (
        (_SPECIFICATION, "a bind is written as none can be"),
        (r"Unknown option .*|--storage-opt is supported only .*", "a storage option is none, or cannot be had"),
        (r"Cannot mkdir: .* is not a directory", "the working directory is a file of the image"),
        (
            r"source .* is not directory|lstat .*: not a directory|cannot mount volume over existing file, .*",
            "a volume is to lie on a file",
        ),
        (r"bad format for links: .*|empty string specified for links", "a link is written as none can be"),
        (r"invalid --security-opt .*", "a security option is none"),
        (r"unable to determine network endpoint .*|interface specific sysctl .*", "a sysctl is of an interface"),
    ),
    "POST /containers/{name}/start": (
        (r"failed to create task for container: failed to initialize logging driver: .*", "a log option is wrong"),
        (r"failed to create task for container: .*", "the runtime refuses what the container is to have"),
        (r"Decoding seccomp profile failed: .*", "the seccomp profile is none"),
        (r"invalid device cgroup rule format: .*", "a rule for devices is none"),
        (r"CDI device injection failed: .*|unexpected (count|options) in CDI .*", "a vendor's device is not there"),
        (r"could not select device driver .*", "a device is asked for that no driver gives"),
        (r"(error gathering device information .*|stat .*: no such file .*)", "a device is not there, or is none"),
        (r"bad nameserver address .*", "a name server's address is none"),
        (r"joining network namespace of container: .*", "the container whose network is to be shared is not there"),
        (r"cannot join own network namespace", "the container whose network is to be shared is itself"),
        (r"invalid tmpfs option .*|mount options conflict: .*", "the options of a mount cannot be meant"),
        (r"uids and gids must be in range .*|unable to find (user|group) .*", "the user or a group is none"),
        (r"error while mounting volume '.*", "a volume's options cannot be mounted"),
        (r"error while resolving symlinks in combined path .*", "a folder in a volume is none"),
        (r"Cannot link to a non running container: .*", "a linked container does not run"),
        (r"failed to join PID namespace: .*", "the container whose processes are to be shared does not run"),
        (r"failed to set up container networking: .*", "a port is taken"),
        (r"path .* is mounted on .* but it is not a shared( or slave)? mount", "a bind's propagation cannot be had"),
    ),
    "POST /containers/{name}/stop": (
        (_NUMBER, "t is no number"),
        (r"cannot stop container: .*: invalid signal: .*", "the signal is none"),
    ),
    "POST /containers/{name}/restart": (
        (_NUMBER, "t is no number"),
        (r"Cannot restart container .*: invalid signal: .*", "the signal is none"),
        (r"Cannot restart container .*: .*", "the start fails, for whatever reason"),
    ),
    "POST /containers/{name}/unpause": ((r"Container .* is not paused", "the container is not paused"),),
    "POST /containers/{name}/exec": (
        (r"Invalid escape keys \(.*\) provided", "the detach keys are none"),
        (r"Cannot link to a non running container: .*", "a linked container does not run"),
    ),
    "POST /exec/{name}/resize": ((r"timeout waiting for exec session ready", "the session has not been started"),),
    "GET /containers/{name}/logs": ((_LOG_OPTION, "an option of the container's log is wrong"),),
    "GET /containers/{name}/top": (
        (r"ps: error: .*", "ps does not understand its arguments"),
        (r"Couldn't find PID field in ps output", "ps is told to leave the process ids out"),
        (r'specifying ".*" is not allowed', "ps is told to call the process ids otherwise"),
    ),
    "GET /containers/{name}/archive": ((_PATH, "the path cannot be one"),),
    "HEAD /containers/{name}/archive": ((r"", "the path cannot be one"),),
    "PUT /containers/{name}/archive": (
        (_PATH + "|not a directory", "the path cannot be one"),
        (_ENTRY + "|unhandled tar header type .*", "the archive is none, or leads out of itself"),
        (r"linkat .*: operation not permitted", "a link to what cannot be linked to"),
        (r"cannot overwrite (directory|non-directory) .*|RemoveAll .*", "what is there cannot be replaced"),
    ),
    "DELETE /containers/{name}": (
        (r"Conflict, cannot remove the default link name of the container", "link is asked for with no link's name"),
    ),
    "POST /images/create": (
        (r'Get "http:": http: no Host in request URL', "fromSrc is no address"),
        (_UNREACHED, "the registry, or fromSrc, cannot be reached"),
        (_ENTRY, "what is imported is no archive"),
    ),
    "GET /images/{name}/get": (
        (_REFERENCE, "the name cannot be one"),
        (r"no suitable export target found for platform .*", "the image is not for the platform"),
    ),
    "GET /images/json": (
        (_DURATION, "until is no time"),
        (r"syntax error in pattern", "a reference that is filtered for is no pattern"),
    ),
    "POST /images/prune": (
        (_DURATION, "until is no time"),
        (r"more than one until filter specified", "until is given twice"),
    ),
    "GET /distribution/{name}/json": (
        (_UNREACHED, "the registry cannot be reached"),
        (r"no manifest found for full image ID", "an id is asked for"),
    ),
    "GET /networks": ((r"invalid filter: 'type'='.*'", "a type that is filtered for is none"),),
    "POST /networks/create": (
        (r"-o parent interface was not found on the host: .*", "the parent interface is not there"),
        (r"(invalid subinterface|loopback interface) .*", "the parent interface can be none"),
        (r"failed to allocate gateway \(.*\): .*", "the gateway's address cannot be had"),
        (r"gateway mode 'isolated' can only be used for an internal network", "the gateway's mode does not fit"),
        (r"requested (macvlan|ipvlan) (mode|flag) .* is not valid, .*", "the driver has no such mode or flag"),
        (r"invalid argument|numerical result out of range", "the kernel does not take an option"),
        (r"operation not supported", "the kernel has no such interfaces"),
    ),
    "POST /volumes/create": (
        (r"create .*: error while creating volume root path .*", "the machine's file system does not take the name"),
    ),
    "POST /networks/{name}/disconnect": (
        (r"container .* is not connected to (the )?network .*", "the container is not connected"),
    ),
    "POST /build": (
        (r"Cannot locate specified Dockerfile: .*|unexpected error reading Dockerfile: .*", "there is no Dockerfile"),
        (_NUMBER, "shmsize is no number"),
        (r"remoteURL \(.*\) could not be recognized as URL", "remote is no address"),
        (r"forbidden path outside the build context: .*", "the Dockerfile is outside the context"),
        (r"build tag cannot contain a digest|" + _REFERENCE, "a name for the image cannot be one"),
        (
            r"error (downloading remote context|detecting content type for remote) .*",
            "the remote context cannot be had",
        ),
        (
            r"(invalid refspec: |error (fetching|setting git context|checking out .*|initializing submodules)[:,] "
            r"|stat /).*",
            "the repository cannot be had, or has not what is wanted of it",
        ),
        (_ENTRY, "the context is no archive, or leads out of itself"),
    ),
    "GET /plugins/privileges": ((_REFERENCE, "the name cannot be one"),),
    "POST /plugins/pull": ((_REFERENCE, "a name cannot be one"),),
    "POST /plugins/create": ((r"failed to parse reference .*", "the name cannot be one"),),
    "POST /plugins/{name}/enable": ((_NUMBER, "timeout is no number"),),
    "POST /plugins/{name}/upgrade": ((_REFERENCE, "a name cannot be one"),),
    "GET /services/{id}/logs": ((r"Bad parameters: you must choose at least one stream", "no stream is chosen"),),
    "GET /tasks/{id}/logs": ((r"Bad parameters: you must choose at least one stream", "no stream is chosen"),),
}
FAILURES = tuple(Failure(operation, words, why) for operation, kinds in _BY_OPERATION.items() for words, why in kinds)


def failures_of(operation: str) -> list[Failure]:
    """Return the kinds of an operation."""
    return [each for each in FAILURES if each.operation == operation]


def kind_of(operation: str, message: str) -> Failure | None:
    """Return the kind of an answer of 500, None for one that should not have been given."""
    found = (each for each in failures_of(operation) if re.fullmatch(each.words, message, re.DOTALL))
    return next(found, None)
