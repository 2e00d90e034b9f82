import threading

import pytest

from engine.build.dockerfile.reading import read
from engine.build.errors import BuildInvalid
from engine.build.schedule import InOrder, Schedule, needed, needs, target_of

TEXT = """
FROM x AS a
FROM x AS b
FROM a AS c
COPY --from=b / /
FROM x
RUN --mount=type=bind,from=c,target=/m true
COPY --from=1 / /
FROM x AS unused
"""


def test_only_what_a_target_needs() -> None:
    stages = read(TEXT).stages
    found = needs(stages, lambda text: text)
    assert found == [set(), set(), {0, 1}, {1, 2}, set()]
    assert needed(3, found) == [0, 1, 2, 3]
    assert needed(0, found) == [0]
    assert [target_of(stages, name) for name in ("", "A", "3")] == [4, 0, 3]
    with pytest.raises(BuildInvalid, match='target stage "nope" could not be found'):
        target_of(stages, "nope")


def test_too_many_stages_are_an_error() -> None:
    with pytest.raises(BuildInvalid, match="10000 stages"):
        target_of(read("FROM scratch\n" * 10000).stages, "")


def test_independent_stages_run_at_the_same_time_and_each_once() -> None:
    both = threading.Barrier(2, timeout=10)
    done: list[int] = []

    def build(index: int) -> None:
        if index < 2:
            both.wait()
        done.append(index)

    Schedule(build, [set(), set(), {0, 1}], 2).run([0, 1, 2])
    assert sorted(done) == [0, 1, 2]
    assert done[-1] == 2


def test_the_first_failure_ends_it() -> None:
    def build(index: int) -> None:
        if index == 1:
            raise ValueError(index)

    with pytest.raises(ValueError, match="1"):
        Schedule(build, [set(), {0}, {1}], 2).run([0, 1, 2])


def test_a_stage_that_is_found_out_about_late_is_built_by_who_wants_it() -> None:
    done: list[int] = []
    schedule = Schedule(lambda index: done.append(index), [set(), set()], 1)
    schedule.require(0)
    schedule.require(0)
    assert done == [0]


def test_what_stages_tell_comes_in_their_order() -> None:
    heard: list[object] = []
    order = InOrder(heard.append, [0, 1, 2])
    order.tell(1, "b1")
    order.tell(0, "a1")
    order.tell(2, "c1")
    order.finish(1)
    order.tell(0, "a2")
    order.finish(0)
    order.tell(2, "c2")
    assert heard == ["a1", "a2", "b1", "c1", "c2"]
