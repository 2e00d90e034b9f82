import pytest

from engine.build.configuring import Words, changed, go_duration, in_folder, ports_of
from engine.build.dockerfile.instructions import Instruction
from engine.build.dockerfile.reading import trigger
from engine.build.errors import BuildInvalid
from engine.containers.config import ContainerConfig

BASE = ContainerConfig(env=["PATH=/bin", "A=1"], cmd=["sh"], working_dir="/w")


def done(text: str, config: ContainerConfig = BASE, *, cmd_was_set: bool = False) -> tuple[ContainerConfig, str]:
    instruction: Instruction = trigger(text)
    return changed(config, instruction, Words({"A": "1", "two": "80 90"}), cmd_was_set=cmd_was_set)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ENV B=$A C='x y'", "ENV B=1 C=x y"),
        ("LABEL a b", "LABEL a=b"),
        ("MAINTAINER me", "MAINTAINER me"),
        ("CMD echo hi", 'CMD ["/bin/sh" "-c" "echo hi"]'),
        ("CMD []", "CMD []"),
        ('ENTRYPOINT ["a"]', 'ENTRYPOINT ["a"]'),
        ("HEALTHCHECK --interval=90s CMD x", "HEALTHCHECK &{[CMD-SHELL x] 1m30s 0s 0s 0s 0}"),
        ("EXPOSE 80 $two 443/udp", "EXPOSE 80 90 443/udp 80"),
        ("VOLUME /a /b", "VOLUME [/a /b]"),
        ("USER u:$A", "USER u:1"),
        ("STOPSIGNAL KILL", "STOPSIGNAL KILL"),
        ("ARG a b=$A", "ARG a b=1"),
        ('SHELL ["a", "b"]', "SHELL [a b]"),
        ("ONBUILD RUN x", "ONBUILD RUN x"),
        ("WORKDIR ../x", "WORKDIR /x"),
    ],
)  # fmt: skip
def test_what_an_instruction_leaves_in_the_history(text: str, said: str) -> None:
    assert done(text)[1] == said


def test_variables_are_replaced_where_they_stand() -> None:
    assert done("ENV A=2 B=$A")[0].env == ["PATH=/bin", "A=2", "B=1"]


def test_an_entrypoint_takes_the_bases_command_away_but_not_the_stages_own() -> None:
    assert done("ENTRYPOINT a")[0].cmd is None
    assert done("ENTRYPOINT a", cmd_was_set=True)[0].cmd == ["sh"]


def test_ports() -> None:
    assert ports_of("80") == ["80/tcp"]
    assert ports_of("127.0.0.1:8080:80-82/UDP") == ["80/udp", "81/udp", "82/udp"]
    for bad in ("x", "80/xyz", "70000", "9-8", ""):
        with pytest.raises(BuildInvalid):
            ports_of(bad)


def test_folders_and_durations() -> None:
    assert in_folder("/a", "b/../c") == "/a/c"
    assert in_folder("", "/x//y") == "/x/y"
    assert [go_duration(each) for each in (0, 1500 * 10**6, 3600 * 10**9, 5 * 10**6, 90 * 10**9)] == [
        "0s",
        "1.5s",
        "1h0m0s",
        "5ms",
        "1m30s",
    ]
