"""lm-evaluation-harness and `assess` on the same items: the same log-likelihoods, item by item.

Three things are not the same by design. lm-eval moves the line break after a question into what
it scores. It puts a beginning-of-text token before a question only where the tokenizer does so by
itself; and before running text it then puts two of them, and scores the second.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from finished_support import finished_run

from locale_tune.api import Locale, Record, StageFailed, read_json, write_records
from locale_tune_assess.context import Context
from locale_tune_assess.lm_eval_command import command
from locale_tune_assess.lm_eval_findings import answers as theirs
from locale_tune_assess.lm_eval_findings import findings_of, pairs_of
from locale_tune_assess.lm_eval_tasks import write_items
from locale_tune_assess.questions import answers, parts_of, shuffled
from locale_tune_assess.settings import AssessSettings

pytest.importorskip(
    "lm_eval", reason="lm-eval is not installed: pip install 'locale-tune[eval]' to compare with it"
)
pytestmark = pytest.mark.filterwarnings("ignore")  # of lm-eval and of what it imports

TASKS = Path(__file__).parents[3] / "languages" / "rm" / "locale_tune_rm" / "tasks"
ROMANSH = Locale(
    id="rm", tag="rm", script="Latn", name="Romansh", endonym="Rumantsch", direction="ltr"
)
OPTIONS = ("il lai", "la chasa gronda", "nus chantain", "la funtauna è frestga")


def record(number: int, **meta: str) -> Record:
    return Record(
        id=f"q{number}",
        source="own",
        lang="rm",
        question=f"Tge è quai, numer {number}?",
        choices=OPTIONS[number % 4 :] + OPTIONS[: number % 4],
        answer=number % 3,
        meta=meta,
    )


PLAIN = [record(number) for number in range(12)]
CLOZE = [record(number, format="cloze") for number in range(12, 20)]
TEXTS = [
    Record(id=f"t{number}", source="own", lang="rm", text=f"Il lai è blau. {'Bun di! ' * number}")
    for number in range(1, 6)
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, save_model: Any) -> Path:
    """A tiny model whose tokenizer adds nothing to a text."""
    path: Path = save_model(tmp_path_factory.mktemp("lm-eval") / "plain", seed=3)
    return path


@pytest.fixture(scope="module")
def folder(plain: Path) -> Path:
    """The same model, whose tokenizer itself begins every text with its beginning-of-text token."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    path = plain.with_name("model")
    shutil.copytree(plain, path)
    tokenizer = AutoTokenizer.from_pretrained(path)
    bos = tokenizer.bos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, tokenizer.bos_token_id)]
    )
    tokenizer.save_pretrained(path)
    assert AutoTokenizer.from_pretrained(path)("il lai")["input_ids"][0] == tokenizer.bos_token_id
    return path


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    root = tmp_path_factory.mktemp("items")
    write_records(root / "corpus" / "questions", [*PLAIN, *CLOZE])
    write_records(root / "corpus" / "heldout", TEXTS)
    nobody: Any = None
    found = Context(ROMANSH, AssessSettings(), 0, root / "corpus", root, nobody, nobody)
    write_items(found, root / "data")
    return found


@pytest.fixture(scope="module")
def evaluate(context: Context) -> Iterator[Callable[..., Mapping[str, Any]]]:
    """Return a function that runs tasks on a model folder, offline, in a cache of its own."""
    kept = {**os.environ}
    from locale_tune_assess import lm_eval_run

    os.environ["HF_DATASETS_CACHE"] = str(context.out / "cache")
    lm_eval_run.prepare(download=False)
    manager = lm_eval_run.task_manager([], builtin=False)

    def run(folder: Path, *tasks: Mapping[str, Any]) -> Mapping[str, Any]:
        with lm_eval_run.into_log(context.out / "lm-eval.log"):
            return lm_eval_run.run_tasks(folder, tasks, manager, AssessSettings(), "cpu", 0, None)

    yield run
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(scope="module")
def results(evaluate: Any, folder: Path, context: Context) -> Mapping[str, Any]:
    tasks = choice_task("questions", "\n", context), choice_task("cloze", " ", context)
    found: Mapping[str, Any] = evaluate(folder, *tasks, text_task(context))
    return found


def text_task(context: Context) -> dict[str, Any]:
    return {
        **data_of("heldout", context),
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{text}}",
        "metric_list": [{"metric": "bits_per_byte"}],
    }


def data_of(name: str, context: Context) -> dict[str, Any]:
    place = str(context.out / "data" / f"{name}-rm.jsonl")
    return {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": place}},
        "test_split": "test",
    }


def choice_task(name: str, delimiter: str, context: Context) -> dict[str, Any]:
    return {
        **data_of(name, context),
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "target_delimiter": delimiter,
        "metric_list": [
            {"metric": name, "aggregation": "mean", "higher_is_better": True}
            for name in ("acc", "acc_norm")
        ],
    }


def by_id(results: Mapping[str, Any], task: str) -> dict[str, Any]:
    return {sample["doc"]["id"]: sample for sample in results["samples"][task]}


def loglikelihoods(sample: Mapping[str, Any]) -> list[float]:
    return [value for value, _ in sample["filtered_resps"]]


