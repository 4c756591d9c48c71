"""pack.toml: what a pack is, and a sentence with file and line for every mistake."""

from __future__ import annotations

import re

import pytest
from tests_support import PACK, REMOTE

from locale_tune.errors import PackError, PackErrors
from locale_tune.packfile import read_pack, where


def test_a_pack_reads_whole(write_pack):
    pack = read_pack(write_pack(), "locale-tune-toy", "1.0")
    assert pack.locale.id == "toy"
    assert pack.sources[0].licence == "CC0-1.0"
    assert pack.root.name == "toy"
    assert (pack.distribution, pack.version) == ("locale-tune-toy", "1.0")


MISTAKEN = """\
[locale]
id = "Toy Pack"
tag = "Gulf!"
script = "arab"
name = "Toy"
endonym = "toi"
direction = "up"
[pack]
base_model = "base"
stagess = ["collect"]
stages = "collect"
[[sources]]
id = "a"
kind = "text"
uri = "ftp://host/file"
role = "txt"
[[sources]]
id = "a"
kind = "text"
uri = "data/absent.txt"
licence = "free for all"
role = "text"
cap = "many"
[[sources]]
id = "b"
kind = "text"
uri = "https://host/file"
licence = "CC0-1.0"
role = "text"
[[bounds]]
check = "ece"
[[bounds]]
check = "ece"
max = 0.1
clear = true
"""
MISTAKES = {
    2: "'id' is 'Toy Pack'",
    3: "'Gulf!' is no language tag",
    4: "'script' is 'arab'",
    7: "'direction' is 'up'",
    10: "unknown key 'stagess'",
    11: "'stages' is 'collect'",
    12: "'licence' is missing",
    15: "'ftp://host/file' has no known scheme",
    16: "'role' is 'txt'",
    18: "two sources are called 'a'",
    20: "'data/absent.txt' is not in the pack",
    21: "'free for all' is no SPDX licence",
    23: "'cap' is 'many'",
    27: "https: text must be pinned",
    30: "this bound has no limit",
    35: "only a change has an interval",
}


def test_ten_kinds_of_mistakes_give_ten_sentences_each_with_its_line(write_pack):
    root = write_pack(MISTAKEN)
    with pytest.raises(PackErrors) as caught:
        read_pack(root)
    told = {int(re.search(r":(\d+)$", m.where)[1]): m for m in caught.value.mistakes}
    assert {line: m.problem[: len(MISTAKES[line])] for line, m in told.items()} == MISTAKES
    assert all(m.remedy for m in told.values())
    assert str(root / "pack.toml") in str(caught.value)


@pytest.mark.parametrize(
    ("script", "direction", "right"), [("Arab", "ltr", "rtl"), ("Latn", "rtl", "ltr")]
)
def test_script_and_direction_must_agree(write_pack, script, direction, right):
    text = PACK.replace('"Latn"', f'"{script}"').replace('"ltr"', f'"{direction}"')
    with pytest.raises(PackErrors) as caught:
        read_pack(write_pack(text))
    assert f'direction = "{right}"' in str(caught.value)


def test_a_control_character_is_told_with_its_line(write_pack):
    text = PACK.replace('endonym = "', 'endonym = "\\u001b[2J')
    with pytest.raises(PackErrors) as caught:
        read_pack(write_pack(text))
    assert text != PACK
    (mistake,) = caught.value.mistakes
    assert "control character" in mistake.problem
    assert text.splitlines()[int(mistake.where.rpartition(":")[2]) - 1].startswith("endonym")


def test_a_near_key_is_suggested(write_pack):
    with pytest.raises(PackErrors, match="did you mean 'licence'"):
        read_pack(write_pack(PACK.replace("licence =", "license =")))


def test_broken_toml_is_one_sentence_with_its_line(write_pack):
    with pytest.raises(PackError) as caught:
        read_pack(write_pack(PACK.replace('name = "Toy"', "name = Toy")))
    assert caught.value.where.endswith(":5")


def test_a_setting_outside_a_stage_is_a_mistake(write_pack):
    with pytest.raises(PackErrors, match="settings belong to a stage"):
        read_pack(write_pack(PACK + "\n[settings]\nlr = 0.1\n"))


