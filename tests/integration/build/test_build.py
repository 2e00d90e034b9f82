"""What a build leaves and does not leave; what it takes from a client; what it does with hostile input."""

from __future__ import annotations

import io
import json
import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine import Engine
from engine.build.errors import BuildCancelled, BuildFailed, BuildInvalid, CommandFailed
from engine.build.records import PruneRequest
from engine.errors import NoSuchImage
from tests.harness import tars
from tests.integration.build.builds import BASE, Going, build, run_in


def left_of(engine: Engine) -> dict[str, object]:
    """Return what a build must not leave behind."""
    staging = engine.store.layers.staging
    run = engine.settings.run_root / "build"
    return {
        "containers": len(engine.database.rows("SELECT id FROM containers")),
        "rows": len(engine.database.rows("SELECT * FROM build_containers")),
        "staging": sorted(os.listdir(staging)) if staging.exists() else [],
        "run": sorted(os.listdir(run)) if run.exists() else [],
    }


NOTHING = {"containers": 0, "rows": 0, "staging": [], "run": []}


def test_a_build_leaves_an_image_and_its_steps_and_nothing_else(engine: Engine) -> None:
    ran = build(engine, f"FROM {BASE}\nRUN echo x >/x\nENV A=1\n", tags=["made:1", "made:2", "made:1"])
    assert ran.error is None
    assert left_of(engine) == NOTHING
    assert engine.images.resolve("made:2").digest == ran.image
    again = build(engine, f"FROM {BASE}\nRUN echo x >/x\nENV A=1\n")
    assert again.image == ran.image
    assert again.said.count("Using cache") == 2


def test_a_failing_command_leaves_its_container_unless_nothing_is_to_stay(engine: Engine) -> None:
    ran = build(engine, f"FROM {BASE}\nRUN true\nRUN exit 7\n")
    assert isinstance(ran.error, CommandFailed)
    assert ran.error.code == 7
    assert left_of(engine) == {**NOTHING, "containers": 1}
    found = engine.containers.get(engine.database.rows("SELECT id FROM containers")[0]["id"])
    assert (found.state.exit_code, found.host.auto_remove) == (7, False)
    ran = build(engine, f"FROM {BASE}\nRUN true\nRUN exit 8\n", always_remove=True)
    assert "Using cache" in ran.said  # what was done before it failed
    assert left_of(engine) == {**NOTHING, "containers": 1}


def test_containers_stay_where_that_is_asked_for(engine: Engine) -> None:
    ran = build(engine, f"FROM {BASE}\nRUN echo x >/x\nENV A=1\n", remove=False)
    assert ran.error is None
    assert "Removed" not in ran.said
    assert left_of(engine)["containers"] == 2
    assert run_in(engine, ran.image, "cat", "/x") == "x"


def test_a_cancelled_build_ends_its_command_and_leaves_nothing(engine: Engine) -> None:
    going = Going(engine, f"FROM {BASE}\nRUN echo begun; sleep 1000\n")
    going.wait_for("begun\n")
    begin = time.monotonic()
    going.builder.cancel()
    assert isinstance(going.end().error, BuildCancelled)
    assert time.monotonic() - begin < 10
    assert left_of(engine) == NOTHING


def test_what_a_killed_build_leaves_is_removed_by_who_looks_next(engine: Engine) -> None:
    """The builder's process is gone when its lock is free; here it never had one."""
    ran = build(engine, f"FROM {BASE}\nRUN true\n", remove=False)
    assert ran.error is None
    container = engine.database.rows("SELECT id FROM containers")[0]["id"]
    (engine.settings.run_root / "build" / "dead").mkdir(parents=True)
    with engine.database.transaction() as tx:
        tx.execute("INSERT INTO build_containers (container_id, build) VALUES (?, 'dead')", (container,))
    engine.containers.reconcile()
    assert left_of(engine) == NOTHING


def test_independent_stages_run_at_the_same_time(engine: Engine) -> None:
    """Each waits for a file that the other one writes into a cache that both have."""
    wait = "for i in $(seq 200); do [ -e /c/{other} ] && exit 0; sleep 0.05; done; exit 1"
    stages = "".join(
        f"FROM {BASE} AS {own}\nRUN --mount=type=cache,id=both,target=/c touch /c/{own}; {wait.format(other=other)}\n"
        for own, other in (("a", "b"), ("b", "a"))
    )
    ran = build(engine, f"{stages}FROM {BASE}\nCOPY --from=a /etc /a\nCOPY --from=b /etc /b\n")
    if (os.cpu_count() or 1) > 1:
        assert ran.error is None, ran.said
    assert ran.said.index("Step 1/") < ran.said.index("Step 3/") < ran.said.index("Step 5/")


