"""What came and went in the API between 1.24 and 1.51: every change that this server minds, with its version.

The one table: handlers ask Request.since(CHANGE), shapes compare the request's version with it, and the changes of
create's body are undone for older clients by compat_api.create_request in the order of these versions. Each name says
what is so since the version. Pure data; importing it imports nothing.
"""

from __future__ import annotations

Version = tuple[int, int]

ENGINE_REMOVES: Version = (1, 25)  # AutoRemove is the engine's part, no longer the client's
SECURITY_OPTIONS_HAVE_NAMES: Version = (1, 25)  # info: "name=seccomp,profile=builtin"
WEBSOCKETS_ARE_BINARY: Version = (1, 28)
WAIT_TAKES_CONDITION: Version = (1, 30)  # and its head goes out at once
BUILD_TELLS_ID: Version = (1, 30)  # an aux line
IMPORT_TAKES_PLATFORM: Version = (1, 32)  # and so does build
WAIT_TELLS_ERROR: Version = (1, 34)  # of a removal that failed
PRIVATE_IPC: Version = (1, 40)  # the default was shareable; BindOptions.NonRecursive; KernelMemoryTCP
PIDS_LIMIT_CHANGES: Version = (1, 40)  # update takes it
BUILD_HAS_OUTPUTS: Version = (1, 40)
CREATE_TAKES_PLATFORM: Version = (1, 41)
ONE_SHOT: Version = (1, 41)  # stats
NO_FILTER_PARAMETER: Version = (1, 41)  # of the list of images
CLUSTER_VOLUMES: Version = (1, 42)  # of swarms
STREAMS_NAME_THEIR_FORM: Version = (1, 42)  # multiplexed streams have a media type of their own
STREAMS_ARE_CHOSEN: Version = (1, 42)  # attach gives only those that were asked for
PRUNE_KEEPS_NAMED_VOLUMES: Version = (1, 42)  # unless the filter all says otherwise
STOP_TAKES_SIGNAL: Version = (1, 42)  # and so does restart
CONSOLE_SIZE: Version = (1, 42)  # of containers and of exec sessions
MISPLACED_OPTIONS_REFUSED: Version = (1, 42)  # options of one type of mount on another; CreateMountpoint
NO_KERNEL_MEMORY: Version = (1, 42)
USAGE_BY_TYPE: Version = (1, 42)  # system/df takes types, and has no BuilderSize
SHARED_SIZE: Version = (1, 42)  # the list of images takes shared-size
ANNOTATIONS: Version = (1, 43)
NAMELESS_IS_EMPTY: Version = (1, 43)  # no <none>:<none> in the list of images
SEVERAL_NETWORKS: Version = (1, 44)  # at create; MacAddress belongs to an endpoint; StartInterval
READ_ONLY_RECURSIVE: Version = (1, 44)  # read-only binds, all the way down
NO_VIRTUAL_SIZE: Version = (1, 44)
UNKNOWN_TIME_IS_LEFT_OUT: Version = (1, 44)  # Created of an image
SUBPATHS_OF_VOLUMES: Version = (1, 45)
ALIASES_AS_ASKED: Version = (1, 45)  # without the short id and the host name
NO_CONTAINER_CONFIG: Version = (1, 45)  # of an image
ANNOTATIONS_IN_LIST: Version = (1, 46)
IMAGE_CREATE_EVENTS: Version = (1, 46)
PUSH_BY_PLATFORM: Version = (1, 46)
NO_NONDISTRIBUTABLE: Version = (1, 47)  # info
IMAGE_MOUNTS: Version = (1, 48)  # and GwPriority, the warning of a volume driver beside mounts
SYSCTLS_BY_INTERFACE: Version = (1, 48)  # are options of an endpoint
BUILD_PRUNE_KEEPS_SPACE_BY_NAME: Version = (1, 48)
IMAGES_BY_PLATFORM: Version = (1, 48)  # history, save and load
INSPECT_BY_PLATFORM: Version = (1, 49)
FIREWALL_IN_INFO: Version = (1, 49)  # and no Expected commits
NO_BRIDGE_FILTERS: Version = (1, 50)  # info
REMOVE_BY_PLATFORM: Version = (1, 50)
EMPTY_IMAGE_FIELDS_LEFT_OUT: Version = (1, 50)
CONTAINERS_OF_IMAGES: Version = (1, 51)  # are counted in the list