def test_a_folder_without_pack_toml(tmp_path):
    with pytest.raises(PackError, match=r"no pack\.toml"):
        read_pack(tmp_path)


def test_a_pack_that_is_not_utf8(write_pack):
    root = write_pack()
    (root / "pack.toml").write_bytes(PACK.replace("toi", "t\xf6i").encode("latin-1"))
    with pytest.raises(PackError, match="not UTF-8"):
        read_pack(root)


def test_a_path_out_of_the_pack_is_refused(write_pack):
    with pytest.raises(PackErrors, match="not in the pack"):
        read_pack(write_pack(PACK.replace("data/lines.txt", "data/../../../etc/hosts")))


def test_where_points_at_the_source(write_pack):
    root = write_pack(PACK + REMOTE)
    assert where(root, "sources", 1).endswith(f":{len(PACK.splitlines()) + 2}")


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("[[locale]]\nid = 'x'", r"write \[locale\]"),
        ("pack = 'x'", r"write \[pack\]"),
        ("[[settings]]\nlr = 1", r"write \[settings\]"),
        ("sources = 'x'", r"write \[\[sources\]\]"),
        ("bounds = 5", r"write \[\[bounds\]\]"),
    ],
)
def test_a_table_of_another_shape_is_a_sentence(write_pack, text, remedy):
    with pytest.raises(PackErrors, match=remedy):
        read_pack(write_pack(text))


@pytest.mark.parametrize(
    "uri", ["npm:/a/b@1#x", "npm:git+https://h/r@1#x", "pypi:a @ file:///b==1#x", "hub:a/b@main#x"]
)
def test_a_package_is_a_plain_name_and_an_exact_version(write_pack, uri):
    with pytest.raises(PackErrors, match=r"no plain package|does not pin"):
        read_pack(write_pack(PACK.replace("data/lines.txt", uri)))


def test_pack_toml_that_is_a_folder(tmp_path):
    (tmp_path / "pack.toml").mkdir()
    with pytest.raises(PackError, match="cannot be read"):
        read_pack(tmp_path)


def test_a_tag_may_not_take_the_place_of_what_collect_says(write_pack):
    text = PACK.replace(
        'role = "text"', 'role = "text"\ntags = { culture = "food", group = "a" }', 1
    )
    with pytest.raises(PackErrors) as caught:
        read_pack(write_pack(text))
    (mistake,) = caught.value.mistakes
    assert mistake.problem.startswith("'group' cannot be a tag")
    assert re.search(r"pack.toml:\d+$", mistake.where)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ('{ culture = "" }', "the tag 'culture' is empty"),
        ('{ "culture=food" = "yes" }', "'culture=food' cannot name a tag"),
        ("{ culture = true }", "'tags.culture' is True"),
        ('["culture"]', "'tags' is"),
    ],
)
def test_a_tag_that_no_stage_could_ask_for_is_a_mistake_with_its_line(write_pack, tags, said):
    text = PACK.replace('role = "text"', f'role = "text"\ntags = {tags}', 1)
    line = text[: text.index("tags = ")].count("\n") + 1
    with pytest.raises(PackErrors) as caught:
        read_pack(write_pack(text))
    (mistake,) = caught.value.mistakes
    assert mistake.problem.startswith(said)
    assert mistake.where.endswith(f"pack.toml:{line}")


@pytest.mark.parametrize(
    ("role", "asked", "said"),
    [
        ("text", '{ format = "letters" }', "only questions are asked"),
        ("questions", '{ format = "leters" }', "'asked.format' is 'leters'"),
        ("questions", '{ split = "train" }', "'asked.split' is 'train'"),
        ("questions", '{ word = "Resposta:" }', "unknown key 'asked.word'"),
    ],
)
def test_how_questions_are_asked_is_checked_with_its_line(write_pack, role, asked, said):
    text = PACK.replace('role = "text"', f'role = "{role}"\nasked = {asked}', 1)
    line = text[: text.index("asked = ")].count("\n") + 1
    with pytest.raises(PackErrors) as caught:
        read_pack(write_pack(text))
    [mistake] = caught.value.mistakes
    assert said in mistake.problem
    assert mistake.where.endswith(f":{line}")
