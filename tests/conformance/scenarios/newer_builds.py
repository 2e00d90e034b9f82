"""The Dockerfile language of BuildKit's 1.x, as far as images show it."""

from __future__ import annotations

from tests.conformance.newer_language import newer
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Session
from tests.harness import tars

TREE = {
    "src/a.txt": "one\n", "src/deep/b.txt": "two\n", "src/deep/c.md": "three\n", "docs/x.md": "x\n",
    "docs/y.txt": "y\n", "run.sh": "#!/bin/sh\necho ran\n",
}  # fmt: skip


@scenario
def newer_heredocs(s: Session) -> None:
    """Heredocs in RUN, COPY and ADD."""
    newer(s, "FROM IMAGE\nRUN <<EOF\nset -e\necho a >/a\nif true; then\n  echo b >/b\nfi\nEOF\n")
    newer(s, "FROM IMAGE\nRUN <<EOF cat >/out && echo done >/done\ninner $HOME\nEOF\n")
    newer(s, "FROM IMAGE\nRUN <<'EOF' cat >/out\ninner $HOME\nEOF\n")
    newer(s, "FROM IMAGE\nRUN <<-EOF\n\techo tabs >/t\n\tEOF\n")
    newer(s, "FROM IMAGE\nRUN <<EOF\n#!/bin/sh\necho $0 >/name\nEOF\n")
    newer(s, "FROM IMAGE\nRUN cat <<A >/a; cat <<B >/b\none\nA\ntwo\nB\n")
    newer(s, "FROM IMAGE\nARG V=value\nCOPY <<one <<'two' <<-three /here/\nis $V\none\nnot $V\ntwo\n\ttabs\nthree\n")
    newer(s, "FROM IMAGE\nCOPY --chmod=700 --chown=1:2 <<EOF /file\ntext\nEOF\nADD <<EOF /other\nmore\nEOF\n")
    newer(s, "FROM IMAGE\nRUN <<EOF\nfalse\nEOF\n")
    newer(s, 'FROM IMAGE\nSHELL ["/bin/sh", "-ec"]\nRUN <<EOF\nfalse\ntrue\nEOF\n')


@scenario
def newer_copies(s: Session) -> None:
    """COPY and ADD with flags that the classic builder does not know."""
    newer(s, "FROM IMAGE\nCOPY --chmod=755 run.sh /run.sh\nCOPY --chmod=0640 src /s/\n", TREE)
    newer(s, "FROM IMAGE\nCOPY --chmod=u=rwX,go=rX src /s/\n", TREE)
    newer(s, "FROM IMAGE\nCOPY --link src /s/\nCOPY --link --chown=3:4 run.sh /x/run.sh\n", TREE)
    newer(s, "FROM IMAGE\nCOPY --exclude=*.md docs /d/\n", TREE)
    newer(s, "FROM IMAGE\nCOPY --exclude=**/*.md --exclude=run.sh . /d/\n", TREE)
    newer(s, "FROM IMAGE\nCOPY --exclude=deep src /d/\n", TREE)
    newer(s, "FROM IMAGE\nADD --chmod=600 run.sh /r\nADD --chown=5 docs /d/\n", TREE)
    inner = {"in.tar": tars.archive(tars.member("file", b"in", mode=0o644))}
    newer(s, "FROM IMAGE\nADD in.tar /to/\nADD --unpack=false in.tar /kept/\nCOPY in.tar /c/\n", inner)
    newer(s, "FROM IMAGE\nCOPY --chmod=nonsense run.sh /r\n", TREE)
    newer(s, "FROM IMAGE\nCOPY src/*/b.txt /g/\nCOPY docs/[x]* /h/\n", TREE)


