"""Go's templates: each of these was also given to dockerd 28.5 as a log's tag, and this is what it made of it."""

from __future__ import annotations

import pytest

from engine.containers.go_template import BadTemplate, Fields, Template

INFO = Fields(
    "*logger.Info",
    {
        "ContainerName": "/tagc",
        "ContainerArgs": ["x y"],
        "ContainerLabels": {"a": "b", "z": "<y>"},
        "LogPath": "",
        "DaemonName": "docker",
    },
    {"Name": "tagc", "ID": "0123456789ab"},
)


def rendered(template: str) -> str:
    return Template("log-tag", template).render(INFO)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{.DaemonName}}/{{.Name}}/{{.ID}}", "docker/tagc/0123456789ab"),
        ("{{.ContainerArgs}} {{.ContainerLabels}}", "[x y] map[a:b z:<y>]"),
        ("{{.}}", "{/tagc [x y] map[a:b z:<y>]  docker}"),
        ("{{upper .Name}}{{.Name | title}}{{lower `ABC`}}", "TAGCTagcabc"),
        ('{{title "hello wOrld"}}', "Hello WOrld"),
        ('{{truncate "ab" 5}}{{truncate "abcd" 3}}', "ababc"),
        ("{{ pad .Name 2 3 }}", "  tagc   "),
        ('{{join (split .ContainerName "a") "-"}}', "/t-gc"),
        ("{{json .ContainerLabels}}", '{"a":"b","z":"<y>"}'),
        (
            '{{printf "%s-%5s|%-5s|%05d|%x|%q|%v" .Name "a" "b" 42 255 "q" true}}',
            'tagc-    a|b    |00042|ff|"q"|true',
        ),
        ('{{printf "%d" "x"}}{{printf "%s"}}{{printf "%s" "a" "b"}}', "%!d(string=x)%!s(MISSING)a%!(EXTRA string=b)"),
        ('{{printf "%t %c %U %e" true 65 65 1.5}}', "true A U+0041 1.500000e+00"),
        ('{{printf "%.2s|%6.2f" "abc" 3.14159}}{{printf "%T" .Name}}', "ab|  3.14string"),
        ('{{print 1 2 "a" "b" 3 4}}', "1 2ab3 4"),
        ('{{index .ContainerLabels "a"}}{{index .ContainerLabels "none"}}{{.ContainerLabels.a}}', "bb"),
        ("{{.ContainerLabels.none}}", "<no value>"),
        ("{{(index .ContainerArgs 0) | upper}}{{index .Name 0}}", "X Y116"),
        ("{{len .Name}}{{len .ContainerArgs}}{{slice .Name 1 3}}", "41ag"),
        ('{{if eq .Name "no"}}same{{else if eq .Name "x"}}x{{else}}other{{end}}', "other"),
        ("{{if .LogPath}}yes{{else}}no{{end}}{{with .ContainerLabels.a}}<{{.}}>{{end}}", "no<b>"),
        ("{{range $i, $x := .ContainerArgs}}{{$i}}={{$x}};{{end}}", "0=x y;"),
        ("{{range $k, $v := .ContainerLabels}}{{$k}}={{$v}};{{end}}", "a=b;z=<y>;"),
        ("{{range .ContainerLabels}}{{.}}{{break}}{{end}}{{range 0}}{{else}}none{{end}}", "bnone"),
        ("{{$x := .Name}}{{$x}}-{{$.ID | len}}{{$x = 1}}{{$x}}", "tagc-121"),
        ("{{and .Name .LogPath}}|{{or .LogPath .Name}}|{{not .Name}}", "|tagc|false"),
        ('{{html "<a>"}}{{js "a\'b"}}{{urlquery "a b/c"}}', "&lt;a&gt;a\\'ba+b%2Fc"),
        ('a {{- " b" -}} c{{/* c */}}', "a bc"),
        ("{{ 1.5 }}{{ 0x10 }}{{ true }}{{ 'a' }}", "1.516true97"),
        ('{{lt 1 2}}{{ge 2 3}}{{ne "a" "b"}}{{eq 1 1 2}}', "truefalsetruetrue"),
        ('{{.Name | printf "%s!"}}{{ .Name | }}{{ (.Name) }}', "tagc!tagctagc"),
    ],
)
def test_a_template_is_filled_in(template: str, text: str) -> None:
    assert rendered(template) == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{", "unclosed action"),
        ("{{}}", "missing value for command"),
        ("{{nope}}", 'function "nope" not defined'),
        ("{{if}}x{{end}}", "missing value for if"),
        ("{{if .Name}}x", "unexpected EOF"),
        ("{{end}}", "unexpected {{end}}"),
        ('{{"a}}', "unterminated quoted string"),
        ("{{$y}}", 'undefined variable "$y"'),
        ("{{break}}", "{{break}} outside {{range}}"),
        ("{{ (.Name }}", "unclosed left paren"),
        ("{{ | .Name }}", 'unexpected "|" in command'),
        ("{{ .Name) }}", "unexpected right paren"),
        ("{{ 12x }}", 'bad number syntax: "12x"'),
    ],
)
def test_a_template_that_cannot_be_read(template: str, words: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        rendered(template)
    assert str(caught.value) == f"template: log-tag:1: {words}"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{.Nope}}", "2: <.Nope>: can't evaluate field Nope in type *logger.Info"),
        ("{{.Name.X}}", "7: <.Name.X>: can't evaluate field X in type string"),
        ("{{upper}}", "2: <upper>: wrong number of args for upper: want 1 got 0"),
        ("{{upper 1}}", "8: <1>: expected string; found 1"),
        ("{{range .Name}}x{{end}}", "8: <.Name>: range can't iterate over tagc"),
        (
            "{{index .ContainerArgs 9}}",
            "2: <index .ContainerArgs 9>: error calling index: index out of range: 9",
        ),
        ("{{len 3}}", "2: <len 3>: error calling len: len of type int"),
        ('{{eq 1 "a"}}', '2: <eq 1 "a">: error calling eq: incompatible types for comparison: int and string'),
        ('{{ "a" "b" }}', '3: <"a">: can\'t give argument to non-function "a"'),
        ('{{.Name "a"}}', "2: <.Name>: wrong number of args for Name: want 0 got 1"),
        ("{{nil}}", "2: <nil>: nil is not a command"),
    ],
)
def test_a_template_that_cannot_be_carried_out(template: str, words: str) -> None:
    place, _, rest = words.partition(": ")
    at, _, why = rest.partition(">: ")
    with pytest.raises(BadTemplate) as caught:
        rendered(template)
    assert str(caught.value) == f'template: log-tag:1:{place}: executing "log-tag" at {at}>: {why}'


def test_a_template_ends() -> None:
    with pytest.raises(BadTemplate, match="too many steps"):
        rendered("{{range 100000}}{{range 100000}}x{{end}}{{end}}")
