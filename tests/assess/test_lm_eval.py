"""`assess --lm-eval` without lm-eval: which tasks of a pack are taken, and what samples become."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from finished_support import finished_run

from locale_tune.api import PackError, PluginError, Record, open_run, read_json
from locale_tune_assess import calibration as cal
from locale_tune_assess.lm_eval_command import command, keep, known
from locale_tune_assess.lm_eval_findings import answers, findings_of, items, pairs_of
from locale_tune_assess.lm_eval_tasks import pack_tasks, read_task, write_items
from locale_tune_assess.questions import answers as ours
from locale_tune_assess.questions import parts_of

PACK_TASKS = Path(__file__).parents[2] / "languages" / "rm" / "locale_tune_rm" / "tasks"
TASK = """
task: toy
dataset_path: json
dataset_kwargs: {data_files: {test: questions-rm.jsonl}}
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: choices
doc_to_target: answer
"""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    tasks, data = tmp_path / "tasks", tmp_path / "data"
    tasks.mkdir()
    data.mkdir()
    (data / "questions-rm.jsonl").write_text("{}\n", encoding="utf-8")
    return tasks, data


def test_a_plain_task_is_taken_and_its_data_found(folders: tuple[Path, Path]) -> None:
    tasks, data = folders
    (tasks / "toy.yaml").write_text(TASK, encoding="utf-8")
    config = read_task(pack_tasks(tasks)["toy"], data)
    place = config["dataset_kwargs"]["data_files"]["test"]
    assert place == str((data / "questions-rm.jsonl").resolve())
    (tasks / "questions-rm.jsonl").write_text("{}\n", encoding="utf-8")
    config = read_task(pack_tasks(tasks)["toy"], data)
    assert Path(config["dataset_kwargs"]["data_files"]["test"]).parent == tasks.resolve()


@pytest.mark.parametrize(
    "line",
    [
        "process_docs: !function evil.run",
        "doc_to_text: !!python/object/apply:os.system [id]",
        "custom_dataset: evil",
        "include: ../other.yaml",
        "unsafe_code: true",
        'description: "{{ cycler.__init__.__globals__.os.popen(1) }}"',
        'description: "{% for x in y %}{% endfor %}"',
        'description: "{{ question | attr(1) }}"',
        'doc_to_choice: ["{{ a.b }}", "x"]',
        "doc_to_choice: {a: b}",
        "dataset_path: ../../evil",
        "dataset_path: /etc/passwd",
        "dataset_path: [json]",
        "dataset_kwargs: {trust_remote_code: true}",
        "dataset_kwargs: {data_files: {test: ../../secret.jsonl}}",
        "dataset_kwargs: {data_files: {test: https://evil.example/x.jsonl}}",
        "dataset_kwargs: {data_files: [/etc/passwd]}",
        "dataset_kwargs: [1]",
        "metric_list: [{metric: !function evil.f}]",
        "metric_list: [{metric: acc, hf_evaluate: true}]",
        "metric_list: [{metric: [acc]}]",
        "metric_list: [{metric: evil}]",
        "metric_list: [{metric: accuracy}]",
        "metric_list: [{metric: acc, aggregation: [mean]}]",
        "metric_list: acc",
        "metadata: {version: 1, more: 2}",
        "metadata: {version: [1, 2]}",
        "metadata: [1]",
        "num_fewshot: [1]",
        "dataset_name: {a: b}",
        'dataset_kwargs: {data_files: {test: "a\\0b"}}',
        f"dataset_kwargs: {{data_files: {{test: {'a' * 5_000}}}}}",
        "task: other",
        "task: 7",
        "1: 2",
    ],
)
def test_what_could_run_code_or_lead_elsewhere_is_refused(folders, line: str) -> None:
    tasks, data = folders
    key = line.partition(":")[0]
    text = "\n".join(old for old in TASK.splitlines() if not old.startswith(f"{key}:"))
    (tasks / "toy.yaml").write_text(f"{text}\n{line}\n", encoding="utf-8")
    with pytest.raises(PackError, match=r"tasks/toy\.yaml") as caught:
        read_task(tasks / "toy.yaml", data)
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["", "[1]", "task: [", "\x00", "{" * 5_000, TASK + "#" * 100_000])
def test_files_that_are_no_tasks_are_told(folders, text: str) -> None:
    tasks, data = folders
    (tasks / "toy.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PackError):
        read_task(tasks / "toy.yaml", data)


def test_a_link_out_of_the_folder_is_not_followed(folders, tmp_path: Path) -> None:
    tasks, data = folders
    (tmp_path / "secret.jsonl").write_text("{}\n", encoding="utf-8")
    (tasks / "near.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (tasks / "toy.yaml").write_text(TASK.replace("questions-rm", "near"), encoding="utf-8")
    with pytest.raises(PackError, match="no data file"):
        read_task(tasks / "toy.yaml", data)


def test_the_tasks_of_the_romansh_pack_are_taken(
    make_context: Any, question: Any, doc: Any
) -> None:
    context = make_context(questions=[question("1", lang="rm")], heldout=[doc("d", "Bun di.")])
    write_items(context, context.out / "data")
    (context.out / "data" / "heldout-rm.jsonl").write_text("{}\n", encoding="utf-8")
    (context.out / "data" / "questions-rm.jsonl").write_text("{}\n", encoding="utf-8")
    found = pack_tasks(PACK_TASKS)
    assert {"rm_questions", "rm_heldout"} <= set(found)
    for path in found.values():
        assert read_task(path, context.out / "data")["task"] == path.stem


def test_the_runs_items_are_those_of_the_checks(make_context: Any, question: Any, doc: Any) -> None:
    context = make_context(
        questions=[question("1"), question("2", split="dev"), question("3", format="cloze")],
        heldout=[doc("d", "Bun di.", group="g")],
        control=[doc("e", "Hello.", lang="en")],
    )
    write_items(context, context.out)
    lines = {path.stem: path.read_text("utf-8").splitlines() for path in context.out.glob("*")}
    assert set(lines) == {"questions-roh", "cloze-roh", "heldout-roh", "control-en"}
    assert {name: len(rows) for name, rows in lines.items()} == dict.fromkeys(lines, 1)


def samples(values: list[list[float]], right: list[int], **more: Any) -> list[dict[str, Any]]:
    """Return samples as lm-eval logs them, of questions with the options `aa` and `bbbb`."""
    found = []
    for number, (one, target) in enumerate(zip(values, right, strict=True)):
        best = float(int(np.argmax(one)) == target)
        found.append(
            {
                "doc_id": number,
                "doc": {"question": "q"},
                "doc_hash": str(number),
                "filter": "none",
                "target": target,
                "arguments": [("q", "\naa"), ("q", "\nbbbb")],
                "filtered_resps": [(value, False) for value in one],
                "metrics": ["acc"],
                "acc": best,
                **more,
            }
        )
    return found[::-1]  # lm-eval promises no order


LOW, HIGH = [[-4.0, -2.0]] * 6, [[-1.0, -9.0]] * 6


def both(before: Any, after: Any, name: str = "toy") -> Any:
    return pairs_of({"samples": {name: before}}, {"samples": {name: after}})


def test_metrics_become_paired_findings_with_calibration(make_context: Any) -> None:
    context = make_context()
    [pairs] = both(samples(LOW, [0] * 6), samples(HIGH, [0] * 6))
    found = {one.check: one for one in findings_of(context, pairs, {"acc": True}, "0.4.13")}
    assert set(found) == {"acc", "ece", "brier", "overconfidence"}
    acc = found["acc"]
    assert (acc.before, acc.after, acc.n, acc.section) == (0.0, 1.0, 6, "knowledge")
    assert acc.p is not None
    assert "0.4.13" in acc.note
    # per character -2 and -0.5, times the mean length 3: scores -6 and -1.5
    chances = cal.softmax(np.array([[-6.0, -1.5]]))
    assert found["brier"].before == pytest.approx(cal.brier(chances, np.array([0])))
    assert [row["side"] for row in context.shown["reliability"]] == ["before", "after"]


def test_scores_of_options_are_those_of_our_own_check() -> None:
    record = Record(id="1", source="s", question="q", choices=("aa", "bbbb"), answer=0)
    wanted = ours([record], [[-4.0, -2.0]])
    found = answers(samples(LOW[:1], [0]))
    assert found is not None
    np.testing.assert_allclose(found.scores, wanted.scores)
    assert parts_of(record)[0] == "q\n"


@pytest.mark.parametrize(
    "more",
    [
        {"target": [0, 1]},
        {"target": "aa"},
        {"target": True},
        {"target": 5},
        {"filtered_resps": ["aa"], "arguments": [("q", {"until": []})]},
        {"filtered_resps": [(-math.inf, False), (-1.0, False)]},
        {"metrics": ["acc", "acc_mutual_info"], "acc_mutual_info": 1.0},
        {"arguments": [("q", " "), ("q", "b")]},
    ],
)
def test_other_tasks_get_no_calibration(make_context: Any, more: dict[str, Any]) -> None:
    [pairs] = both(samples(LOW, [0] * 6, **more), samples(HIGH, [0] * 6, **more))
    found = {one.check for one in findings_of(make_context(), pairs, {}, "x")}
    assert not {"ece", "brier"} & found


def test_bits_per_byte_pools_documents(make_context: Any) -> None:
    more = {"metrics": ["bits_per_byte"], "arguments": [("text",)], "target": "text"}
    sides = []
    for nats in (8.0, 4.0):
        rows = samples(LOW, [0] * 6, **more)
        for number, row in enumerate(rows):
            row |= {"bits_per_byte": (-nats * (number + 1), 2), "filtered_resps": [-nats]}
        sides.append(rows)
    [pairs] = both(*sides)
    [found] = findings_of(make_context(), pairs, {"bits_per_byte": False}, "x")
    assert found.before == pytest.approx(8.0 * 21 / math.log(2) / 12)
    assert found.after == pytest.approx(found.before / 2)
    assert found.lower_is_better
    assert found.section == "language"


def test_a_metric_without_a_value_per_document_is_left_out(make_context: Any) -> None:
    more = {"metrics": ["bleu"], "bleu": ("reference", "answer"), "target": "x"}
    [pairs] = both(samples(LOW, [0] * 6, **more), samples(HIGH, [0] * 6, **more))
    assert not list(findings_of(make_context(), pairs, {}, "x"))
    assert next(iter(items(pairs)))["bleu_before"] is None


def test_different_documents_are_refused() -> None:
    with pytest.raises(PluginError, match="different documents of 'toy'"):
        list(both(samples(LOW, [0] * 6), samples(HIGH[:5], [0] * 5)))


def test_a_filter_of_any_name_has_its_items_kept(make_context: Any) -> None:
    context = make_context()
    sides = [
        {"samples": {"toy": [{**sample, "filter": "maj@8"} for sample in samples(rows, [0] * 6)]}}
        for rows in (LOW, HIGH)
    ]
    [pairs] = pairs_of(*sides)
    context.save_items("lm-eval", pairs.on, items(pairs))
    assert [path.name for path in (context.out / "items").iterdir()] == [
        "lm-eval-toy-maj_8.parquet"
    ]


def test_items_are_kept_by_document(make_context: Any) -> None:
    context = make_context()
    [pairs] = both(samples(LOW, [0] * 6), samples(HIGH, [0] * 6))
    context.save_items("lm-eval", pairs.on, items(pairs))
    rows = pq.read_table(context.out / "items" / "lm-eval-toy.parquet").to_pylist()
    assert [row["doc_id"] for row in rows] == list(range(6))
    assert rows[0]["loglikelihood_before"] == [-4.0, -2.0]
    assert (rows[0]["acc_before"], rows[0]["acc_after"]) == (0.0, 1.0)


def test_what_other_calls_measured_stays_and_is_judged_together(make_context, tmp_path) -> None:
    run, context = open_run(finished_run(tmp_path / "run")), make_context()
    for name in ("one", "two", "one"):
        [pairs] = both(samples(LOW, [0] * 6), samples(HIGH, [0] * 6), name)
        found = list(findings_of(context, pairs, {}, "x"))
        keep(run, found, [{"on": name, "side": "after"}], limit=6)
    told = read_json(run.path / "lm-eval.json")
    assert sorted({row["on"] for row in told["findings"]}) == ["one", "two"]
    assert len(told["findings"]) == 8
    assert len(told["reliability"]) == 2
    assert all(row["p_holm"] >= row["p"] for row in told["findings"])
    assert told["limits"] == {"one": 6, "two": 6}
    for damaged in ("[", "[]", {**told, "findings": [{"on": "x"}]}, {**told, "reliability": 5}):
        text = damaged if isinstance(damaged, str) else json.dumps(damaged)
        (run.path / "lm-eval.json").write_text(text, encoding="utf-8")
        assert len(keep(run, found, [], None)) == 4


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_a_metric_without_a_finite_value_is_no_finding(make_context: Any, value: float) -> None:
    old, new = samples(LOW, [0] * 6), samples(HIGH, [0] * 6)
    new[2] = {**new[2], "acc": value}
    [pairs] = both(old, new)
    assert "acc" not in {found.check for found in findings_of(make_context(), pairs, {}, "x")}


def test_an_unknown_task_suggests_the_nearest() -> None:
    from locale_tune.api import PlanError

    with pytest.raises(PlanError, match="no task 'rm_questons'") as caught:
        known(["rm_questons"], ["belebele"], {"rm_questions": Path("x")})
    assert "rm_questions" in caught.value.remedy


def test_without_lm_eval_or_tasks_the_command_says_what_to_do(monkeypatch, tmp_path) -> None:
    from locale_tune_assess import lm_eval_run

    assert CliRunner().invoke(command, [str(tmp_path)]).exit_code == 2
    monkeypatch.setattr(lm_eval_run, "find_spec", lambda name: None)
    done = CliRunner().invoke(command, [str(tmp_path), "--lm-eval", "toy"])
    assert isinstance(done.exception, lm_eval_run.NoHarness)
    assert "pip install" in done.exception.remedy
