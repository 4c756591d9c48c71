"""What the pages show works: every hook's example, the pack to write, the plugin to write."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import types
from types import SimpleNamespace

import pluggy
import pytest
from click.testing import CliRunner
from docs_pages import ROOT, blocks, named_files, page, section, write_files
from tests_support import PACK

from locale_tune import hookspecs, planning, plugins, trust
from locale_tune.base import Base
from locale_tune.build import HostRuns
from locale_tune.conformance import check_pack
from locale_tune.errors import PluginError
from locale_tune.offers import Stage
from locale_tune.packfile import read_pack
from locale_tune.records import read_records, write_records
from locale_tune.schema import Bad, Message, Record, Source
from locale_tune_curation.pool import pool_of
from locale_tune_curation.settings import SelectSettings

TOY = page("add-a-language.md")
PLUGIN = page("write-a-plugin.md")
ENV = {**os.environ, "LOCALE_TUNE_OFFLINE": "1"}
OFFERED = {
    "locale_tune_sources": ("source_kinds", "psalms"),
    "locale_tune_filters": ("filters", "long-enough"),
    "locale_tune_selectors": ("selectors", "shortest"),
    "locale_tune_stages": ("stages", "count"),
    "locale_tune_checks": ("checks", "greeting"),
    "locale_tune_launchers": ("launchers", "nice"),
    "locale_tune_commands": ("commands", "words"),
}


def hosted(hook, file=""):
    """Register the example of a hook as a plugin; return the manager."""
    [code] = blocks(section(page("hooks.md"), f"## `{hook}`"), "python")
    module = types.ModuleType("example")
    module.__file__ = str(file)
    exec(compile(code, f"docs/hooks.md: {hook}", "exec"), vars(module))
    pm = pluggy.PluginManager(hookspecs.PROJECT)
    pm.add_hookspecs(hookspecs)
    plugins.register(pm, module, "example")
    return pm


def offered(hook):
    field, name = OFFERED[hook]
    return getattr(plugins.parts(hosted(hook)), field)[name]


def lesson(number, *words):
    messages = [
        Message(role=r, content=w) for r, w in zip(("user", "assistant"), words, strict=True)
    ]
    return Record(id=str(number), source="x", messages=tuple(messages))


def test_the_table_of_the_tutorial_becomes_lessons(tmp_path):
    write_files(TOY, tmp_path)
    root = tmp_path / "locale-tune-toy" / "locale_tune_toy"
    shown = section(TOY, "### Many lessons from a table")
    [table], [phrasings, source] = blocks(shown, "text"), blocks(shown, "toml")
    (root / "data" / "templates").mkdir()
    (root / "data" / "animals.csv").write_text(table, encoding="utf-8")
    (root / "data" / "templates" / "animals.toml").write_text(phrasings, encoding="utf-8")
    with (root / "pack.toml").open("a", encoding="utf-8") as file:
        file.write(source)
    pack = read_pack(root)
    kind = plugins.parts(plugins.manager()).source_kinds["templates"]
    made = list(kind.read(pack.sources[-1], root / pack.sources[-1].uri, pack.locale))
    said = {record.messages[1].content for record in made}
    assert len(made) == 6
    assert {"La hundo bojas.", "La koko."} <= said


def test_the_source_kind_reads_psalms(tmp_path):
    path = tmp_path / "psalms.txt"
    path.write_text("one\n***\n\n***\nthree\n", encoding="utf-8")
    source = Source(id="p", kind="psalms", uri="data/p", licence="CC0-1.0", role="text")
    found = list(offered("locale_tune_sources").read(source, path, None))
    assert [type(item) for item in found] == [Record, Bad, Record]


def test_the_filter_keeps_five_words():
    keep = offered("locale_tune_filters").make(None, {})
    assert keep(Record(id="1", source="x", text="one two three four five")) == ""
    assert keep(Record(id="1", source="x", text="one two")) == "under 5 words"


def test_the_selector_takes_the_shortest():
    records = [lesson(0, "long question", "answer"), lesson(1, "a", "b")]
    pool = pool_of(records, SelectSettings(), 0)
    assert offered("locale_tune_selectors").select(pool, 1, 0) == [1]


def test_the_stage_counts_words(tmp_path):
    write_records(tmp_path / "text", [Record(id="1", source="x", text="bun di a tuts")])
    stage, corpus = offered("locale_tune_stages"), SimpleNamespace(path=tmp_path)
    job = SimpleNamespace(inputs={"corpus": corpus}, settings=stage.settings(), out=tmp_path)
    assert stage.run(job)["words"] == 4


def test_the_check_counts_greetings(toy_context):
    context = toy_context(["Guten Tag"] * 3, ["Bun di!", "Allegra!", "x"])
    found = list(offered("locale_tune_checks").measure(context))
    assert found == [("greeting", "rm", [0.0, 0.0, 0.0], [1.0, 1.0, 0.0])]


@pytest.fixture
def toy_context():
    """Make a context whose two models answer what the test says."""

    def make(*answers):
        models = [SimpleNamespace(generate=lambda prompts, a=a: a) for a in answers]
        return SimpleNamespace(
            locale=SimpleNamespace(tag="rm"),
            both=lambda work: tuple(work(model) for model in models),
            compare=lambda check, on, label, before, after: (check, on, before, after),
        )

    return make


def test_the_launcher_puts_words_in_front():
    assert offered("locale_tune_launchers").command(["python"]) == ["nice", "-n", "10", "python"]


def test_the_command_counts_words(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("bun di a tuts\n", encoding="utf-8")
    done = CliRunner().invoke(offered("locale_tune_commands").load(), [str(path)])
    assert done.output == "4 words\n"


def test_the_language_takes_its_prompts_from_a_file(write_pack):
    root = write_pack()
    (root / "data" / "prompts.txt").write_text("Co vas?\nTge fas?\n", encoding="utf-8")
    pm = hosted("locale_tune_language", root / "__init__.py")
    assert pm.hook.locale_tune_language().prompts == ("Co vas?", "Tge fas?")


def test_the_plan_is_amended(write_pack):
    pm, known = hosted("locale_tune_make_plan"), plugins.parts(plugins.manager())
    request = planning.Request(base=Base("base", None, "x"))
    assert planning.plan_for(pm, read_pack(write_pack()), known, request).notes[-1:] == (
        "Toy: reviewed",
    )


def test_the_stage_is_timed():
    pm = hosted("locale_tune_run_stage")
    pm.register(HostRuns())
    stage = Stage("x", needs=(), makes="corpus", run=lambda job: {"n": 1})
    facts = pm.hook.locale_tune_run_stage(stage=stage, job=None)
    assert facts["n"] == 1
    assert facts["seconds"] >= 0


def test_the_end_of_a_build_is_printed(capsys):
    findings = [SimpleNamespace(label="English", verdict="worse")]
    report = SimpleNamespace(findings=findings, ran=("a", "b"))
    hosted("locale_tune_built").hook.locale_tune_built(report=report)
    assert capsys.readouterr().out == "2 steps ran; worse: English\n"


def command(*args, folder):
    """Run a Python module as a person would, with the checkout and a folder on the path."""
    path = os.pathsep.join([str(folder), str(ROOT), str(ROOT / "plugins")])
    return subprocess.run(
        [sys.executable, "-m", *args],
        capture_output=True,
        text=True,
        env={**ENV, "PYTHONPATH": path},
        cwd=folder,
        timeout=120,
    )


@pytest.fixture
def toy(tmp_path):
    """Write the pack of the page into an empty folder."""
    write_files(TOY, tmp_path)
    return tmp_path / "locale-tune-toy"


def test_the_page_shows_every_file_of_its_tree(toy):
    tree = section(TOY, "## The folder")
    shown = [path for path in toy.rglob("*") if path.is_file()]
    assert len(shown) == 8
    assert [path.name for path in shown if path.name not in tree] == []


def test_the_pack_of_the_page_meets_every_rule(toy):
    verdicts = list(check_pack(plugins.find_language(str(toy))))
    assert [v.rule for v in verdicts if v.state != "ok"] == ["labels"]


def test_check_prints_what_the_page_says(toy):
    told = command("locale_tune", "check", "./locale-tune-toy", folder=toy.parent)
    assert told.stdout.endswith("the pack meets every rule\n"), told.stderr
    assert told.stdout in section(TOY, "## Check it")


def test_check_tells_the_mistake_of_the_page(toy):
    with (toy / "locale_tune_toy" / "data" / "lessons.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"messages": [{"role": "user", "content": "Kie?"}\n')
    told = command("locale_tune", "check", "./locale-tune-toy", folder=toy.parent)
    [mistake] = [b for b in blocks(section(TOY, "## Check it"), "text") if "  fix" in b]
    assert mistake in told.stdout


@pytest.mark.slow
def test_the_five_lines_of_the_page_pass(toy, install, tmp_path):
    install("locale-tune-toy", "locale_tune.languages", "toy", "locale_tune_toy")
    for path in (toy / "locale_tune_toy").iterdir():
        path.rename(tmp_path / "site-locale-tune-toy" / "locale_tune_toy" / path.name)
    (toy / "locale_tune_toy").rmdir()
    (toy / "pyproject.toml").unlink()
    folder = tmp_path / "site-locale-tune-toy"
    done = command("pytest", "-q", str(toy / "tests"), folder=folder)
    assert "5 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_the_plugin_of_the_page_offers_its_parts_and_passes_its_tests(tmp_path, monkeypatch):
    write_files(PLUGIN, tmp_path)
    folder = tmp_path / "locale-tune-cards"
    done = command("pytest", "-q", "tests", folder=folder)
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "locale_tune_cards", raising=False)
    pm = pluggy.PluginManager(hookspecs.PROJECT)
    pm.add_hookspecs(hookspecs)
    plugins.register(pm, importlib.import_module("locale_tune_cards"), "cards")
    parts = plugins.parts(pm)
    assert ([*parts.source_kinds], [*parts.checks]) == (["cards"], ["loops"])


@pytest.fixture
def with_code(toy, monkeypatch):
    """Give the pack of the page the stage of the other page."""
    pack = toy / "locale_tune_toy"
    text = (pack / "pack.toml").read_text(encoding="utf-8")
    (pack / "pack.toml").write_text(text.replace("[pack]\n", "[pack]\ncode = true\n"), "utf-8")
    own = named_files(PLUGIN)["locale-tune-toy/locale_tune_toy/__init__.py"]
    (pack / "__init__.py").write_text(own, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield pack
    sys.modules.pop("locale_tune_toy", None)


def test_the_pack_with_code_runs_only_when_trusted(with_code):
    with pytest.raises(PluginError, match="has not been allowed"):
        plugins.load_language(plugins.manager(), str(with_code))
    trust.allow(with_code)
    pm = plugins.manager()
    pack = plugins.load_language(pm, str(with_code))
    parts = plugins.parts(pm, pack)
    assert parts.providers["stages", "select"] == plugins.provider_of(pack)
    (with_code / "__init__.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(PluginError, match="changed since"):
        plugins.load_language(plugins.manager(), str(with_code))


def test_the_stage_of_the_pack_keeps_short_answers(with_code, tmp_path):
    trust.allow(with_code)
    pm = plugins.manager()
    stage = plugins.parts(pm, plugins.load_language(pm, str(with_code))).stages["select"]
    corpus = tmp_path / "corpus"
    write_records(corpus / "lessons", [lesson(1, "Kie?", "Jen."), lesson(2, "Kie?", "x" * 90)])
    made = SimpleNamespace(path=corpus)
    job = SimpleNamespace(inputs={"corpus": made}, settings=stage.settings(), out=tmp_path)
    assert stage.run(job)["line"] == "1 of 2 lessons are short"
    assert [record.id for record in read_records(tmp_path / "lessons")] == ["1"]


def test_the_ten_lines_of_the_readme_are_a_pack(write_pack):
    [text] = blocks((ROOT / "README.md").read_text(encoding="utf-8"), "toml")
    assert len([line for line in text.splitlines() if line]) <= 10
    lines = ("La kato dormas sur la seĝo.", "La hundo ludas en la ĝardeno.")
    found = plugins.find_language(str(write_pack(text, lines=lines)))
    assert [v.state for v in check_pack(found) if v.state == "fix"] == []


def test_the_second_step_of_a_stage_may_have_its_own_name(write_pack):
    [text] = [b for b in blocks(page("pack-format.md"), "toml") if "tune@polish" in b]
    settings = text.partition("[settings.polish]")[2]
    stages = next(line for line in text.splitlines() if line.startswith("stages"))
    own = PACK.replace('stages = ["collect"]', stages)
    pack = read_pack(write_pack(own + "\n[settings.polish]\n" + settings))
    parts = plugins.parts(plugins.manager())
    plan = planning.make_plan(pack, parts, planning.Request(base=Base("base", None, "x")))
    [polish] = [step for step in plan.steps if step.name == "polish"]
    assert (polish.stage, polish.settings["lr"], polish.needs["model"]) == ("tune", 2e-5, "tune")
