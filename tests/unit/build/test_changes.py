"""Dockerfile instructions on an import; what they make was compared with dockerd 28.5's."""

from __future__ import annotations

import pytest

from engine.build.changes import apply
from engine.containers.config import ContainerConfig, Healthcheck
from engine.errors import InvalidChange


def change(*lines: str) -> ContainerConfig:
    return apply(ContainerConfig(), list(lines))


def test_commands_in_both_forms() -> None:
    assert change('CMD ["/bin/sh", "-x"]').cmd == ["/bin/sh", "-x"]
    assert change("CMD echo $HOME").cmd == ["/bin/sh", "-c", "echo $HOME"]
    assert change("ENTRYPOINT foo bar").entrypoint == ["/bin/sh", "-c", "foo bar"]
    assert change("CMD [not json").cmd == ["/bin/sh", "-c", "[not json"]
    assert change("cmd true").cmd == ["/bin/sh", "-c", "true"]


@pytest.mark.parametrize(
    ("line", "env"),
    [
        ('ENV A=b C="d e"', ["A=b", "C=d e"]),
        ("ENV A b c", ["A=b c"]),
        ("ENV A='$B'", ["A=$B"]),
        ("ENV A=a\\ b", ["A=a b"]),
        ("ENV A=", ["A="]),
    ],
)
def test_env(line: str, env: list[str]) -> None:
    assert change(line).env == env


def test_variables_see_the_instructions_before() -> None:
    config = change("ENV A=1", "ENV A=2 B=$A", "LABEL l=${B}-${C:-none}-${A:+set}", "WORKDIR /x/$A")
    assert config.env == ["A=2", "B=1"]
    assert config.labels == {"l": "1-none-set"}
    assert config.working_dir == "/x/2"


def test_ports_volumes_and_the_rest() -> None:
    config = change(
        "EXPOSE 80 443/udp 8000-8002",
        'VOLUME ["/a", "/b c"]',
        "VOLUME /d",
        "WORKDIR /w",
        "WORKDIR x/../y",
        "USER bob:staff",
        "STOPSIGNAL SIGTERM",
        "ONBUILD RUN make",
        'LABEL "c d"=e a=b',
        "# a comment",
        "",
        "ENV LONG=\\",
        "value",
    )
    assert sorted(config.exposed_ports or []) == ["443/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"]
    assert config.volumes == ["/a", "/b c", "/d"]
    assert config.working_dir == "/w/y"
    assert config.user == "bob:staff"
    assert config.stop_signal == "SIGTERM"
    assert config.on_build == ["RUN make"]
    assert config.labels == {"c d": "e", "a": "b"}
    assert config.env == ["LONG=value"]


@pytest.mark.parametrize("name", ["99", "-5", "RTMIN", "rtmin+15", "SIGRTMAX-14", "CLD", "sigkill"])
def test_signals_by_all_their_names(name: str) -> None:
    assert change(f"STOPSIGNAL {name}").stop_signal == name


def test_health_checks() -> None:
    assert change("HEALTHCHECK NONE").healthcheck == Healthcheck(test=["NONE"])
    assert change("HEALTHCHECK --interval=5s --retries=3 CMD true").healthcheck == Healthcheck(
        test=["CMD-SHELL", "true"], interval=5_000_000_000, retries=3
    )
    assert change('HEALTHCHECK --timeout=1m30s CMD ["a", "b"]').healthcheck == Healthcheck(
        test=["CMD", "a", "b"], timeout=90_000_000_000
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("RUN x", "RUN is not a valid change command"),
        ("Bogus x", "Bogus is not a valid change command"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV A", "ENV must have two arguments"),
        ("ENV A=1 b", 'Syntax error - can\'t find = in "b". Must be of the form: name=value'),
        ("EXPOSE x", "Invalid containerPort: x"),
        ("EXPOSE 80/xyz", "Invalid proto: xyz"),
        ("EXPOSE 70000", "Invalid containerPort: 70000"),
        ("USER", "USER requires exactly one argument"),
        ("VOLUME []", "VOLUME requires at least one argument"),
        ("ENV =x", "ENV names can not be blank"),
        ("EXPOSE 5-3", "Invalid containerPort: 5-3"),
        ("HEALTHCHECK --interval=1us CMD x", 'Interval "interval" cannot be less than 1ms'),
        ("HEALTHCHECK --interval=x CMD x", 'time: invalid duration "x"'),
        (
            "ENV A='x",
            'failed to process "\'x": unexpected end of statement while looking for matching single-quote',
        ),
        ("STOPSIGNAL NOPE", "invalid signal: NOPE"),
        ("STOPSIGNAL 0", "invalid signal: 0"),
        ("STOPSIGNAL RTMIN+16", "invalid signal: RTMIN+16"),
        ("STOPSIGNAL RTMAX-0", "invalid signal: RTMAX-0"),
        ("ONBUILD ONBUILD x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK BAD x", 'Unknown type "BAD" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK --bad=1 CMD x", "unknown flag: --bad"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
    ],
)
def test_what_is_refused(line: str, reason: str) -> None:
    with pytest.raises(InvalidChange) as caught:
        change(line)
    assert caught.value.reason == reason
