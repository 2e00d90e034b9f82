import pytest

from engine.build.dockerfile.mounts import parse
from engine.build.dockerfile.words import BadWords


def same(text: str) -> str:
    return text


def test_what_a_mount_says() -> None:
    mount = parse("type=cache,id=x,target=/c,sharing=locked,mode=0700,uid=5", same)
    assert (mount.type, mount.identity, mount.target, mount.sharing) == ("cache", "x", "/c", "locked")
    assert (mount.mode, mount.uid, mount.read_only) == (0o700, 5, False)
    assert parse("target=/x", same).read_only
    assert not parse("target=/x,rw", same).read_only
    assert not parse("target=/x,readonly=false", same).read_only
    assert parse('type=bind,"source=a,b",target=/x', same).source == "a,b"
    assert parse("type=tmpfs,target=/x,size=2m", same).size == 2 << 20


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("type=bin,target=/x", 'unsupported mount type "bin" (did you mean bind?)'),
        ("target", "invalid field 'target' must be a key=value pair"),
        ("targt=/x", "unexpected key 'targt' in 'targt=/x' (did you mean target?)"),
        ("ro=maybe", "invalid value for ro: maybe"),
        ("required=true", "unexpected key 'required' for mount type 'bind'"),
        ("type=bind,mode=0700", 'mode not allowed for "bind" type mounts'),
        ("type=cache,mode=9", "invalid value 9 for mode"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=a,src=b", "both source and id can't be set"),
        ("type=bind,sharing=shared", "invalid cache sharing set for bind mount"),
        ("type=tmpfs,size=x", "invalid value for size: x"),
    ],
)
def test_what_cannot_be_meant(text: str, reason: str) -> None:
    with pytest.raises(BadWords) as caught:
        parse(text, same)
    assert str(caught.value) == reason


def test_without_variables_most_is_left_for_later() -> None:
    assert parse("type=$x,size=$y", None).type == "bind"
