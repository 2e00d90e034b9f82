from engine.build.arguments import Arguments, platform_arguments, unused


def test_the_clients_value_wins_over_defaults() -> None:
    early = Arguments({"a": "client", "c": None}, {"TARGETARCH": "arm64"})
    early.add_early("a", "early")
    early.add_early("b", "early")
    stage = early.for_stage()
    assert stage.values() == {}
    stage.add("a", "late")
    stage.add("b", None)
    stage.add("c", "late")
    stage.add("d", None)
    assert stage.values() == {"a": "client", "b": "early", "c": "late"}
    assert stage.beside({"a": "x"}) == {"b": "early", "c": "late"}


def test_proxies_need_no_declaration_and_do_not_show() -> None:
    arguments = Arguments({"http_proxy": "p", "x": "y"})
    assert arguments.values() == {"http_proxy": "p"}
    assert not arguments.shows_in_history("http_proxy")
    arguments.add("http_proxy", None)
    assert arguments.shows_in_history("http_proxy")


def test_platforms_are_known_where_they_are_named() -> None:
    arguments = Arguments({}, platform_arguments("linux/amd64", "linux/arm/v7"))
    assert arguments.values() == {}
    assert arguments.early_values()["BUILDPLATFORM"] == "linux/amd64"
    arguments.add("TARGETVARIANT", None)
    assert arguments.values() == {"TARGETVARIANT": "v7"}


def test_arguments_that_nobody_names() -> None:
    assert unused({"b": "1", "a": None, "no_proxy": "x", "c": "1"}, {"c"}) == ["a", "b"]
