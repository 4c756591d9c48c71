"""Finding plugins and the one language: strangers' mistakes stay theirs."""

from __future__ import annotations

import importlib.util
import py_compile
import sys

import pytest
from tests_support import PACK

from locale_tune import plugins, trust
from locale_tune.errors import PluginError

GROUP = "locale_tune.plugins"
UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH
LANGUAGE = "locale_tune.languages"
OFFER = """
from locale_tune.api import Stage, hookimpl

@hookimpl
def locale_tune_stages():
    yield Stage("{name}", needs=(), makes="corpus", run=lambda job: {{}})
"""


def managed():
    warnings: list[str] = []
    return plugins.manager(warnings.append), warnings


def test_our_own_plugins_load_without_a_warning():
    pm, warnings = managed()
    assert warnings == []
    stages = plugins.parts(pm).stages
    assert {"base", "collect", "select", "extend", "inject", "tune", "assess", "release"} <= set(
        stages
    )


def test_a_plugin_that_fails_at_import_is_one_warning_with_its_distribution(install):
    install("stranger", GROUP, "stranger", "stranger_mod", "raise RuntimeError('boom')")
    pm, warnings = managed()
    assert len(warnings) == 1
    assert "stranger 1.0" in warnings[0]
    assert "boom" in warnings[0]
    assert "inject" in plugins.parts(pm).stages


def test_a_misspelt_hook_is_a_sentence_with_the_nearest_name(install):
    code = OFFER.format(name="x").replace("locale_tune_stages", "locale_tune_stage")
    install("misspelt", GROUP, "misspelt", "misspelt_mod", code)
    _, warnings = managed()
    assert "locale_tune_stage'" in warnings[0]
    pm = plugins.pluggy.PluginManager("locale_tune")
    with pytest.raises(PluginError) as caught:
        plugins.register(pm, sys.modules["misspelt_mod"], "misspelt 1.0")
    assert "did you mean 'locale_tune_stages'" in caught.value.remedy


def test_a_wrapper_on_an_offering_hook_is_refused(install):
    code = OFFER.format(name="x").replace("@hookimpl", "@hookimpl(wrapper=True)")
    install("wrapping", GROUP, "wrapping", "wrapping_mod", code)
    _, warnings = managed()
    assert "only collects offers" in warnings[0]


def test_two_plugins_with_one_part_are_both_named(install):
    install("one", GROUP, "one", "one_mod", OFFER.format(name="same"))
    install("two", GROUP, "two", "two_mod", OFFER.format(name="same"))
    pm, _ = managed()
    with pytest.raises(
        PluginError, match=r"one 1\.0 \(one\) and two 1\.0 \(two\) both offer 'same'"
    ):
        plugins.parts(pm)


def test_two_distributions_with_one_entry_point_are_both_named(install):
    install("one", GROUP, "same", "one_mod", OFFER.format(name="a"))
    install("two", GROUP, "same", "two_mod", OFFER.format(name="b"))
    with pytest.raises(PluginError, match=r"one 1\.0 and two 1\.0"):
        managed()


@pytest.mark.parametrize("body", ["return None", "yield 'inject'"])
def test_an_offer_of_the_wrong_kind_is_named(install, body):
    code = f"""
    from locale_tune.api import hookimpl

    @hookimpl
    def locale_tune_stages():
        {body}
    """
    install("wrong", GROUP, "wrong", "wrong_mod", code)
    pm, _ = managed()
    with pytest.raises(PluginError, match=r"wrong 1\.0"):
        plugins.parts(pm)


def test_plugins_can_be_switched_off(install, monkeypatch):
    install("stranger", GROUP, "stranger", "stranger_mod", "raise RuntimeError('boom')")
    monkeypatch.setenv("LOCALE_TUNE_DISABLE_PLUGINS", "stranger")
    assert managed()[1] == []


def language(install, name="toy", code=None, dist="locale-tune-toy"):
    package = install(dist, LANGUAGE, name, f"{dist.replace('-', '_')}", code or "")
    (package / "pack.toml").write_text(PACK, encoding="utf-8")
    (package / "data").mkdir()
    (package / "data" / "lines.txt").write_text("Bun di.\n")
    return package