@scenario
def newer_mounts(s: Session) -> None:
    """RUN --mount, --network and --security."""
    newer(s, "FROM IMAGE\nRUN --mount=type=bind,target=/ctx ls /ctx >/list; touch /ctx/x 2>/dev/null || echo ro >/ro\n",
          TREE)  # fmt: skip
    newer(s, "FROM IMAGE\nRUN --mount=type=bind,source=src,target=/ctx,rw echo more >/ctx/new; ls /ctx >/list\n", TREE)
    newer(s, "FROM IMAGE\nRUN --mount=source=run.sh,target=/run.sh sh /run.sh >/out\n", TREE)
    newer(s, "FROM IMAGE AS a\nRUN mkdir /x; echo 1 >/x/one\nFROM IMAGE\n"
             "RUN --mount=type=bind,from=a,source=/x,target=/m cp -r /m /copied\n")  # fmt: skip
    newer(s, "FROM IMAGE\nRUN --mount=type=cache,id=conf-cache,target=/c echo 1 >/c/n\n"
             "RUN --mount=type=cache,id=conf-cache,target=/other cat /other/n >/seen\n")  # fmt: skip
    newer(s, "FROM IMAGE\nRUN --mount=type=cache,id=conf-mode,target=/c,mode=0700,uid=5,gid=6 "
             "stat -c '%a %u %g' /c >/mode\n")  # fmt: skip
    newer(s, "FROM IMAGE\nRUN --mount=type=tmpfs,target=/t,size=1m df -k /t | tail -n 1 | awk '{print $2}' >/size\n")
    newer(s, "FROM IMAGE\nRUN --network=none ls /sys/class/net >/nets\n")
    newer(s, "FROM IMAGE\nRUN --mount=type=secret,id=none ls /run/secrets >/list 2>/dev/null || echo no >/list\n")
    newer(s, "FROM IMAGE\nRUN --mount=type=secret,id=none,required=true true\n")
    newer(s, "FROM IMAGE\nARG T=/there\nRUN --mount=type=bind,target=$T ls $T >/list\n", TREE)
    newer(s, "FROM IMAGE\nRUN --mount=type=bind,source=nothing,target=/x true\n", TREE)
    newer(s, "FROM IMAGE\nRUN --mount=type=bind,from=nosuch.,target=/x true\n", TREE)
    newer(s, "FROM IMAGE\nWORKDIR /w\nRUN --mount=target=rel pwd >/p; ls rel >>/p\n", TREE)
    newer(s, "FROM IMAGE\nRUN --security=insecure true\n")


@scenario
def newer_words(s: Session) -> None:
    """Variables in all forms, platforms, stages."""
    newer(s, "FROM IMAGE\nARG V=archive.tar.gz\nENV A=${V%.gz} B=${V%%.*} C=${V#*.} D=${V##*.} E=${V/tar/zip} "
             "F=${V//a/A}\n")  # fmt: skip
    newer(s, "FROM IMAGE\nENV N=\nENV A=${N-unset} B=${N:-empty} C=${N+set} D=${N:+full} E=${X-unset} F=${X+set}\n")
    newer(s, "FROM IMAGE\nENV A=${X:?is needed}\n")
    newer(s, "FROM IMAGE\nARG TARGETPLATFORM\nARG TARGETOS TARGETARCH\nARG BUILDPLATFORM\n"
             "ENV P=$TARGETPLATFORM Q=$TARGETOS-$TARGETARCH R=$BUILDPLATFORM\n")  # fmt: skip
    newer(s, "FROM --platform=$BUILDPLATFORM IMAGE AS a\nRUN echo x >/x\nFROM --platform=$TARGETPLATFORM IMAGE\n"
             "COPY --from=a /x /x\n")  # fmt: skip
    newer(s, "FROM IMAGE AS unused\nRUN false\nFROM IMAGE\nRUN echo ok >/ok\n")
    newer(s, "FROM IMAGE AS a\nRUN echo a >/a\nFROM IMAGE AS b\nRUN echo b >/b\nFROM IMAGE\n"
             "COPY --from=a /a /\nCOPY --from=b /b /\n")  # fmt: skip
    newer(s, "FROM IMAGE AS a\nENV A=1\nWORKDIR /w\nFROM a\nRUN pwd >/p\n")
    newer(s, "FROM IMAGE\nENV A='$X' B=\"$X\" C=\\$X X=1\nENV D=$X\n")
    newer(s, "FROM IMAGE\nRUN echo $G >/g\nARG G=1\nRUN echo $G >/h\n", buildargs={"G": "given"})
    newer(s, "FROM IMAGE\nVOLUME /v\nHEALTHCHECK --start-interval=2s CMD true\n")
    newer(s, "FROM IMAGE\nONBUILD RUN echo hi >/hi\nEXPOSE 80/udp 81\nSTOPSIGNAL 9\nLABEL a=b\nUSER 1:2\n")