def test_trees_of_images_are_mounted_and_not_changed(engine: Engine) -> None:
    build(engine, f"FROM {BASE}\nRUN mkdir -p /d/e; echo one >/d/e/f; ln -s d/e/f /l\nRUN rm /bin/cat\n", tags=["deep"])
    mount = "--mount=type=bind,from=deep"
    text = (
        f"FROM {BASE}\nRUN {mount},target=/m [ ! -e /m/bin/cat ]; cat /m/d/e/f; touch /m/x || echo refused\n"
        f"RUN {mount},source=/l,target=/file,rw echo two >/file; cat /file\n"
        f"RUN {mount},source=d,target=/m,rw echo three >>/m/e/f; rm -r /m/e/f; ls -A /m/e\n"
        f"RUN {mount},source=d,target=/m cat /m/e/f\n"
        "RUN --mount=target=/c,rw rm /c/Dockerfile; [ ! -e /c/Dockerfile ]\n"
        "COPY Dockerfile /\n"
    )
    ran = build(engine, text)
    assert ran.error is None, ran.said
    assert "touch: /m/x: Read-only file system\n" in ran.said
    assert "refused\n" in ran.said
    assert "two\n" in ran.said
    assert ran.said.count("\none\n") == 2
    assert left_of(engine) == NOTHING
    assert str(engine.settings.run_root) not in Path("/proc/self/mountinfo").read_text()


def test_a_killed_builds_mounts_go(engine: Engine) -> None:
    build(engine, f"FROM {BASE}\nRUN true >/x\n", tags=["deep"])
    folder = engine.settings.run_root / "build" / "dead"
    folder.mkdir(parents=True)
    with engine.store.staging() as staging, ExitStack() as stack:
        layer = engine.images.resolve("deep").layer
        assert layer is not None
        stack.enter_context(engine.store.shown(layer, folder / "bind0-1", staging / "upper"))
        (folder / "bind0-1" / "new").touch()
        engine.builds.recover()
        assert not folder.exists()
        assert str(folder) not in Path("/proc/self/mountinfo").read_text()


class Lent:
    """A client that lends a secret."""

    def secret(self, identity: str) -> bytes | None:
        return b"hidden words" if identity == "s" else None

    def agent(self, identity: str) -> str | None:
        del identity
        return None


def test_secrets_are_seen_and_not_kept(engine: Engine) -> None:
    text = (
        f"FROM {BASE}\nRUN --mount=type=secret,id=s stat -c '%a %u' /run/secrets/s; wc -c < /run/secrets/s\n"
        "RUN --mount=type=secret,id=s,env=WORDS [ ${#WORDS} = 12 ]\n"
        "RUN ls -a / /run 2>/dev/null | grep -q secrets || echo nothing there\n"
    )
    ran = build(engine, text, secrets=Lent())
    assert ran.error is None, ran.said
    assert "400 0" in ran.said
    assert "nothing there" in ran.said
    document = json.dumps(engine.images.resolve(ran.image).document)
    assert "hidden" not in document
    missing = build(engine, f"FROM {BASE}\nRUN --mount=type=secret,id=t,required=true true\n", secrets=Lent())
    assert "secret t: not found" in str(missing.error)


def test_contexts_with_names_and_parents(engine: Engine) -> None:
    more = tars.files({"d/e/f": b"from elsewhere\n"})
    ran = build(
        engine,
        f"FROM {BASE}\nCOPY --from=other --parents d/e/f /p/\nCOPY --from=other --parents d/./e /q/\n",
        contexts={"other": lambda: io.BytesIO(more)},
    )
    assert ran.error is None
    assert run_in(engine, ran.image, "cat", "/p/d/e/f", "/q/e/f") == "from elsewhere\nfrom elsewhere"


