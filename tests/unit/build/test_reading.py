import pytest

from engine.build.dockerfile.errors import DockerfileError, InstructionError
from engine.build.dockerfile.instructions import Copy, Env, Health, OnBuild, Run, Workdir
from engine.build.dockerfile.reading import read, trigger


def test_instructions_go_to_their_stages() -> None:
    found = read("ARG A=1\nFROM x AS Base\nENV a b\nFROM base\nCOPY --from=base --chown=1 a b /c/\n")
    assert [argument.pairs for argument in found.arguments] == [[("A", "1")]]
    assert [(stage.base, stage.stage, stage.line) for stage in found.stages] == [("x", "base", 2), ("base", "", 4)]
    env, copy = found.stages[0].instructions[0], found.stages[1].instructions[0]
    assert isinstance(env, Env)
    assert env.pairs == [("a", "b")]
    assert isinstance(copy, Copy)
    assert (copy.sources, copy.destination, copy.from_, copy.chown) == (["a", "b"], "/c/", "base", "1")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("RUNN x", "unknown instruction: RUNN (did you mean RUN?)"),
        ("frm x", "unknown instruction: frm (did you mean from?)"),
        ("XYZZY", "unknown instruction: XYZZY"),
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM x AS 1", 'invalid name for build stage: "1", name can\'t start with a number or contain symbols'),
        (
            "COPY a",
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("COPY --frm=x a b", "unknown flag: --frm (did you mean from?)"),
        ("COPY --from a b", "missing a value on flag: --from"),
        ("COPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe"),
        ("COPY --from=a --from=b a b", "duplicate flag specified: --from"),
        ("COPY a <<E\nE", "COPY cannot accept a heredoc as a destination"),
        ("LABEL", "LABEL requires at least one argument"),
        ("ENV =x", "ENV names can not be blank"),
        ("ARG =x", "ARG names can not be blank"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("SHELL /bin/sh", "SHELL requires the arguments to be in JSON form"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK X", 'Unknown type "X" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK --interval=1ns CMD x", 'Interval "interval" cannot be less than 1ms'),
        ("HEALTHCHECK --interval=x CMD x", 'time: invalid duration "x"'),
        ("HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"),
        ('VOLUME [""]', "VOLUME specified can not be an empty string"),
        ("RUN --network=x y", 'invalid network mode "x"'),
        ("RUN --security=x y", 'security "x" is not valid'),
        ("RUN --mount=from=$x y", "'from' doesn't support variable expansion, define alias stage instead"),
    ],
)
def test_what_cannot_be_meant_names_its_line(line: str, reason: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        read(f"FROM x\n\n{line}\n")
    assert caught.value.reason == f"dockerfile parse error on line 3: {reason}"
    assert caught.value.line == 3


def test_something_before_the_first_from() -> None:
    with pytest.raises(DockerfileError, match="no build stage in current context"):
        read("RUN x\nFROM y\n")


def test_what_a_health_check_says() -> None:
    check = read("FROM x\nHEALTHCHECK --interval=1m30s --retries=2 CMD a b\n").stages[0].instructions[0]
    assert isinstance(check, Health)
    assert (check.check.test, check.check.interval, check.check.retries) == (["CMD-SHELL", "a b"], 90 * 10**9, 2)


def test_a_trigger_is_read_again_when_it_is_run() -> None:
    kept = read("FROM x\nONBUILD  RUN <<E\nx\nE\n").stages[0].instructions[0]
    assert isinstance(kept, OnBuild)
    assert kept.expression == "RUN <<E\nx\nE"
    run = trigger(kept.expression)
    assert isinstance(run, Run)
    assert run.files[0].content == "x\n"
    assert isinstance(trigger("WORKDIR /a"), Workdir)
    for text in ("RUN a\nRUN b", "FROM x", "NOTHING"):
        with pytest.raises(DockerfileError):
            trigger(text)


def test_triggers_of_triggers_without_end() -> None:
    with pytest.raises(InstructionError) as caught:
        read("FROM x\n" + "ONBUILD " * 5000 + "RUN y\n")
    assert caught.value.cause == "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"