@scenario
def newer_rest(s: Session) -> None:
    """Directives, ignore files of a Dockerfile's own, sources by number and by image, agents that nobody lends."""
    newer(s, "# check=skip=all\nFROM IMAGE\nRUN echo checked >/c\n")
    newer(s, "# escape=`\nFROM IMAGE\nRUN echo a `\n  b >/ab\n")
    own = {**TREE, "Dockerfile.dockerignore": "docs\n**/*.md\n", ".dockerignore": "src\n"}
    newer(s, "FROM IMAGE\nCOPY . /all/\n", own)
    newer(s, "FROM IMAGE\nCOPY . /all/\n", {**TREE, ".dockerignore": "**/deep\n!src/deep/b.txt\n# docs\n*.sh\n"})
    newer(s, "FROM IMAGE\nCOPY . /all/\n", {**TREE, ".dockerignore": "s?c/*.txt\n/docs/[x-z].md\n"})
    newer(s, "FROM IMAGE\nRUN echo 1 >/one\nFROM IMAGE\nCOPY --from=0 /one /two\nCOPY --from=IMAGE /etc/group /g\n")
    newer(s, "FROM IMAGE\nRUN --mount=type=ssh echo $SSH_AUTH_SOCK >/agent; ls $SSH_AUTH_SOCK 2>/dev/null || true\n")
    newer(s, "FROM IMAGE\nRUN --mount=type=ssh,required=true true\n")
    newer(s, "FROM IMAGE\nCOPY --chown=nobody:wheel --chmod=4750 run.sh /r\nCOPY --chown=1 src /s/\n", TREE)
    newer(s, "FROM IMAGE\nRUN mkdir -p /x/deep; echo old >/x/a.txt; echo stays >/x/z\nCOPY src /x\n", TREE)
    newer(s, "FROM IMAGE\nCOPY src docs run.sh /x/\nCOPY src/. /y\n", TREE)
    newer(s, "ARG NAME=b\nFROM IMAGE AS a\nRUN echo a >/w\nFROM IMAGE AS b\nRUN echo b >/w\nFROM $NAME\n"
             "RUN cat /w >/which\n")  # fmt: skip
    newer(s, "FROM IMAGE AS a\nRUN echo a >/w\nFROM IMAGE\nRUN echo b >/w\n", target="a")
    newer(s, "FROM IMAGE\nRUN --mount=type=tmpfs,target=/t --mount=type=cache,id=conf-both,target=/c "
             "echo x >/t/x; echo x >/c/x; [ -d /t ] && [ -d /c ] && echo yes >/seen\n")  # fmt: skip
    newer(s, "FROM IMAGE\nUSER nobody\nRUN --mount=type=cache,id=conf-own,target=/c,uid=65534 touch /c/mine\n")
    newer(s, 'FROM IMAGE\nENTRYPOINT ["a"]\nCMD ["b"]\nENTRYPOINT c\n')
    newer(s, 'FROM IMAGE\nENTRYPOINT ["a"]\nCMD x y\nSHELL ["/bin/sh", "-x", "-c"]\nRUN true\n')


@scenario
def newer_parents(s: Session) -> None:
    """COPY --parents, and more of --exclude, by a frontend that knows them, which dockerd's own does not yet.

    Recorded with the image docker/dockerfile:1.26 made of BuildKit's source. What has to be there and is not is left
    out: this frontend wants an error, which dockerd 28.5's solver does not know how to give.
    """
    base = "# syntax=docker/dockerfile:1.26\nFROM IMAGE\n"
    for words in (
        "src/deep/b.txt /x/", "src/deep/b.txt /x", "src/deep/b.txt docs/x.md /x/", "src /x/", "src/ /x/",
        "src src/deep /x/", "src/*/b.txt /x/", "src/*.txt docs/*.md /x/", "**/*.md /x/", "src/**/*.txt /x/",
        "**/deep /x/", ". /x/", "* /x/",
        "/src/a.txt /x/", "./src/a.txt /x/", "../src/a.txt /x/", "./src/./deep/b.txt /x/", "src/./deep/ /x/",
        "src/./deep/*.txt ./docs/./x.md /x", "src/./**/*.txt /x/", "./src /x/", "src/. /x/",
        "nosuch/* /x/", "src/a.txt /", "src/a.txt .",
        "--chown=1:2 --chmod=700 src/deep/b.txt /x/", "--chown=1:2 src/deep /x/", "--link src/deep/b.txt /x/",
        "--exclude=*.md src docs /x/", "--exclude=**/*.md src docs /x/", "--exclude=src/deep src /x/",
        "--exclude=deep src /x/", "--exclude=deep/b.txt src/./deep /x/",
    ):  # fmt: skip
        newer(s, f"{base}COPY --parents {words}\n", TREE)
    newer(s, f"{base}WORKDIR /w\nCOPY --parents src/a.txt sub/\nCOPY --parents docs/x.md .\n", TREE)
    newer(s, f"{base}RUN mkdir -p -m 700 /x/src\nCOPY --parents src/a.txt /x/\n", TREE)
    made = "RUN mkdir -p -m 750 /p/q; echo 1 >/p/q/r; echo 2 >/p/s; ln -s q /p/t\nFROM IMAGE\n"
    for words in ("/p/q/r /x/", "/p/./q/r /x/", "p /x/", "/p/t/r /x/", "/p/t /x/", "/p/*/r /x/", "--chown=3 /p/q /x/"):
        newer(s, f"{base}{made}COPY --from=0 --parents {words}\n")
    for words in (
        "--exclude=a.txt src/a.txt /x/", "--exclude=* src /x/", "--exclude=deep/ src /x/", "--exclude=/deep src /x/",
        "--exclude=*.txt --exclude=!b.txt src /x/", "--exclude=src/deep src docs /x/", "--exclude=[ src /x/",
        "--exclude=deep/*.md src/ /x/", "--exclude=x.md docs/* /x/", "--exclude= src /x/",
    ):  # fmt: skip
        newer(s, f"{base}COPY {words}\n", TREE)
