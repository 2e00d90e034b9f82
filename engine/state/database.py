"""The state database: one SQLite file (write-ahead log) that holds every record of an engine.

It is at Settings.database. A state change, the event that tells of it and an exit code are one
transaction, so that a killed process leaves all of them or none. After a commit the file
Settings.run_root/changed is touched, which wakes those who wait (engine.state.changes).

Any number of processes and threads use it at once: each thread has a connection of its own, writers queue
for SQLite's lock, readers never wait. Rows are read with sqlite3.Row. On a full disk engine.state.reserve gives room;
where even that is used up, OSError (ENOSPC) is raised. Only engine code calls this.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.hurry import WouldWait, is_hurried
from engine.state.codec import dumps
from engine.state.reserve import Reserve

if TYPE_CHECKING:
    from engine.durable import Syncing

BUSY_SECONDS = 30.0
CACHE_KIB = 256  # of each thread's connection; SQLite's default is 2 MB, and the kernel has the pages anyway
CHECKPOINT_PAGES = 1000  # of the log, after which a writer brings them into the database: SQLite's default
KEPT_EVENTS = 16384  # the journal's bound, about 5 MB; dockerd keeps 256

# Each entry brings the file from the version of its index to the next; never edited once released.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE engine (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE containers (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, image_id TEXT NOT NULL,
        definition TEXT NOT NULL, status TEXT NOT NULL, pid INTEGER NOT NULL DEFAULT 0,
        monitor_pid INTEGER NOT NULL DEFAULT 0, exit_code INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT '', oom_killed INTEGER NOT NULL DEFAULT 0,
        started INTEGER NOT NULL DEFAULT 0, finished INTEGER NOT NULL DEFAULT 0,
        boot_id TEXT NOT NULL DEFAULT '', run INTEGER NOT NULL DEFAULT 0, restart_count INTEGER NOT NULL DEFAULT 0,
        stop_requested INTEGER NOT NULL DEFAULT 0, intent TEXT NOT NULL DEFAULT '',
        keep INTEGER NOT NULL DEFAULT 0, network TEXT NOT NULL DEFAULT '{}');
    CREATE TABLE exec_sessions (
        id TEXT PRIMARY KEY, container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
        created INTEGER NOT NULL, definition TEXT NOT NULL, status TEXT NOT NULL, pid INTEGER NOT NULL DEFAULT 0,
        monitor_pid INTEGER NOT NULL DEFAULT 0, exit_code INTEGER);
    CREATE INDEX exec_sessions_of ON exec_sessions(container_id);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL,
        actor TEXT NOT NULL, attributes TEXT NOT NULL);
    CREATE TABLE networks (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL,
        definition TEXT NOT NULL);
    CREATE TABLE endpoints (
        id TEXT PRIMARY KEY, network_id TEXT NOT NULL REFERENCES networks(id),
        container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
        definition TEXT NOT NULL, UNIQUE (network_id, container_id));
    CREATE TABLE leases (network_id TEXT NOT NULL REFERENCES networks(id) ON DELETE CASCADE, address TEXT NOT NULL,
        endpoint_id TEXT NOT NULL, PRIMARY KEY (network_id, address)) WITHOUT ROWID;
    CREATE TABLE ports (protocol TEXT NOT NULL, host_ip TEXT NOT NULL, host_port INTEGER NOT NULL,
        container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE, container_ip TEXT NOT NULL,
        container_port INTEGER NOT NULL, PRIMARY KEY (protocol, host_port, host_ip)) WITHOUT ROWID;
    CREATE TABLE volumes (name TEXT PRIMARY KEY, created INTEGER NOT NULL, definition TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE volume_uses (
        volume TEXT NOT NULL REFERENCES volumes(name),
        container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
        PRIMARY KEY (volume, container_id)) WITHOUT ROWID;
    """,
    f"""
    ALTER TABLE containers ADD COLUMN health TEXT NOT NULL DEFAULT '';
    ALTER TABLE containers ADD COLUMN health_streak INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE exec_sessions ADD COLUMN finished INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE probes (
        id INTEGER PRIMARY KEY, container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
        started INTEGER NOT NULL, finished INTEGER NOT NULL, exit_code INTEGER NOT NULL, output TEXT NOT NULL);
    CREATE INDEX probes_of ON probes(container_id);
    CREATE TRIGGER events_kept AFTER INSERT ON events WHEN NEW.id % 256 = 0 BEGIN
        DELETE FROM events WHERE id <= NEW.id - {KEPT_EVENTS}; END;
    """,
    """
    ALTER TABLE containers ADD COLUMN manual_stop INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE containers ADD COLUMN backoff INTEGER NOT NULL DEFAULT 0;
    """,
    """
    CREATE TABLE build_containers (container_id TEXT PRIMARY KEY, build TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE build_cache (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, parent TEXT NOT NULL, description TEXT NOT NULL,
        created INTEGER NOT NULL, used INTEGER NOT NULL, uses INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE INDEX exec_sessions_ended ON exec_sessions(finished) WHERE finished > 0;
    DROP INDEX exec_sessions_of;
    CREATE INDEX exec_sessions_of ON exec_sessions(container_id, status);
    """,
)