def test_cloze_questions_have_the_same_loglikelihoods_and_answers(
    results: Mapping[str, Any], folder: Path, open_model: Any
) -> None:
    found = by_id(results, "cloze")
    questions = [shuffled(one, 0) for one in CLOZE]
    prompts, choices = zip(*map(parts_of, questions), strict=True)
    ours = open_model(folder).choice_logprobs(prompts, choices)
    assert len(found) == len(questions)
    for question, values in zip(questions, ours, strict=True):
        np.testing.assert_allclose(loglikelihoods(found[question.id]), values, atol=1e-3)
    right = answers(questions, ours).correct
    assert [found[q.id]["acc_norm"] for q in questions] == right.tolist()


def test_plain_questions_differ_by_the_line_break_alone(
    results: Mapping[str, Any], folder: Path, open_model: Any
) -> None:
    found = by_id(results, "questions")
    questions = [shuffled(one, 0) for one in PLAIN]
    prompts, choices = zip(*map(parts_of, questions), strict=True)
    model = open_model(folder)
    ours = model.choice_logprobs(prompts, choices)
    breaks = model.choice_logprobs([q.question for q in questions], [["\n"]] * len(questions))
    right = answers(questions, ours)
    for row, (question, values, [line]) in enumerate(zip(questions, ours, breaks, strict=True)):
        theirs_ = np.array(loglikelihoods(found[question.id]))
        np.testing.assert_allclose(theirs_ - line, values, atol=1e-3)
        lengths = np.array([len(choice) for choice in question.choices])
        assert ((theirs_ - line) / lengths).argmax() == right.scores[row].argmax()


def test_the_scores_behind_calibration_are_ours(results, folder: Path, open_model: Any) -> None:
    questions = [shuffled(one, 0) for one in CLOZE]
    prompts, choices = zip(*map(parts_of, questions), strict=True)
    ours = answers(questions, open_model(folder).choice_logprobs(prompts, choices))
    found = by_id(results, "cloze")
    other = theirs([found[question.id] for question in questions])
    assert other is not None
    np.testing.assert_allclose(other.probabilities, ours.probabilities, atol=1e-4)
    assert other.right.tolist() == ours.right.tolist()


def test_held_out_text_has_the_same_bits(evaluate, plain, folder, context, open_model) -> None:
    ours = open_model(plain).nll([text.text for text in TEXTS])
    once, twice = (by_id(evaluate(path, text_task(context)), "heldout") for path in (plain, folder))
    for text, (nats, size) in zip(TEXTS, ours, strict=True):
        loglikelihood, their_size = once[text.id]["bits_per_byte"]
        assert (-loglikelihood, their_size) == (pytest.approx(nats, abs=1e-3), size)
        assert -twice[text.id]["bits_per_byte"][0] > nats + 0.1  # it scored the second token


def test_a_model_against_itself_changes_nothing(results, context: Context) -> None:
    for pairs in pairs_of(results, results):
        higher = results["higher_is_better"][pairs.task]
        found = list(findings_of(context, pairs, higher, results["lm_eval_version"]))
        assert {one.change for one in found} == {0.0}
        assert json.dumps([one.model_dump(mode="json") for one in found])


def test_the_command_runs_a_packs_task_on_both_models(
    evaluate, plain, save_model, context, tmp_path
) -> None:
    other = save_model(tmp_path / "other", seed=5)
    made = {"base": plain, "tune": other, "collect": context.corpus}
    run = finished_run(tmp_path / "run", folders=made)
    shutil.copytree(TASKS, run / "pack" / "tasks")
    arguments = [str(run), "--lm-eval", "rm_questions", "rm_heldout", "--limit", "6"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "rm_questions, acc_norm" in done.output
    told = read_json(run / "lm-eval.json")
    found = {(one["check"], one["on"]): one for one in told["findings"]}
    assert set(found) == {
        ("acc", "rm_questions"),
        ("acc_norm", "rm_questions"),
        ("ece", "rm_questions"),
        ("brier", "rm_questions"),
        ("overconfidence", "rm_questions"),
        ("bits_per_byte", "rm_heldout"),
    }
    assert found["bits_per_byte", "rm_heldout"]["change"] != 0
    assert "the first 6 documents only" in found["acc", "rm_questions"]["note"]
    rows = pq.read_table(run / "lm-eval" / "items" / "lm-eval-rm_questions.parquet").to_pylist()
    assert len(rows) == 6
    assert (run / "logs" / "lm-eval.log").is_file()


def test_a_task_that_cannot_run_is_told_in_a_sentence(evaluate, plain, context) -> None:
    missing = {**text_task(context), "test_split": "nowhere"}
    with pytest.raises(StageFailed, match="lm-eval cannot run"):
        evaluate(plain, missing)
    hub = {**text_task(context), "dataset_path": "nobody/nothing", "dataset_kwargs": {}}
    with pytest.raises(StageFailed, match="lm-eval cannot run"):
        evaluate(plain, hub)  # offline


def test_a_model_that_cannot_be_opened_is_told_in_a_sentence(evaluate, context, tmp_path) -> None:
    with pytest.raises(StageFailed, match="lm-eval cannot run"):
        evaluate(tmp_path, text_task(context))
