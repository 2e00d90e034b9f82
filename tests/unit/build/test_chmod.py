import pytest

from engine.build.chmod import change_of
from engine.build.errors import BuildInvalid


@pytest.mark.parametrize(
    ("text", "mode", "folder", "expected"),
    [
        ("755", 0o644, False, 0o755),
        ("u+x", 0o644, False, 0o744),
        ("a=rX", 0o600, True, 0o555),
        ("a=rX", 0o600, False, 0o444),
        ("go-rwx,u+s", 0o755, False, 0o4700),
        ("g=u", 0o640, False, 0o660),
        ("+t", 0o755, True, 0o1755),
    ],
)
def test_modes(text: str, mode: int, folder: bool, expected: int) -> None:
    assert change_of(text)(mode, folder) == expected


@pytest.mark.parametrize("text", ["8", "77777", "u", "z+x", "u+q"])
def test_what_is_no_mode(text: str) -> None:
    with pytest.raises(BuildInvalid):
        change_of(text)
