"""The route table: everything that the API serves, as data.

A path's last variable {name:.*} takes slashes, others do not. Handlers and models are named as "module:name" below
compat_api.handlers and compat_api.models, and loaded when a request first needs them; the models of answers are only
for the OpenAPI document (compat_api.openapi), which is made from this table. Rows are tried in their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path.

    body, answer: models, "" for none; answer may end in "[]" for a list of it. query: names of the parameters with
    their kinds (boolean, integer, string, filters, or strings for one that may be repeated). statuses: what the answers
    other than errors in general mean. stream: "" for a plain answer, else its media type, or hijack.
    """

    method: str
    path: str
    handler: str
    summary: str
    body: str = ""
    answer: str = ""
    query: dict[str, str] = field(default_factory=dict)
    statuses: dict[int, str] = field(default_factory=lambda: {200: "no error"})
    stream: str = ""
    since: str = "1.24"


SYSTEM = (
    Route("GET", "/_ping", "system:ping", "Tell that the server is there", stream="text/plain"),
    Route("HEAD", "/_ping", "system:ping", "Tell that the server is there", stream="text/plain"),
    Route("GET", "/version", "system:version", "Get version", answer="system:VersionAnswer"),
    Route("GET", "/info", "system:info", "Get system information", answer="system:InfoAnswer"),
    Route("POST", "/auth", "system:auth", "Check credentials", body="system:AuthBody", answer="system:AuthAnswer"),
    Route(
        "GET",
        "/events",
        "events:events",
        "Monitor events",
        answer="system:EventMessage",
        query={"since": "string", "until": "string", "filters": "filters"},
        stream="application/json",
    ),
    Route(
        "GET",
        "/system/df",
        "disk_usage:usage",
        "Get data usage information",
        answer="system:DiskUsageAnswer",
        query={"type": "strings"},
        since="1.25",
    ),
)

IMAGES = (
    Route(
        "GET",
        "/images/json",
        "images:list_",
        "List images",
        answer="images:ImageSummaryAnswer[]",
        query={"all": "boolean", "filters": "filters", "shared-size": "boolean", "manifests": "boolean"},
    ),
    Route(
        "GET",
        "/images/get",
        "image_streams:save",
        "Export several images",
        query={"names": "strings", "platform": "string"},
        stream="application/x-tar",
    ),
    Route(
        "GET",
        "/images/{name:.*}/get",
        "image_streams:save",
        "Export an image",
        query={"platform": "string"},
        stream="application/x-tar",
    ),
    Route(
        "GET",
        "/images/{name:.*}/history",
        "images:history",
        "Get the history of an image",
        answer="images:HistoryAnswer[]",
        query={"platform": "string"},
    ),
    Route(
        "GET",
        "/images/{name:.*}/json",
        "images:inspect",
        "Inspect an image",
        answer="images:ImageInspectAnswer",
        query={"manifests": "boolean", "platform": "string"},
    ),
    Route(
        "POST",
        "/images/load",
        "image_streams:load",
        "Import images",
        answer="images:ProgressAnswer",
        query={"quiet": "boolean", "platform": "string"},
        stream="application/json",
    ),
    Route(
        "POST",
        "/images/create",
        "image_imports:create",
        "Create an image",
        answer="images:ProgressAnswer",
        query={
            "fromImage": "string",
            "fromSrc": "string",
            "repo": "string",
            "tag": "string",
            "message": "string",
            "changes": "strings",
            "platform": "string",
        },
        stream="application/json",
    ),
    Route(
        "POST",
        "/images/{name:.*}/tag",
        "images:tag",
        "Tag an image",
        query={"repo": "string", "tag": "string"},
        statuses={201: "the image has the name"},
    ),
    Route(
        "DELETE",
        "/images/{name:.*}",
        "images:remove",
        "Remove an image",
        answer="images:RemovedAnswer[]",
        query={"force": "boolean", "noprune": "boolean", "platforms": "strings"},
    ),
)

