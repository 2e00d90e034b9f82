"""The places where a repository may be had: mirrors first, then the registry itself; the first that answers is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from engine.errors import EngineError
from engine.images.reference import DOMAIN, Reference
from engine.off_loop import off_loop
from engine.registry import configuration
from engine.registry.connection import Connection
from engine.registry.hosts import OFFICIAL_HOST, Credentials
from engine.registry.repository import Repository

T = TypeVar("T")
Translate = Callable[[EngineError, Reference], EngineError]


class Remote:
    """One repository, wherever it can be reached."""

    def __init__(self, places: list[Repository], translate: Translate) -> None:
        self._places = places
        self._connected: Repository | None = None
        self._translate = translate

    async def repository(self) -> Repository:
        """Return the place that answered last, or connect to the first that can be reached. Raises EngineError."""
        if self._connected is None:
            await self.ask(_nothing, None)
        assert self._connected is not None
        return self._connected

    async def ask(self, question: Callable[[Repository], Awaitable[T]], reference: Reference | None) -> T:
        """Ask one place after another until one answers, which is then the only one. Raises the last one's error."""
        if self._connected is not None:
            return await self._answer(self._connected, question, reference)
        last: EngineError | None = None
        for place in self._places:
            try:
                await place.connection.connect()
                found = await self._answer(place, question, reference)
            except EngineError as error:
                last = error
                continue
            self._connected = place
            return found
        assert last is not None
        raise last

    async def _answer(
        self, place: Repository, question: Callable[[Repository], Awaitable[T]], reference: Reference | None
    ) -> T:
        try:
            return await question(place)
        except EngineError as error:
            raise (error if reference is None else self._translate(error, reference)) from error


@asynccontextmanager
async def reach(
    reference: Reference, credentials: Credentials, environment: Mapping[str, str], actions: str, translate: Translate
) -> AsyncIterator[Remote]:
    """Give the places of a reference's repository; nothing is asked yet. Pushing goes to no mirror.

    Raises RegistryBlocked, BadRegistriesConfiguration.
    """
    registries = await off_loop(configuration.load, environment)
    found = configuration.locations(registries, reference.name, by_digest=bool(reference.digest))
    if actions != "pull":
        found = found[-1:]
    async with AsyncExitStack() as stack:
        places = []
        for name, insecure in found:
            domain, _, path = name.partition("/")
            # The credentials are for the registry that was named, not for others that stand in for it.
            own = credentials if domain == reference.domain else Credentials()
            host = OFFICIAL_HOST if domain == DOMAIN else domain
            connection = await stack.enter_async_context(Connection(host, own, insecure, environment))
            places.append(Repository(connection, path, actions))
        yield Remote(places, translate)


async def _nothing(_: Repository) -> None:
    return None
