"""Pull, push, load and save a big image, beside dockerd and podman: `python -m tests.bench.transfers`.

    --rounds N       rounds; each takes every engine in turn, with a store that has none of the image's layers
    --verbs A,B      of pull, push, load, save, together (many pulls at once)
    --engines A,B    of skiff, dockerd, podman
    --files N        files in each of the ten layers; 2,000 are 500 MB
    --disk N         first make a file system of so many gigabytes, and put everything there, the peers' root too
    --prepare        make the image, keep it for later runs, and measure nothing

All engines and the docker-registry processes are in the network namespace of the peers' dockerd (--network), so that
the way is the same for all; podman is its command, the others are asked through docker's. SKIFF_PEERS names the script
that starts the peers; everything else lies on the file system of the peers' root, too. Before each figure all that was
written before is put on disk. Times are medians and minimums in seconds; memory is the servers' peak.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.big_image import FILES, write_archive
from tests.bench.disk import journaled, settle
from tests.bench.engines import find_peers
from tests.harness.docker_cli import Docker
from tests.harness.real_registry import real_registry
from tests.harness.server import PROJECT

SOURCE, TARGET = 5801, 5810  # ports; of the targets every round has its own, for engines remember what is where
IMAGE = f"127.0.0.1:{SOURCE}/bench/big:1"
LOADED = "skiff-bench/big:1"
VERBS = ("pull", "push", "load", "save", "together")
ENGINES = ("skiff", "dockerd", "podman")
Run = Callable[..., subprocess.Popen[str]]


class Client:
    """One engine's command line; root is where its view of the files begins."""

    def __init__(self, name: str, run: Run, root: Path = Path("/")) -> None:
        self.name = name
        self._run = run
        self._root = root

    def path(self, path: Path) -> str:
        """Return how the engine's command names a file."""
        return f"/{path.relative_to(self._root)}"

    def __call__(self, *arguments: str) -> float:
        """Run a command to its end; returns its seconds."""
        return self.at_once(1, *arguments)

    def at_once(self, number: int, *arguments: str) -> float:
        """Run the same command several times at once; returns the seconds until the last has ended."""
        begin = time.perf_counter()
        started = [self._run(*arguments) for _ in range(number)]
        for each in started:
            _, words = each.communicate()
            assert each.returncode == 0 or arguments[0] == "rmi", f"{self.name} {arguments}: {words}"
        return time.perf_counter() - begin


def docker(host: str, config: Path) -> Run:
    """Return what starts docker commands."""
    command = Docker(host, config)
    return lambda *arguments: command.start(*arguments)


def podman(peers: Path, network: str) -> Run:
    """Return what starts podman commands."""
    environment = {**os.environ, "PEERS_NETNS": network, "TMPDIR": "/var/tmp"}  # the host's may not be there

    def run(*arguments: str) -> subprocess.Popen[str]:
        insecure = ["--tls-verify=false"] if arguments[0] in ("pull", "push") else []
        command = [peers, "exec", "podman", arguments[0], *insecure, *arguments[1:]]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return run


@contextmanager
def skiff(home: Path, inside: list[str]) -> Iterator[tuple[str, int]]:
    """Run a Skiff in a network namespace; gives its DOCKER_HOST and its process."""
    url = f"unix://{home}/s.sock"
    folders = ["--root", str(home / "root"), "--run-root", str(home / "run"), "--idle-timeout", "3600"]
    command = [*inside, sys.executable, "-m", "compat_api", *folders, "--listen", url]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log)
    while not (home / "s.sock").exists():
        assert process.poll() is None, (home / "log").read_text()
        time.sleep(0.05)
    try:
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def peak(pid: int) -> float:
    """Return the most memory that a process ever had, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0) / 1024


class Measuring:
    """The figures that are being taken."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._folder = folder
        self._options = options
        self.taken: dict[str, dict[str, list[float]]] = {}

    def take(self, verb: str, client: Client, *arguments: str, number: int = 1) -> None:
        """Run a command, several times at once where number says so, and note its time."""
        if verb in self._options.verbs:
            settle(self._folder)
        seconds = client.at_once(number, *arguments)
        if verb in self._options.verbs:
            self.taken.setdefault(verb, {}).setdefault(client.name, []).append(seconds)
            print(f"{verb}, {client.name}: {seconds:.1f} s", file=sys.stderr)

    def round(self, number: int, client: Client) -> None:
        """Let one engine do all that is asked for."""
        verbs = self._options.verbs
        client("rmi", "-f", IMAGE, LOADED)
        if "pull" in verbs or "push" in verbs:
            self.take("pull", client, "pull", "-q", IMAGE)
        if "push" in verbs:
            target = f"127.0.0.1:{TARGET + number}/{client.name}/big:1"
            client("tag", IMAGE, target)
            self.take("push", client, "push", "-q", target)
            client("rmi", target)
        client("rmi", "-f", IMAGE)
        if "load" in verbs or "save" in verbs:
            self.take("load", client, "load", "-q", "-i", client.path(self._folder / "big.tar"))
        if "save" in verbs:
            out = self._folder / f"saved-{client.name}.tar"
            self.take("save", client, "save", "-o", client.path(out), LOADED)
            out.unlink()
        client("rmi", "-f", LOADED)
        if "together" in verbs:
            self.take("together", client, "pull", "-q", IMAGE, number=self._options.at_once)
            client("rmi", "-f", IMAGE)

    def report(self) -> None:
        """Print the figures, Skiff's beside the others'."""
        for verb in self._options.verbs:
            cells = []
            for name, taken in self.taken[verb].items():
                middle = statistics.median(taken)
                base = statistics.median(self.taken[verb].get("skiff", taken))
                cells.append(f"{name} {middle:.1f}/{min(taken):.1f} s ({middle / base:.2f}x)")
            title = f"{self._options.at_once} pulls at once" if verb == "together" else verb
            print(f"{title}: {', '.join(cells)}")


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.transfers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--network", default="peer-docker")
    parser.add_argument("--disk", type=int, default=0)
    parser.add_argument("--prepare", action="store_true")
    for name, known in (("--verbs", VERBS), ("--engines", ENGINES)):
        parser.add_argument(name, type=lambda text: text.split(","), default=list(known))
    options = parser.parse_args()
    for given, known in ((options.verbs, VERBS), (options.engines, ENGINES)):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return options