CONTAINERS = (
    Route(
        "GET",
        "/containers/json",
        "containers:list_",
        "List containers",
        query={"all": "boolean", "limit": "integer", "size": "boolean", "filters": "filters"},
        answer="container_answers:ContainerSummary[]",
    ),
    Route(
        "POST",
        "/containers/create",
        "containers:create",
        "Create a container",
        body="containers:CreateBody",
        answer="container_answers:CreateAnswer",
        query={"name": "string", "platform": "string"},
        statuses={201: "the container was created"},
    ),
    Route(
        "POST",
        "/containers/prune",
        "containers:prune",
        "Delete stopped containers",
        answer="container_answers:PruneAnswer",
        query={"filters": "filters"},
        since="1.25",
    ),
    Route(
        "GET",
        "/containers/{name:.*}/json",
        "containers:inspect",
        "Inspect a container",
        answer="container_answers:ContainerInspect",
        query={"size": "boolean"},
    ),
    Route(
        "GET",
        "/containers/{name:.*}/logs",
        "container_streams:logs",
        "Get container logs",
        query={
            "follow": "boolean",
            "stdout": "boolean",
            "stderr": "boolean",
            "since": "string",
            "until": "string",
            "timestamps": "boolean",
            "details": "boolean",
            "tail": "string",
        },
        stream="application/vnd.docker.multiplexed-stream",
    ),
    Route(
        "GET",
        "/containers/{name:.*}/top",
        "container_insides:top",
        "List processes running inside a container",
        answer="container_answers:TopAnswer",
        query={"ps_args": "string"},
    ),
    Route(
        "GET",
        "/containers/{name:.*}/stats",
        "container_stats:stats",
        "Get container stats based on resource usage",
        answer="container_answers:StatsAnswer",
        query={"stream": "boolean", "one-shot": "boolean"},
        stream="application/json",
    ),
    Route(
        "GET",
        "/containers/{name:.*}/changes",
        "container_insides:changes",
        "Get changes on a container's file system",
        answer="container_answers:ChangeAnswer[]",
    ),
    Route(
        "GET",
        "/containers/{name:.*}/export",
        "container_insides:export",
        "Export a container",
        stream="application/octet-stream",
    ),
    Route(
        "POST",
        "/commit",
        "commits:commit",
        "Create a new image from a container",
        body="containers:CreateBody",
        answer="container_answers:CommitAnswer",
        query={
            "container": "string",
            "repo": "string",
            "tag": "string",
            "comment": "string",
            "author": "string",
            "pause": "boolean",
            "changes": "strings",
        },
        statuses={201: "the image was made"},
    ),
    Route(
        "HEAD",
        "/containers/{name:.*}/archive",
        "container_archives:stat",
        "Get information about files in a container",
        query={"path": "string"},
    ),
    Route(
        "GET",
        "/containers/{name:.*}/archive",
        "container_archives:fetch",
        "Get an archive of a filesystem resource in a container",
        query={"path": "string"},
        stream="application/x-tar",
    ),
    Route(
        "PUT",
        "/containers/{name:.*}/archive",
        "container_archives:extract",
        "Extract an archive of files or folders to a directory in a container",
        query={"path": "string", "noOverwriteDirNonDir": "boolean", "copyUIDGID": "boolean"},
    ),
    Route(
        "POST",
        "/containers/{name:.*}/kill",
        "container_runs:kill",
        "Kill a container",
        query={"signal": "string"},
        statuses={204: "the signal was sent"},
    ),
    Route(
        "POST",
        "/containers/{name:.*}/pause",
        "container_runs:pause",
        "Pause a container",
        statuses={204: "the container is paused"},
    ),
    Route(
        "POST",
        "/containers/{name:.*}/unpause",
        "container_runs:unpause",
        "Unpause a container",
        statuses={204: "the container goes on"},
    ),
    Route(
        "POST",
        "/containers/{name:.*}/restart",
        "container_runs:restart",
        "Restart a container",
        query={"signal": "string", "t": "integer"},
        statuses={204: "the container was started again"},
    ),
    Route(
        "POST",
        "/containers/{name:.*}/start",
        "container_runs:start",
        "Start a container",
        query={"detachKeys": "string"},
        statuses={204: "the container runs", 304: "it ran already"},
    ),
    Route(
        "POST",
        "/containers/{name:.*}/stop",
        "container_runs:stop",
        "Stop a container",
        query={"signal": "string", "t": "integer"},
        statuses={204: "the container has ended", 304: "it did not run"},
    ),
    Route(
        "POST",
        "/containers/{name:.*}/wait",
        "container_runs:wait",
        "Wait for a container",
        answer="container_answers:WaitAnswer",
        query={"condition": "string"},
        stream="application/json",
    ),
    Route(
        "POST",
        "/containers/{name:.*}/resize",
        "container_runs:resize",
        "Resize a container's terminal",
        query={"h": "integer", "w": "integer"},
    ),
    Route(
        "POST",
        "/containers/{name:.*}/attach",
        "container_streams:attach",
        "Attach to a container",
        query={
            "detachKeys": "string",
            "logs": "boolean",
            "stream": "boolean",
            "stdin": "boolean",
            "stdout": "boolean",
            "stderr": "boolean",
        },
        statuses={101: "raw bytes follow, to a client that asked for an upgrade", 200: "raw bytes follow"},
        stream="hijack",
    ),
    Route(
        "POST",
        "/containers/{name:.*}/update",
        "container_update:update",
        "Update a container",
        body="containers:UpdateBody",
        answer="container_answers:UpdateAnswer",
    ),
    Route(
        "POST",
        "/containers/{name:.*}/rename",
        "containers:rename",
        "Rename a container",
        query={"name": "string"},
        statuses={204: "the container has the name"},
    ),
    Route(
        "DELETE",
        "/containers/{name:.*}",
        "containers:remove",
        "Remove a container",
        query={"v": "boolean", "force": "boolean", "link": "boolean"},
        statuses={204: "the container is gone"},
    ),
)