def test_an_epoch_makes_the_same_image_again(engine: Engine) -> None:
    text = f"FROM {BASE}\nRUN echo x >/x; mkdir /d; ln -s x /l\nCOPY a /a\nENV A=1\n"
    images = set()
    for _ in range(2):
        ran = build(engine, text, {"a": "text"}, no_cache=True, epoch=1_700_000_000)
        assert ran.error is None
        images.add(tuple(engine.images.resolve(ran.image).document["rootfs"]["diff_ids"]))
        time.sleep(1.1)
    assert len(images) == 1


def test_pruning_takes_what_nothing_needs(engine: Engine) -> None:
    named = build(engine, f"FROM {BASE}\nENV A=1\n", tags=["kept"])
    build(engine, f"FROM {BASE}\nRUN --mount=type=cache,target=/c echo x | tee /c/x >/x\n")
    records = engine.builds.records()
    assert {record.type for record in records} == {"regular", "exec.cachemount"}
    assert [record.in_use for record in records if record.id == named.image.removeprefix("sha256:")] == [True]
    assert engine.builds.prune(PruneRequest(filters={"type": ["exec.cachemount"]})).size == 2
    pruned = engine.builds.prune(PruneRequest(all=True))
    assert len(pruned.ids) == 1
    assert engine.builds.prune(PruneRequest(all=True)).ids == []
    assert engine.images.resolve("kept").digest == named.image
    with pytest.raises(NoSuchImage):
        engine.images.resolve(f"sha256:{pruned.ids[0]}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"FROM {BASE}\nRUN {'x' * (1 << 20)}\n", "dockerfile line greater than max allowed size of 65535"),
        ("FROM scratch\n" * 10000, "the Dockerfile has 10000 stages: at most 1000 can be built"),
        (
            f"FROM {BASE}\nARG a={'x' * 100}\n" + "ARG a=$a$a$a$a$a$a$a$a$a$a\n" * 60,
            "variables make a word longer than 1048576 characters",
        ),
        (f"FROM {BASE}\nENV a={'${a:-' * 10000}{'}' * 10000}\n", "words are nested too deeply"),
        (f"FROM {BASE}\nCOPY --from={BASE} ../../../etc/shadow /x\n", "forbidden path outside the build context"),
        (f"FROM {BASE}\nONBUILD ONBUILD RUN x\n", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
    ],
)
def test_hostile_dockerfiles_are_an_error_each(engine: Engine, text: str, words: str) -> None:
    ran = build(engine, text)
    assert ran.error is not None
    assert words in str(ran.error)
    assert left_of(engine) == NOTHING


def test_an_image_whose_triggers_never_end(engine: Engine) -> None:
    build(engine, f"FROM {BASE}\n" + "ONBUILD ENV A=1\n" * 1001, tags=["many"])
    ran = build(engine, "FROM many\n")
    assert isinstance(ran.error, BuildInvalid)
    assert "1001 build triggers" in str(ran.error)


def test_no_link_leads_out_of_a_context_or_a_stage(engine: Engine) -> None:
    links = {
        "up": tars.symlink("up", "../../../../../../etc/hostname"),
        "abs": tars.symlink("abs", "/etc/hostname"),
    }
    for name in links:
        ran = build(engine, f"FROM {BASE}\nCOPY {name} /x\n", links)
        assert isinstance(ran.error, BuildFailed)
    for target in ("/etc/hostname", "../../../../etc/hostname"):
        ran = build(engine, f"FROM {BASE} AS a\nRUN ln -s {target} /out\nFROM {BASE}\nCOPY --from=a /out /x\n")
        assert isinstance(ran.error, BuildFailed), ran.said
    ran = build(
        engine,
        f"FROM {BASE}\nRUN rm -rf /tmp; ln -s ../../../../../../../../tmp /tmp\nCOPY Dockerfile /tmp/skiff-out\n",
    )
    assert not os.path.exists("/tmp/skiff-out")


def test_folders_within_folders_are_an_error_and_leave_nothing(engine: Engine) -> None:
    deep = "/".join(["d"] * 1500)
    ran = build(engine, "FROM scratch\nCOPY . /\n", {f"{deep}/f": "x"})
    assert "nested too deeply" in str(ran.error)
    assert left_of(engine) == NOTHING
    ran = build(engine, f"FROM {BASE}\nRUN for i in $(seq 1500); do mkdir d; cd d; done\n", always_remove=True)
    assert "nested too deeply" in str(ran.error)
    assert left_of(engine) == NOTHING
