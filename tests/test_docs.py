"""The pages say what the code says: every hook, key, setting, option and link."""

from __future__ import annotations

import importlib
import inspect
import re
import tomllib

import pytest
from docs_pages import DOCS, PAGES, ROOT, UNSET, page, prose, rows, section, slug, value_of

from locale_tune import assets, doctor, errors, hookspecs, packfile, plugins, schema
from locale_tune.api import Settings
from locale_tune.cli import COMMANDS

HOOKS = [name for name in vars(hookspecs) if name.startswith("locale_tune_")]
PARTS = plugins.parts(plugins.manager())
FORMAT = page("pack-format.md")
TARGET = re.compile(r"(?:^|`)make ([a-z]+)$", re.MULTILINE)
OPTIONS = {
    "text": "text.TextOptions",
    "jsonl": "fields.Fields",
    "udhr": "udhr.UdhrOptions",
    "cldr": "cldr.CldrOptions",
    "lexicon": "lexicon.LexiconOptions",
    "wikipedia": "wikipedia.WikipediaOptions",
    "po": "translations.CatalogOptions",
}


def ours(field):
    """Return the parts that this repository offers, whatever else is installed."""
    table = getattr(PARTS, field)
    return {n: table[n] for n in table if PARTS.providers[field, n].startswith("locale-tune ")}


STAGES = ours("stages")


def defaults(model):
    """Return {field: default as JSON has it}; UNSET for none, `must` for a field without one."""
    found = {}
    for name, field in model.model_fields.items():
        value = field.get_default(call_default_factory=True)
        value = list(value) if isinstance(value, tuple) else value
        value = {} if isinstance(value, Settings) else value  # a table of its own
        found[name] = "must" if field.is_required() else UNSET if value is None else value
    return found


def stated(text, model):
    """Compare a table with a model: every field has a row, every row a field, same defaults."""
    table = rows(text)
    wrong = []
    for name, default in defaults(model).items():
        cell = table[name][1] if name in table else "no row"
        told = cell if cell in ("must", "no row") else value_of(cell)
        if told != default:
            shown = "none" if default is UNSET else default
            wrong.append(f"| `{name}` | `{shown}` | {model.model_fields[name].description} |")
    return wrong, [name for name in table if name not in model.model_fields]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_heading_an_example_and_a_test(hook):
    assert f"{hook}(" in section(page("hooks.md"), f"## `{hook}`")
    told = inspect.getdoc(getattr(hookspecs, hook))
    assert "Example::" in told
    assert "Called by" in told
    tests = [path for path in ROOT.glob("tests/**/test_*.py") if not path.match("test_docs*")]
    assert any(f"def {hook}(" in path.read_text(encoding="utf-8") for path in tests)


def test_hooks_page_names_no_hook_that_is_gone():
    assert sorted(re.findall(r"^## `(\w+)`", page("hooks.md"), re.MULTILINE)) == sorted(HOOKS)


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("## `[locale]`", schema.Locale.model_fields),
        ("## `[pack]`", packfile.PACK_KEYS),
    ],
)
def test_every_key_of_locale_and_pack_has_a_row(heading, keys):
    text = section(FORMAT, heading).partition("###")[0]
    assert sorted(rows(text)) == sorted(keys)


@pytest.mark.parametrize(
    ("heading", "model"),
    [("## `[[sources]]`", schema.Source), ("## `[[bounds]]`", schema.Bound)],
)
def test_every_key_of_sources_and_bounds_has_a_row_with_its_default(heading, model):
    text = section(FORMAT, heading).partition("###")[0].partition("The checks of")[0]
    assert stated(text, model) == ([], [])


def test_every_key_of_asked_has_a_row_with_its_default_and_every_format_one():
    text = section(FORMAT, "### Questions")
    keys, _, formats = text.partition("| `format` | what the model sees")
    assert stated(keys, schema.Asked) == ([], [])
    told = set(rows(formats))
    assert told == {f'"{name}"' for name in schema.Asked.model_fields["format"].annotation.__args__}


def test_every_layout_has_a_row_with_its_tags():
    from locale_tune_corpus.layouts import LAYOUTS

    table = rows(section(FORMAT, "#### Benchmarks by name"))
    assert set(table) - {"layout"} == {f'"{name}"' for name in LAYOUTS}
    for name, layout in LAYOUTS.items():
        tags = [tag for tag in re.findall(r"`(\w+)`", table[f'"{name}"'][3]) if len(tag) > 2]
        assert tuple(tags) == layout.get("tag_columns", ()), name


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_every_setting_of_a_stage_has_a_row_with_its_default(stage):
    missing, gone = stated(section(FORMAT, f"### `{stage}`"), STAGES[stage].settings)
    assert not missing, "add to docs/pack-format.md:\n" + "\n".join(missing)
    assert gone == []


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_the_table_of_stages_says_what_each_needs_and_makes(stage):
    row = rows(section(FORMAT, "## Stages and their settings").partition("###")[0])[stage]
    assert row[1:3] == [", ".join(STAGES[stage].needs), STAGES[stage].makes]


@pytest.mark.parametrize("kind", sorted(OPTIONS))
def test_every_option_of_a_source_kind_has_a_row(kind):
    module, _, name = OPTIONS[kind].partition(".")
    model = getattr(importlib.import_module(f"locale_tune_corpus.{module}"), name)
    text = section(FORMAT, f"#### Options of `{kind}`")
    text = text.partition("`csv` and `tsv` have")[0].partition("| `fact` |")[0]
    assert stated(text, model) == ([], [])