EXECS = (
    Route(
        "POST",
        "/containers/{name:.*}/exec",
        "execs:create",
        "Create an exec instance",
        body="execs:ExecCreateBody",
        answer="execs:ExecCreateAnswer",
        statuses={201: "the exec instance was created"},
    ),
    Route(
        "POST",
        "/exec/{name:.*}/start",
        "execs:start",
        "Start an exec instance",
        body="execs:ExecStartBody",
        statuses={101: "raw bytes follow, to a client that asked for an upgrade", 200: "raw bytes follow"},
        stream="hijack",
    ),
    Route(
        "POST",
        "/exec/{name:.*}/resize",
        "execs:resize",
        "Resize an exec instance's terminal",
        query={"h": "integer", "w": "integer"},
    ),
    Route("GET", "/exec/{id:.*}/json", "execs:inspect", "Inspect an exec instance", answer="execs:ExecInspectAnswer"),
)

NETWORKS = (
    Route(
        "GET",
        "/networks",
        "networks:list_",
        "List networks",
        answer="networks:NetworkAnswer[]",
        query={"filters": "filters"},
    ),
    Route(
        "GET",
        "/networks/",
        "networks:list_",
        "List networks",
        answer="networks:NetworkAnswer[]",
        query={"filters": "filters"},
    ),
    Route(
        "GET",
        "/networks/{name:.*}",
        "networks:inspect",
        "Inspect a network",
        answer="networks:NetworkAnswer",
        query={"verbose": "boolean", "scope": "string"},
    ),
    Route(
        "POST",
        "/networks/create",
        "networks:create",
        "Create a network",
        body="networks:NetworkCreateBody",
        answer="networks:NetworkCreateAnswer",
        statuses={201: "the network is there"},
    ),
    Route(
        "POST",
        "/networks/prune",
        "networks:prune",
        "Delete unused networks",
        answer="networks:NetworksPruned",
        query={"filters": "filters"},
        since="1.25",
    ),
    Route(
        "POST",
        "/networks/{name:.*}/connect",
        "networks:connect",
        "Connect a container to a network",
        body="networks:ConnectBody",
    ),
    Route(
        "POST",
        "/networks/{name:.*}/disconnect",
        "networks:disconnect",
        "Disconnect a container from a network",
        body="networks:DisconnectBody",
    ),
    Route("DELETE", "/networks/{name:.*}", "networks:remove", "Remove a network", statuses={204: "it is gone"}),
)

VOLUMES = (
    Route(
        "GET",
        "/volumes",
        "volumes:list_",
        "List volumes",
        answer="volumes:VolumeListAnswer",
        query={"filters": "filters"},
    ),
    Route(
        "POST",
        "/volumes/create",
        "volumes:create",
        "Create a volume",
        body="volumes:VolumeCreateBody",
        answer="volumes:VolumeAnswer",
        statuses={201: "the volume is there"},
    ),
    Route("GET", "/volumes/{name:.*}", "volumes:inspect", "Inspect a volume", answer="volumes:VolumeAnswer"),
    Route(
        "DELETE",
        "/volumes/{name:.*}",
        "volumes:remove",
        "Remove a volume",
        query={"force": "boolean"},
        statuses={204: "the volume is gone"},
    ),
)

ROUTES: tuple[Route, ...] = (*SYSTEM, *CONTAINERS, *EXECS, *IMAGES, *NETWORKS, *VOLUMES)