def prepared(peers: Path, inside: list[str], stack: ExitStack, options: argparse.Namespace) -> Path:
    """Return a folder with the image, as registry/ and big.tar: what an earlier run kept, or a new one."""
    folder = Path(_output(peers, "root"), "var", "tmp", f"skiff-bench-{options.files}")
    if not (folder / "big.tar").exists():
        shutil.rmtree(folder, ignore_errors=True)
        if not options.prepare:
            stack.callback(shutil.rmtree, folder)
        with real_registry(folder / "registry", inside=inside, port=SOURCE):
            arguments = f"'127.0.0.1:{SOURCE}', 'bench/big', '1', {options.files}"
            fill = f"from tests.bench.big_image import upload; upload({arguments})"
            subprocess.run([*inside, sys.executable, "-c", fill], cwd=PROJECT, check=True)
        write_archive(folder / "new.tar", LOADED, options.files)
        (folder / "new.tar").rename(folder / "big.tar")
    for path in folder.rglob("*"):
        if path.is_file():  # so that nobody is the one who reads it from the disk
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass
    return folder


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]


def _on_new_disk(peers: Path, gigabytes: int, stack: ExitStack) -> None:
    """Let the peers' root be a copy on a file system of its own from now on."""
    home = stack.enter_context(journaled(gigabytes)) / "peers"
    subprocess.run(["cp", "-a", Path(_output(peers, "root")).parent, home], check=True)
    shutil.rmtree(home / "run", ignore_errors=True)
    (home / "run").mkdir()
    os.environ["PEERS_HOME"] = str(home)


def main() -> None:
    """Run the benchmark."""
    options = parse()
    peers = find_peers()
    assert peers is not None, "SKIFF_PEERS names no script"
    inside = ["nsenter", f"--net=/var/run/netns/{options.network}"]
    with ExitStack() as stack:
        if options.disk:
            _on_new_disk(peers, options.disk, stack)
            stack.callback(subprocess.run, [peers, "stop", "docker"], check=True)
        host = _output(peers, "start", "docker")
        folder = prepared(peers, inside, stack, options)
        if options.prepare:
            return
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="transfers-", dir=folder.parent)))
        stack.enter_context(real_registry(folder / "registry", inside=inside, port=SOURCE))
        if "push" in options.verbs:
            for number in range(options.rounds):
                stack.enter_context(real_registry(home / f"target-{number}", inside=inside, port=TARGET + number))
        (home / "skiff").mkdir()
        url, pid = stack.enter_context(skiff(home / "skiff", inside))
        peers_root = Path(_output(peers, "root"))
        clients = {
            "skiff": Client("skiff", docker(url, home)),
            "dockerd": Client("dockerd", docker(host, home)),
            "podman": Client("podman", podman(peers, options.network), peers_root),
        }
        subprocess.run([peers, "exec", "podman", "rmi", "--all", "--force"], check=True, stdout=subprocess.DEVNULL)
        measuring = Measuring(folder, options)
        for number in range(options.rounds):
            for name in options.engines:
                measuring.round(number, clients[name])
        measuring.report()
        dockerd = int((peers_root.parent / "run" / "dockerd.pid").read_text())
        print(f"peak: skiff {peak(pid):.0f} MB, dockerd {peak(dockerd):.0f} MB")


if __name__ == "__main__":
    main()