def test_the_options_that_only_tables_have_stand_there_too():
    from locale_tune_corpus.fields import Fields
    from locale_tune_corpus.tables import TableOptions

    table = rows(section(FORMAT, "#### Options of `jsonl`").partition("`csv` and `tsv` have")[2])
    assert set(table) == set(TableOptions.model_fields) - set(Fields.model_fields)


def test_the_options_of_templates_stand_there_and_name_those_of_rows():
    from locale_tune.api import Listing
    from locale_tune_corpus.fields import RowOptions
    from locale_tune_corpus.tables import TableShape
    from locale_tune_corpus.template_options import TemplateOptions

    text = section(FORMAT, "#### Options of `templates`")
    shared = {*RowOptions.model_fields, *TableShape.model_fields}
    table = text.partition("A phrasing has")[0]
    assert set(rows(table)) == set(TemplateOptions.model_fields) - shared
    assert all(f"`{name}`" in text for name in shared)
    assert set(rows(text.partition("| in `listing` |")[2])) == set(Listing.model_fields)


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("### Roles", schema.Role.__args__),
        ("### Source kinds", ours("source_kinds")),
        ("### Filters", ours("filters")),
    ],
)
def test_every_role_kind_and_filter_has_a_row(heading, names):
    text = section(FORMAT, heading).partition("####")[0]
    assert set(rows(text)) == set(names)


def test_every_check_selector_and_scheme_is_named():
    assert set(ours("checks")) <= set(rows(section(FORMAT, "## `[[bounds]]`")))
    for name in ours("selectors"):
        assert f'`"{name}"`' in section(FORMAT, "### `select`")
    told = " ".join(rows(section(FORMAT, "### Addresses")))
    for scheme in packfile.SCHEMES:
        assert f"{scheme}/" in told if scheme == "data" else f"{scheme}:" in told
    assert set(assets.FETCHERS) < set(packfile.SCHEMES)


@pytest.mark.parametrize("name", sorted({**COMMANDS, **ours("commands")}))
def test_every_option_of_a_command_is_in_its_section(name):
    text = section(page("commands.md"), f"## `locale-tune {name}")
    if "options of `build`" in " ".join(text.split()):
        text += section(page("commands.md"), "## `locale-tune build")
    if name in COMMANDS:
        command = importlib.import_module(f"locale_tune.cli.{name}_").command
    else:
        command = ours("commands")[name].load()
    options = [param.opts[0] for param in command.params if param.opts[0].startswith("--")]
    assert [option for option in options if f"`{option}" not in text] == []


def test_every_exit_code_and_variable_is_in_commands():
    text = page("commands.md")
    codes = {e.exit_code for e in vars(errors).values() if hasattr(e, "exit_code")}
    assert {f"| {code} |" for code in codes} <= set(re.findall(r"^\| \d+ \|", text, re.MULTILINE))
    code = "".join(path.read_text("utf-8") for path in (ROOT / "locale_tune").rglob("*.py"))
    known = set(re.findall(r'"(LOCALE_TUNE_[A-Z_]+)"', code))
    assert known
    assert known <= set(rows(section(text, "## Environment variables")))


def test_design_names_the_floors_of_versions_and_of_modules():
    table = rows(page("design.md").replace("| torch", "| `torch`"))
    assert table["torch"][1] == doctor.FLOORS["torch"]
    for name, floor in doctor.FLOORS.items():
        assert f"| {name} | {floor} |" in page("design.md")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    assert "\n".join(layer.replace(" | ", ", ") for layer in layers) in page("design.md")


def test_every_page_is_in_the_navigation():
    nav = (ROOT / ".mkdocs.yml").read_text(encoding="utf-8")
    for path in DOCS.glob("*.md"):
        assert f": {path.name}\n" in nav


def test_make_targets_that_the_pages_name_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {name for path in PAGES for name in TARGET.findall(path.read_text("utf-8"))}
    assert {"demo", "test"} <= named <= targets


def test_the_tutorial_shows_the_command_that_make_demo_runs():
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\ndemo:")[2].splitlines()[1]
    shown = recipe.strip().removeprefix("$(BIN)/")
    assert shown.startswith("locale-tune build rm ")
    assert f"\n{shown}\n" in page("index.md")


def test_news_fragments_are_numbered_and_headed():
    fragments = [path for path in (DOCS / "changes").glob("*.md") if path.name != "README.md"]
    assert fragments
    numbers = [re.fullmatch(r"(\d{4})(-[a-z0-9]+)+\.md", path.name)[1] for path in fragments]
    assert len(set(numbers)) == len(numbers)
    for path in fragments:
        assert re.match(r"# .+\n\n\S", path.read_text(encoding="utf-8")), path.name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_internal_links_resolve(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text(encoding="utf-8"))):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        assert linked.exists(), f"{path.name} links to {target}"
        if anchor:
            text = prose(linked.read_text(encoding="utf-8"))
            headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            assert anchor in [slug(heading) for heading in headings], f"{path.name}: {target}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_name_no_machine_and_hold_no_placeholder(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(work|tmp|home|root|Users)\b", text)
    assert not re.search(r"\b(TODO|FIXME|TBD|XXX)\b", text)
    assert len(text.splitlines()) > 5
