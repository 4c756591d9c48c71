"""The command line: light at start, sentences instead of tracebacks, exit codes that mean."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests_support import PACK, REMOTE

from locale_tune.cli import COMMANDS, _offered, app

HEAVY = ("torch", "transformers", "datasets", "numpy", "pyarrow", "sacrebleu", "fasttext")
ROOT = Path(__file__).parents[1]
LANGUAGE = "locale_tune.languages"


def run(*args, **env):
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "locale_tune", *args],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **env},
        timeout=120,
    )


@pytest.fixture
def pack(write_pack, tmp_path):
    model = tmp_path / "base"
    model.mkdir()
    (model / "config.json").write_text("{}")
    return write_pack(PACK.replace('"base"\n', f'"{model}"\n'))


@pytest.mark.parametrize(
    "args", [["--help"], ["list"], ["show", "PACK"], ["plan", "PACK"], ["status", "PACK"]]
)
def test_no_heavy_library_is_imported(args, pack):
    args = [str(pack) if a == "PACK" else a for a in args]
    code = (
        "import sys\n"
        f"sys.argv = ['locale-tune', *{args!r}]\n"
        "from locale_tune.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_a_command_of_a_plugin_is_listed_and_runs():
    assert "Teach a tokenizer a language" in run("--help").stdout
    assert "--corpus" in run("extend", "--help").stdout


def test_a_command_of_a_missing_plugin_is_unknown():
    done = run("extend", "--help", LOCALE_TUNE_DISABLE_PLUGINS="tokenizer")
    assert done.returncode == 2
    assert "no command 'extend'" in done.stderr


def test_pydantic_stays_out_of_list():
    code = "import sys\nsys.argv = ['x', 'list']\nfrom locale_tune.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass\nprint('pydantic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_every_command_has_help_and_stands_in_the_docs():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name in (*COMMANDS, *_offered()):
        done = CliRunner().invoke(app, [name, "--help"])
        assert done.exit_code == 0, done.output
        assert f"## `locale-tune {name}" in text


def test_an_unknown_command_suggests_the_nearest():
    done = run("bild")
    assert done.returncode == 2
    assert "did you mean 'build'" in done.stderr


def test_a_mistake_is_a_sentence_and_debug_shows_more(tmp_path):
    done = run("show", "nowhere")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "no pack 'nowhere'" in done.stderr
    assert "try: " in done.stderr
    assert "Traceback" in run("show", "nowhere", "--debug").stderr


def test_a_message_with_a_packs_text_does_not_steer_the_terminal():
    from locale_tune.cli.screen import error_text
    from locale_tune.errors import PackError

    text = error_text(PackError("the key '\x1b[2J\ud800' is odd", "leave it out"))
    assert text == "error: the key '\ufffd[2J\ufffd' is odd\n  try: leave it out"


def test_show_names_sources_and_licences(pack):
    done = run("show", str(pack))
    assert done.returncode == 0, done.stderr
    assert "CC0-1.0" in done.stdout
    assert "data/lines.txt" in done.stdout


@pytest.mark.slow
def test_plan_says_what_is_missing_and_stops_without_text(write_pack, pack):
    base = (pack / "pack.toml").read_text()
    write_pack(base + REMOTE)
    done = run("plan", str(pack))
    assert done.returncode == 0, done.stderr
    assert "missing remote" in done.stdout
    assert "nothing has been downloaded or run" in done.stdout
    write_pack(base.partition("[[sources]]")[0] + REMOTE)
    done = run("plan", str(pack))
    assert done.returncode == 2
    assert "LOCALE_TUNE_MIRROR" in done.stderr


def test_check_gives_ten_sentences_for_ten_mistakes(write_pack):
    broken = PACK.replace('"ltr"', '"up"').replace("licence =", "license =")
    broken = broken.replace('script = "Latn"', 'script = "latin"').replace(
        'tag = "rm"', 'tag = "?"'
    )
    done = run("check", str(write_pack(broken)))
    assert done.returncode == 2
    assert done.stderr.count("pack.toml:") == 5


@pytest.mark.slow
def test_check_passes_a_good_pack_and_fails_one_of_another_script(pack, write_pack):
    done = run("check", str(pack))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "meets every rule" in done.stdout
    write_pack((pack / "pack.toml").read_text(), lines=("صباح الخير",))
    done = run("check", str(pack))
    assert done.returncode == 1
    assert "is this Toy?" in done.stdout


def test_a_broken_stranger_does_not_break_list(install, monkeypatch, tmp_path):
    install("stranger", "locale_tune.plugins", "stranger", "stranger_mod", "raise ImportError('x')")
    package = install("locale-tune-broken", LANGUAGE, "broken", "locale_tune_broken")
    (package / "pack.toml").write_text("not toml at all")
    sites = os.pathsep.join(str(p) for p in tmp_path.glob("site-*"))
    monkeypatch.setenv("PYTHONPATH", sites)
    done = run("list")
    assert done.returncode == 0, done.stderr
    assert "broken: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_doctor_names_each_problem_with_its_fix(pack):
    done = run("doctor", str(pack))
    assert "Python 3" in done.stdout
    assert "pack toy" in done.stdout
    for line in done.stdout.splitlines():
        if line.strip().startswith("fail"):
            assert "fix:" in done.stdout
    lost = run("doctor", "nowhere")
    assert lost.returncode == 1
    assert "no pack 'nowhere'" in lost.stdout


@pytest.mark.slow
def test_trust_shows_files_and_needs_a_yes(write_pack, pack):
    text = (pack / "pack.toml").read_text().replace("[pack]\n", "[pack]\ncode = true\n")
    (write_pack(text) / "__init__.py").write_text("x = 1\n")
    assert run("plan", str(pack)).returncode == 2
    done = run("trust", str(pack), "--yes")
    assert "__init__.py" in done.stdout
    assert run("plan", str(pack)).returncode == 0