def test_only_the_requested_language_is_imported(install):
    language(install)
    other = language(install, "other", "raise RuntimeError('imported')", "locale-tune-other")
    (other / "pack.toml").write_text(PACK.replace('"toy"', '"other"'), encoding="utf-8")
    pm, _ = managed()
    assert plugins.load_language(pm, "toy").locale.id == "toy"
    assert "locale_tune_other" not in sys.modules
    assert "locale_tune_toy" not in sys.modules, "a declarative pack runs no Python at all"


def test_an_unknown_language_suggests_the_nearest(install):
    language(install)
    with pytest.raises(PluginError, match="no pack 'toi'") as caught:
        plugins.find_language("toi")
    assert "did you mean 'toy'" in caught.value.remedy


def test_two_packs_of_one_id_are_both_named(install):
    language(install)
    language(install, dist="locale-tune-toy-two")
    with pytest.raises(PluginError, match="locale-tune-toy and locale-tune-toy-two"):
        plugins.find_language("toy")


def test_an_entry_point_of_another_name_than_the_pack(install):
    language(install, "other")
    pm, _ = managed()
    with pytest.raises(PluginError, match=r"its pack\.toml says 'toy'"):
        plugins.load_language(pm, "other")


def test_a_pack_by_folder(write_pack):
    pm, _ = managed()
    assert plugins.load_language(pm, str(write_pack())).locale.id == "toy"
    assert plugins.find_language(str(write_pack().parent)).root.name == "toy"


WITH_CODE = """
from locale_tune.api import Stage, hookimpl

@hookimpl
def locale_tune_stages():
    yield Stage("inject", needs=("model", "corpus"), makes="model", run=lambda job: {"own": True})
"""


def code_pack(write_pack):
    root = write_pack(PACK.replace("[pack]\n", "[pack]\ncode = true\n"))
    root = root.rename(root.with_name("toy_with_code"))
    (root / "__init__.py").write_text(WITH_CODE)
    return root


def test_code_runs_only_when_trusted_and_unchanged(write_pack):
    root = code_pack(write_pack)
    with pytest.raises(PluginError, match="has not been allowed to run"):
        plugins.load_language(managed()[0], str(root))
    assert "toy_with_code" not in sys.modules
    trust.allow(root)
    pm, _ = managed()
    pack = plugins.load_language(pm, str(root))
    parts = plugins.parts(pm, pack)
    assert parts.stages["inject"].run(None) == {"own": True}
    assert parts.providers["stages", "inject"] == plugins.provider_of(pack)
    (root / "__init__.py").write_text(WITH_CODE + "# changed\n")
    with pytest.raises(PluginError, match="has changed since it was trusted"):
        plugins.load_language(managed()[0], str(root))
    sys.modules.pop("toy_with_code", None)


def test_bytecode_that_was_put_beside_the_trusted_source_is_not_run(write_pack):
    root = code_pack(write_pack)
    root = root.rename(root.with_name("toy_with_bytecode"))
    trust.allow(root)
    planted = root / "planted.py"
    planted.write_text("raise RuntimeError('planted')\n")
    cached = importlib.util.cache_from_source(str(root / "__init__.py"))
    py_compile.compile(str(planted), cached, invalidation_mode=UNCHECKED)
    planted.unlink()
    pm, _ = managed()
    assert plugins.load_language(pm, str(root)).locale.id == "toy"
    sys.modules.pop("toy_with_bytecode", None)


def test_what_lies_beside_a_trusted_pack_is_not_importable(write_pack):
    root = code_pack(write_pack)
    root = root.rename(root.with_name("toy_with_neighbour"))
    (root.parent / "neighbour_of_toy.py").write_text("x = 1\n")
    (root / "__init__.py").write_text("import neighbour_of_toy\n")
    trust.allow(root)
    with pytest.raises(PluginError, match="fails at import"):
        plugins.load_language(managed()[0], str(root))


def test_a_pack_named_like_a_library_is_refused(write_pack):
    root = code_pack(write_pack)
    root = root.rename(root.with_name("json"))
    trust.allow(root)
    with pytest.raises(PluginError, match="has the name of another package"):
        plugins.load_language(managed()[0], str(root))
