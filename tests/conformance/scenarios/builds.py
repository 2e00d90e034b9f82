"""docker build by the classic builder: streams, errors, configurations, histories, and what is in each layer."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma

from tests.conformance.building import build, clear, context
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session
from tests.harness import tars
from tests.harness.recorded_gzip import recorded_gzip

SOME = {"a": "one\n", "d/b": "two\n", "d/e/c": "three\n"}


@scenario
def build_cache(s: Session) -> None:
    """POST /build/prune and /build/cancel without anything to prune or to cancel."""
    s.quietly("POST", "/build/prune?all=1")
    for query in (
        "", "?all=1", "?keep-storage=x", "?keep-storage=5", "?reserved-space=x", "?max-used-space=x",
        "?min-free-space=x", "?filters=x", "?filters=" + json.dumps({"nosuch": ["x"]}).replace(" ", ""),
        "?filters=" + json.dumps({"until": ["x"]}).replace(" ", ""),
    ):  # fmt: skip
        s.call("POST", f"/build/prune{query}")
    s.call("POST", "/build/prune?keep-storage=x", version="v1.40")
    s.call("POST", "/build/cancel")
    s.call("POST", "/build/cancel?id=nosuch")
    s.call("GET", "/system/df?type=build-cache")


@scenario
def builds_that_configure(s: Session) -> None:
    """Every instruction that runs nothing, in every form."""
    build(s, "FROM IMAGE\nENV A=1 B=\"two words\" C='x y' D=a\\ b\nENV E three four\nENV A=$B F=${A}x\n")
    build(s, 'FROM IMAGE\nLABEL a=b "c d"="e f"\nLABEL x y z\nLABEL a=\n')
    build(s, "FROM IMAGE\nMAINTAINER me <me@example.org>\nCMD echo hi\n")
    build(s, 'FROM IMAGE\nCMD ["a", "b c"]\nENTRYPOINT ["/bin/echo", "-n"]\n')
    build(s, "FROM IMAGE\nENTRYPOINT top -b\nCMD []\nCMD\n")
    build(s, "FROM IMAGE\nEXPOSE 80 443/udp 8000-8002\nEXPOSE 80/TCP\nENV P='90 91'\nEXPOSE $P 5:6\n")
    build(s, 'FROM IMAGE\nVOLUME /a /b\nVOLUME ["/c d", "/e"]\nUSER nobody:nogroup\nUSER $HOME\n')
    build(s, "FROM IMAGE\nSTOPSIGNAL SIGUSR1\nSTOPSIGNAL 9\nENV S=KILL\nSTOPSIGNAL $S\n")
    build(s, "FROM IMAGE\nHEALTHCHECK --interval=1m30s --timeout=5s --start-period=1s --retries=3 CMD a b\n"
             'HEALTHCHECK CMD ["x", "y"]\nHEALTHCHECK NONE\n')  # fmt: skip
    build(s, 'FROM IMAGE\nSHELL ["/bin/sh", "-ec"]\nCMD x\nRUN echo "$0"\n')
    build(s, "FROM IMAGE\nWORKDIR /x/y\nWORKDIR z\nWORKDIR ../..\nWORKDIR $PATH\nWORKDIR /x/y\n")
    build(s, "FROM IMAGE\nARG A\nARG B=2 C=$B\nARG D=${B:-3}\nENV X=$A-$B-$C-$D\n")
    build(s, "# escape=`\nFROM IMAGE\nENV A=C:\\x B=a`\n  C=d\n")
    build(s, "from IMAGE\nenv a=1\nrun true\n")
    build(s, "FROM IMAGE\nENV A=1 \\\n  # a comment\n  B=2 \\\n\n  C=3\n")
    clear(s)


@scenario
def builds_from_nothing(s: Session) -> None:
    """FROM scratch."""
    build(s, 'FROM scratch\nCOPY a /\nCMD ["/a"]\n', SOME)
    build(s, "FROM scratch\nENV A=1\nLABEL x=y\n")
    build(s, "FROM scratch\n")
    build(s, "FROM scratch\nADD d /\nWORKDIR /w\n", SOME)
    build(s, "FROM scratch AS a\nCOPY a /x/\nFROM scratch\nCOPY --from=a / /\n", SOME)
    clear(s)


@scenario
def builds_that_run(s: Session) -> None:
    """RUN: what it writes, what it says, and how it ends."""
    build(s, "FROM IMAGE\nRUN echo hi; echo a >/file; mkdir -p /d/e; ln -s a /link; chmod 4755 /file; rm /bin/ash\n")
    build(s, 'FROM IMAGE\nRUN true\nRUN ["sh", "-c", "echo x; touch /made"]\n')
    build(s, "FROM IMAGE\nRUN echo before; exit 3\nRUN never\n")
    build(s, "FROM IMAGE\nRUN nosuchprogram\n")
    build(s, 'FROM IMAGE\nRUN ["/nosuchprogram"]\n')
    build(s, "FROM IMAGE\nRUN echo >&2 to stderr\n")
    build(s, "FROM IMAGE\nENV A=env\nARG B=arg\nARG A=hidden\nRUN echo $A $B $C\n")
    build(s, "FROM IMAGE\nARG B\nRUN echo $B\n", buildargs={"B": "given", "UNUSED": "x", "http_proxy": "p"})
    build(s, "FROM IMAGE\nRUN echo $http_proxy\n", buildargs={"http_proxy": "secret"})
    build(s, "FROM IMAGE\nARG http_proxy\nRUN echo $http_proxy\n", buildargs={"http_proxy": "shown"})
    build(s, "FROM IMAGE\nWORKDIR /w\nUSER 5:6\nRUN pwd; id -u; touch /tmp/x || true\n")
    build(s, "FROM IMAGE\nVOLUME /v\nRUN touch /v/gone /stays\n")
    build(s, 'FROM IMAGE\nENTRYPOINT ["/bin/false"]\nRUN echo runs anyway\n')
    build(s, "FROM IMAGE\nRUN echo x >/etc/made; echo y >>/etc/passwd\n")
    build(s, "FROM IMAGE\nRUN rm -rf /home /root/.x; mkdir /home; mkfifo /p; mknod /n c 1 3; ln /bin/sh /bin/sh2\n")
    build(s, "FROM IMAGE\nONBUILD RUN echo trigger\nONBUILD COPY a /a\n", tag="conf-parent:latest")
    build(s, "FROM conf-parent\nRUN cat /a\n", SOME)
    build(s, "FROM conf-parent\n", SOME)
    clear(s, "conf-parent:latest")


@scenario
def builds_over_volumes(s: Session) -> None:
    """Volumes at the places of files, links and folders, and what later steps make of them."""
    for place in ("/file", "/file/below", "/link", "/folder", "/to-folder", "file", "/etc/hosts", "/nothing/at/all"):
        build(s, "FROM IMAGE\nRUN touch /file; mkdir -p /folder/in; ln -s file /link; ln -s folder /to-folder\n"
                 f"VOLUME {place}\nENV A=1\nRUN stat -c %a%F {place}\n")  # fmt: skip
    build(s, "FROM IMAGE\nRUN touch /file\nVOLUME /file\n", rm="0", look=False)
    build(s, "FROM IMAGE\nVOLUME /v\nCOPY a /v\nENV A=1\n", SOME)
    build(s, "FROM IMAGE\nVOLUME /v/w\nCOPY a /v/w/\nRUN cat /v/w/a\n", SOME)
    build(s, "FROM IMAGE\nVOLUME /v\nWORKDIR /v/below\nRUN touch here\n")
    clear(s)


@scenario
def builds_that_copy(s: Session) -> None:
    """COPY and ADD from the context: files, folders, patterns, links, owners, archives."""
    more = {
        **SOME,
        "x.txt": "x",
        "y.txt": "yy",
        "d/link": tars.symlink("d/link", "../a"),
        "program": tars.member("program", b"#!/bin/sh\n", mode=0o755, mtime=1_700_000_000),
        "hard": tars.hard_link("hard", "a"),
    }
    build(s, "FROM IMAGE\nCOPY a /a\nCOPY a /new/folder/\nCOPY a b/c\nCOPY d /d\nCOPY d /tmp/\n", more)
    build(s, "FROM IMAGE\nWORKDIR /w\nCOPY . .\nCOPY d/. e/\nCOPY ./a ./b\nCOPY /a /d/\n", more)
    build(s, "FROM IMAGE\nCOPY *.txt /t/\nCOPY d/? /q/\nCOPY [ab] /r/\nCOPY d* /s/\n", more)
    build(s, 'FROM IMAGE\nCOPY ["a", "x.txt", "/with space/"]\nCOPY program hard d/link /p/\n', more)
    build(s, "FROM IMAGE\nCOPY --chown=5:6 d /d\nCOPY --chown=nobody a /a\nCOPY --chown=7 a /tmp\n", more)
    build(s, "FROM IMAGE\nRUN mkdir /d; echo old >/d/b; mkdir /d/e; ln -s /d /to-d; ln -s nowhere /to-nowhere\n"
             "COPY d /d\nCOPY d /to-d/\nCOPY a /to-nowhere\nCOPY a /to-d/via\n", more)  # fmt: skip
    build(s, "FROM IMAGE\nENV V=a W=/there/\nCOPY $V ${W}\n", more)
    for line in (
        "COPY nothing /x", "COPY no* /x", "COPY a x.txt /no-slash", "COPY ../a /x", "COPY --chown=nosuch a /x",
        "COPY --chown=a:b:c a /x", "COPY --chown=0:nosuch a /x", "COPY http://127.0.0.1:1/x /x",
        "COPY --from=nosuch. a /",
        "COPY --from=5 a /x", "COPY --from=0 a /x", "ADD nothing /x", "COPY a /bin/sh/x", "COPY d /bin/sh",
        "COPY a$ /x",
        "COPY ${ /x",
    ):  # fmt: skip
        build(s, f"FROM IMAGE\n{line}\n", more)
    clear(s)


@scenario
def builds_that_add(s: Session) -> None:
    """ADD of archives."""
    inner = tars.archive(
        tars.folder("top/", uid=3, gid=4), tars.member("top/file", b"in", uid=3, gid=4, mode=0o640),
        tars.symlink("top/link", "file"),
    )  # fmt: skip
    archives = {
        "plain.tar": inner,
        "x.tar.gz": recorded_gzip(inner),
        "x.tar.bz2": bz2.compress(inner),
        "x.tar.xz": lzma.compress(inner),
        "only.gz": recorded_gzip(b"no archive"),
        "text": "text",
    }
    build(s, "FROM IMAGE\n" + "".join(f"ADD {name} /to-{name}/\n" for name in archives), archives)
    build(s, "FROM IMAGE\nADD plain.tar /new\nADD --chown=9 plain.tar /owned/\nCOPY plain.tar /kept\n", archives)
    clear(s)


@scenario
def builds_in_stages(s: Session) -> None:
    """Several stages: names, numbers, targets, arguments before FROM."""
    two = "FROM IMAGE AS first\nRUN mkdir /x; echo 1 >/x/one; chown -R 5:6 /x\nFROM IMAGE\nCOPY --from=first /x /y\n"
    build(s, two + "COPY --from=0 /x/one /z\nCOPY --from=first --chown=7 /x /c\n")
    build(s, two, target="first")
    build(s, two, target="FIRST")
    build(s, two, target="nosuch")
    build(s, 'ARG BASE=IMAGE\nARG TAG=nosuch\nFROM ${BASE}\nRUN echo "$BASE"\nARG BASE\nRUN echo "$BASE"\n')
    build(s, "ARG BASE=nosuch\nFROM $BASE\nRUN true\n", buildargs={"BASE": IMAGE})
    chain = "FROM IMAGE AS a\nENV X=1\nWORKDIR /w\nFROM a AS b\nRUN pwd; echo $X\nFROM b\n"
    build(s, f"{chain}COPY --from={IMAGE} /bin/sh /s\n")
    build(s, "FROM IMAGE AS a\nFROM a AS a\nRUN true\n")
    build(s, "FROM IMAGE AS a\nRUN true\nFROM IMAGE\nCOPY --from=a /nothing /x\n")
    build(s, "FROM --platform=linux/amd64 IMAGE\nRUN true\n")
    build(s, "FROM --platform=nonsense/x/y/z IMAGE\nRUN true\n")
    build(s, "FROM ${NOTHING}\n")
    clear(s)


@scenario
def builds_found_in_the_cache(s: Session) -> None:
    """The same build again, and with something changed."""
    text = "FROM IMAGE\nENV A=1\nARG B=x\nRUN echo $B >/b\nCOPY a /a\nWORKDIR /w\nCMD x\n"
    first = build(s, text, SOME)
    second = build(s, text, SOME)
    s.records.append({"request": "the same image again", "answer": first == second})
    build(s, text, {**SOME, "a": "changed\n"})
    build(s, text, SOME, buildargs={"B": "y"})
    build(s, text, SOME, nocache="1")
    build(s, text.replace("CMD x", "CMD y"), SOME)
    build(s, text, SOME, labels={"l": "1", "k": "2"})
    clear(s)


@scenario
def builds_with_parameters(s: Session) -> None:
    """The query of POST /build: what is taken, and what cannot be meant."""
    text = "FROM IMAGE\nRUN true\n"
    build(s, text, q="1")
    build(s, "FROM IMAGE\nRUN exit 4\n", q="1")
    build(s, "FROM 127.0.0.1:1/x\n", q="1", look=False)
    build(s, text, labels={"conf": "label"})
    build(s, text, dockerfile="other", look=False)
    build(s, "FROM nosuch\n", {"dir/File": f"FROM {IMAGE}\nRUN echo other\n"}, dockerfile="dir/File")
    build(s, "", {"dockerfile": f"FROM {IMAGE}\n"}, body=context({"dockerfile": f"FROM {IMAGE}\nRUN true\n"}))
    build(s, text, dockerfile="../x")
    limits = [{"Name": "nofile", "Soft": 100, "Hard": 200}]
    look_around = "FROM IMAGE\nRUN ulimit -n; cat /etc/hosts | grep there; df /dev/shm | tail -1 | cut -c1-40\n"
    build(s, look_around, ulimits=limits, extrahosts="there:1.2.3.4", shmsize="1048576")
    build(s, "FROM IMAGE\nRUN ls /sys/class/net\n", networkmode="none")
    build(s, text, networkmode="nosuchnetwork")
    for key, value in (
        ("buildargs", "x"), ("buildargs", '{"a":1}'), ("buildargs", "[]"), ("labels", "{"), ("labels", '{"a":null}'),
        ("cachefrom", "{}"), ("ulimits", "x"), ("ulimits", "{}"), ("shmsize", "x"), ("shmsize", "-1"),
        ("isolation", "x"),
        ("isolation", "hyperv"), ("squash", "1"), ("securityopt", "x"), ("version", "3"), ("platform", "a/b/c/d"),
        ("platform", "linux/amd64"), ("memory", "x"), ("memory", "1"), ("remote", "nonsense"),
        ("remote", "client-session"), ("remote", "http://127.0.0.1:1/x"), ("outputs", "x"), ("outputs", "[]"),
        ("t", "UPPER"), ("t", "a@sha256:" + "0" * 64), ("t", "a:b:c"), ("cpuquota", "x"),
    ):  # fmt: skip
        build(s, text, **{key: value}, look=False)
    build(s, text, version="v1.29", look=False)
    clear(s)


@scenario
def builds_beyond_limits(s: Session) -> None:
    """Limits that no container can have, which fail the first step that dockerd makes a container for."""
    for step in (
        "RUN true", "ENV a=b", "WORKDIR /x", "ARG a=b", "LABEL a=b", "ONBUILD RUN true", "CMD true", "USER 1",
        "COPY a /", "ADD a /", "",
    ):  # fmt: skip
        build(s, f"FROM IMAGE\n{step}\n", SOME, memory="4096", nocache="1", look=False)
    for limits in ({"memory": "8000000", "memswap": "7000000"}, {"cpuperiod": "5"}, {"cpuquota": "5"}):
        build(s, "FROM IMAGE\nENV a=b\n", nocache="1", look=False, **limits)
    build(s, "FROM IMAGE\nENV a=b\n", memory="8000000", nocache="1", look=False)
    clear(s)


@scenario
def builds_that_cannot_be_read(s: Session) -> None:
    """Dockerfiles and contexts that cannot be meant."""
    for text in (
        "", "# nothing\n", "RUN true\n", "FROM\n", "FROM IMAGE\nNOTHING x\n", "FROM IMAGE\nRUNN x\n",
        "FROM IMAGE AS 1\n",
        "FROM IMAGE\nENV\n", "FROM IMAGE\nENV a\n", "FROM IMAGE\nENV a=b c\n", "FROM IMAGE\nCOPY a\n",
        "FROM IMAGE\nCOPY --nope=x a b\n", "FROM IMAGE\nLABEL\n", "FROM IMAGE\nEXPOSE\n", "FROM IMAGE\nEXPOSE x\n",
        "FROM IMAGE\nEXPOSE 99999\n", "FROM IMAGE\nEXPOSE 80/x\n", "FROM IMAGE\nEXPOSE 9-8\n", "FROM IMAGE\nVOLUME\n",
        'FROM IMAGE\nVOLUME [""]\n', "FROM IMAGE\nUSER\n", "FROM IMAGE\nWORKDIR\n", "FROM IMAGE\nSTOPSIGNAL NOPE\n",
        "FROM IMAGE\nSTOPSIGNAL\n", "FROM IMAGE\nSHELL x\n", "FROM IMAGE\nHEALTHCHECK\n",
        "FROM IMAGE\nHEALTHCHECK x y\n",
        "FROM IMAGE\nHEALTHCHECK --interval=x CMD y\n", "FROM IMAGE\nONBUILD\n", "FROM IMAGE\nONBUILD ONBUILD x\n",
        "FROM IMAGE\nONBUILD FROM x\n", "FROM IMAGE\nCMD [1]\n", "FROM IMAGE\nENV a=${\n", "FROM IMAGE\nENV a='\n",
        "FROM IMAGE\nUSER ${X:?must be}\n", "# escape=x\nFROM IMAGE\n", "FROM IMAGE\nMAINTAINER\n", "FROM IMAGE\nARG\n",
        "FROM IMAGE\nARG =x\n", "FROM a b\n", "FROM IMAGE\nRUN <<E\nx\n", "FROM IMAGE\nRUN " + "x" * 70000 + "\n",
        "FROM IMAGE\nCOPY --from=x\n", "FROM IMAGE\nWORKDIR $NOTHING\n", "FROM IMAGE\nVOLUME $NOTHING\n",
    ):  # fmt: skip
        build(s, text, SOME, look=False)
    for body in (
        b"", b"no archive", context({"x": "no Dockerfile"}),
        context({"Dockerfile": "FROM 127.0.0.1:1/x\n"})[:700],
        gzip.compress(context({"Dockerfile": f"FROM {IMAGE}\n"}), mtime=0)[:100],
        tars.archive(tars.member("../x", b"out"), tars.member("Dockerfile", b"FROM scratch\n")),
        tars.archive(tars.member("Dockerfile", b"FROM scratch\n"), tars.hard_link("x", "../../etc/passwd")),
        tars.archive(tars.folder("Dockerfile/")),
    ):  # fmt: skip
        build(s, "<a context>", body=body, look=False)
    clear(s)


@scenario
def builds_from_contexts(s: Session) -> None:
    """Contexts of every packing, .dockerignore, links that would lead out."""
    text = f"FROM {IMAGE}\nCOPY . /all/\n"
    plain = context({"Dockerfile": text, **SOME})
    for body in (plain, gzip.compress(plain, mtime=0), bz2.compress(plain), lzma.compress(plain)):
        build(s, "<a context>", body=body)
    build(s, "FROM IMAGE\nCOPY . /all/\n", {**SOME, ".dockerignore": "Dockerfile\n.dockerignore\nd\n"})
    build(s, "FROM IMAGE\nCOPY . /all/\n", {**SOME, ".dockerignore": "*\n!a\n"})
    links = {"a": "one\n", "out": tars.symlink("out", "../../../etc/passwd"), "abs": tars.symlink("abs", "/a"),
             "etc/passwd": "mine\n", "loop": tars.symlink("loop", "loop")}  # fmt: skip
    build(s, "FROM IMAGE\nCOPY out /copied\nCOPY abs /abs\n", links)
    build(s, "FROM IMAGE\nCOPY loop /x\n", links)
    build(s, "FROM IMAGE\nCOPY . /all/\n", links)
    build(s, "FROM IMAGE AS a\nRUN ln -s / /root-link; ln -s ../../.. /up; mkdir /q; ln -s /etc/passwd /q/l\n"
             "FROM IMAGE\nCOPY --from=a /root-link/etc/group /g\nCOPY --from=a /up/etc/group /h\nCOPY --from=a /q /q\n"
             "COPY --from=a ../etc/passwd /p\n")  # fmt: skip
    clear(s)