Values = Sequence[Any] | Mapping[str, Any]


class Transaction:
    """A write in progress: statements, and the events that become true with them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Values = ()) -> sqlite3.Cursor:
        """Run one statement inside the transaction."""
        return _execute(self._connection, statement, values)

    def event(self, kind: str, action: str, actor: str, attributes: Mapping[str, str]) -> None:
        """Record that something happened to an object; kind and action are the events' own words."""
        self.execute(
            "INSERT INTO events (time, type, action, actor, attributes) VALUES (?, ?, ?, ?, ?)",
            (time.time_ns(), kind, action, actor, dumps(attributes)),
        )


def _execute(connection: sqlite3.Connection, statement: str, values: Values) -> sqlite3.Cursor:
    """Run a statement; what of a text is no character, as in a file's name, is U+FFFD in the database."""
    try:
        return connection.execute(statement, values)
    except UnicodeEncodeError:
        from engine.go_json import bytes_of

        def plain(value: Any) -> Any:
            return bytes_of(value).decode() if isinstance(value, str) else value

        if isinstance(values, Mapping):
            return connection.execute(statement, {name: plain(value) for name, value in values.items()})
        return connection.execute(statement, [plain(value) for value in values])


class Database:
    """The one way to the state database's file."""

    def __init__(self, path: Path, wake_file: Path) -> None:
        self.path = path
        self.wake_file = wake_file
        self.reserve = Reserve(path.parent)
        self._local = threading.local()

    def rows(self, statement: str, values: Values = ()) -> list[sqlite3.Row]:
        """Return all rows of a query; it sees one consistent state."""
        try:
            connection = self._connection()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return self._rows_of_copy(statement, values)
        return _execute(connection, statement, values).fetchall()

    def row(self, statement: str, values: Values = ()) -> sqlite3.Row | None:
        """Return a query's first row, or None."""
        found = self.rows(statement, values)
        return found[0] if found else None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Hold the write lock while the block runs; commit at its end, roll back when it raises.

        After the commit those who wait for changes are woken. Raises sqlite3.OperationalError when another
        writer keeps the lock for longer than BUSY_SECONDS.
        """
        if is_hurried():
            raise WouldWait  # the commit waits for the disk
        connection = self._connection()
        low = self.reserve.is_low()
        syncs: list[Syncing] | None = getattr(self._local, "syncs", None)
        with self._full_disk_told(), _durably_committed(connection) if syncs is None else _committed(connection):
            yield Transaction(connection)
        if syncs is not None:
            from engine.durable import Syncing  # not on the way of a cold list

            syncs.append(Syncing(f"{self.path}-wal"))
        if low:
            _checkpoint(connection)
        self.wake()

    @contextmanager
    def on_disk_at_end(self) -> Iterator[None]:
        """Bring this thread's transactions of the block to the disk while the block goes on; they are there at its end.

        For effects that do no harm when a power cut takes the transactions and leaves the effects. Raises OSError when
        the disk has failed: the transactions are committed then, but a power cut may take them.
        """
        syncs: list[Syncing] = []
        self._local.syncs = syncs
        try:
            yield
        finally:
            self._local.syncs = None
            for each in syncs:
                with suppress(FileNotFoundError):  # the log has been brought into the database, which is synced then
                    each.wait()

    @contextmanager
    def telling(self) -> Iterator[Transaction]:
        """Hold the write lock for events and what a power cut makes void: the commit does not wait for the disk.

        Killed processes lose nothing of it; a power cut may take what no later transaction has brought to the disk.
        """
        connection = self._connection()
        low = self.reserve.is_low()
        with self._full_disk_told(), _hurried(connection), _committed(connection):
            yield Transaction(connection)
        if low:
            _checkpoint(connection)
        self.wake()

    def wake(self) -> None:
        """Wake everyone who waits for changes of this engine."""
        fd = os.open(self.wake_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(fd, b".", 0)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Close the calling thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

    def _rows_of_copy(self, statement: str, values: Values) -> list[sqlite3.Row]:
        """Return all rows of a query where there is no room to open the database: nobody can write to it then."""
        import shutil
        import tempfile

        with tempfile.TemporaryDirectory(dir=self.wake_file.parent) as folder:
            copy = os.path.join(folder, self.path.name)
            shutil.copy(self.path, copy)
            if os.path.exists(f"{self.path}-wal"):  # what is not in the file yet
                shutil.copy(f"{self.path}-wal", f"{copy}-wal")
            connection = sqlite3.connect(copy)
            try:
                connection.row_factory = sqlite3.Row
                return _execute(connection, statement, values).fetchall()
            finally:
                connection.close()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with self._full_disk_told():
                connection = self._local.connection = self._open()
        return connection

    @contextmanager
    def _full_disk_told(self) -> Iterator[None]:
        """Raise OSError where SQLite has failed because the disk is full."""
        try:
            yield
        except sqlite3.OperationalError as error:
            code = error.sqlite_errorcode & 0xFF
            if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and self.reserve.is_low()):
                raise self.reserve.no_space() from error
            raise

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        self.wake_file.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        if not self.reserve.is_low():
            self.reserve.fill()
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        _log_writes(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        if connection.execute("PRAGMA user_version").fetchone()[0] < len(MIGRATIONS):
            _migrate(connection)
        return connection


def _log_writes(connection: sqlite3.Connection) -> None:
    """Have writes go to a log, which is the file's own way once it is set.

    SQLite does not wait for another process that is setting it in a new file just then.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def _hurried(connection: sqlite3.Connection) -> Iterator[None]:
    """In a hurry, raise WouldWait where another writer has the lock, and leave bringing the log in to other writers."""
    if not is_hurried():
        yield
        return
    connection.execute("PRAGMA busy_timeout = 0")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise WouldWait from None
        raise
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


@contextmanager
def _committed(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit without waiting for the disk."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


@contextmanager
def _durably_committed(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit, and wait until it is on the disk."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        with _committed(connection):
            yield
    finally:
        connection.execute("PRAGMA synchronous = NORMAL")


def _checkpoint(connection: sqlite3.Connection) -> None:
    """Bring the log of writes into the database, so that the next write begins it anew and it does not grow."""
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except sqlite3.OperationalError:
        pass  # the database could not grow: the next one tries again


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest version, in one transaction that only one process wins."""
    with _durably_committed(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for migration in MIGRATIONS[version:]:
            for statement in _statements(migration):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {max(version, len(MIGRATIONS))}")


def _statements(text: str) -> Iterator[str]:
    """Yield the statements of a script; a trigger holds semicolons of its own."""
    statement = ""
    for piece in text.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""
