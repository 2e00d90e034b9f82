"""Running a build in a test, and looking at what it made."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, field
from typing import Any

from engine import Engine
from engine.build.builder import Builder
from engine.build.events import BuildEvent, Output
from engine.build.request import BuildRequest
from tests.conformance.building import Files, context

BASE = "base:latest"


@dataclass
class Ran:
    """A build that has ended: what it told, and what it raised."""

    image: str = ""
    events: list[BuildEvent] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def said(self) -> str:
        """The text of its output."""
        return "".join(each.text for each in self.events if isinstance(each, Output))


def build(engine: Engine, text: str, files: Files | None = None, **wanted: Any) -> Ran:
    """Build; what goes wrong is kept, not raised."""
    ran = Ran()
    archive = io.BytesIO(context({"Dockerfile": text, **(files or {})}))
    builder = Builder(engine, BuildRequest(archive=archive, **wanted), ran.events.append)
    try:
        ran.image = builder.run()
    except Exception as error:
        ran.error = error
    return ran


class Going:
    """A build in a thread, which can be cancelled when it has said something."""

    def __init__(self, engine: Engine, text: str, **wanted: Any) -> None:
        self.ran = Ran()
        self._seen = threading.Condition()
        archive = io.BytesIO(context({"Dockerfile": text}))
        self.builder = Builder(engine, BuildRequest(archive=archive, **wanted), self._tell)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _tell(self, event: BuildEvent) -> None:
        with self._seen:
            self.ran.events.append(event)
            self._seen.notify_all()

    def _run(self) -> None:
        try:
            self.ran.image = self.builder.run()
        except Exception as error:
            self.ran.error = error

    def wait_for(self, text: str) -> None:
        """Return when the build has said a text."""
        with self._seen:
            assert self._seen.wait_for(lambda: text in self.ran.said, timeout=20), self.ran.said

    def end(self) -> Ran:
        """Return the build when it has ended."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.ran


def run_in(engine: Engine, image: str, *command: str) -> str:
    """Run a command in an image by way of another build, and return what it prints."""
    words = ", ".join(f'"{each}"' for each in command)
    ran = build(engine, f"FROM {image}\nRUN [{words}]\n", no_cache=True)
    assert ran.error is None, (ran.error, ran.said)
    lines = ran.said.splitlines()
    begin = next(at for at, line in enumerate(lines) if " ---> Running in" in line)
    return "\n".join(line for line in lines[begin + 1 :] if not line.startswith((" --->", "Successfully")))
