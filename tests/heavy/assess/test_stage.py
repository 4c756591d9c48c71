"""The stage from two models and a corpus to findings."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import locale_tune_assess
from locale_tune.api import (
    Artifact,
    Check,
    Finding,
    Job,
    LanguagePack,
    Locale,
    LocaleTuneError,
    Machine,
    PluginError,
    Record,
    StageFailed,
    Stopped,
    write_records,
)
from locale_tune.offers import Parts
from locale_tune_assess.settings import AssessSettings
from locale_tune_assess.stage import run

ROMANSH = Locale(
    id="rm", tag="rm", script="Latn", name="Romansh", endonym="rumantsch", direction="ltr"
)
OFFERED = {check.name: check for check in locale_tune_assess.locale_tune_checks()}
FIRST = ("bits_per_byte", "chrf", "fertility", "multiple_choice", "samples", "sycophancy")
CHECKS = {name: OFFERED[name] for name in FIRST}  # enough to see what the stage does
OF_QUESTIONS = ("accuracy", "ece", "brier", "overconfidence")
KEYS = {"findings", "reliability", "tokenizer", "samples", "sycophancy"}
PRESSED = ("accuracy_in_chat", "truth_decay", "leading_drop", "flips")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")

    def docs(lang: str, text: str) -> list[Record]:
        return [
            Record(id=f"{lang}{i}", source="own", lang=lang, text=f"{text} {i}") for i in range(8)
        ]

    write_records(root / "heldout", docs("rm", "il lai è blau"))
    write_records(root / "control", docs("en", "the lake is blue"))
    write_records(root / "text", docs("rm", "la chasa gronda " * 20))
    write_records(
        root / "questions",
        [
            Record(
                id=f"{lang}{i}",
                source="own",
                lang=lang,
                question=f"Tge è {i}?",
                choices=("il lai", "la chasa", "blau"),
                answer=i % 3,
                meta={"split": "test" if i % 2 else "dev"},
            )
            for lang in ("rm", "en")
            for i in range(24)
        ],
    )
    pairs = [
        Record(
            id=f"p{i}",
            source="own",
            lang="rm",
            text=f"il lai {i}",
            translation=f"the lake {i}",
            meta={"translation_lang": "en"},
        )
        for i in range(6)
    ]
    write_records(root / "parallel", pairs)
    return root


@pytest.fixture
def make_job(tmp_path: Path, folders: dict[str, Path], corpus: Path) -> Callable[..., Job]:
    """Return a maker: job(after="other", checks=..., **settings)."""

    def make(
        after: str = "other",
        checks: dict[str, Check] | None = None,
        out: str = "out",
        heard: list[Any] | None = None,
        chosen: tuple[str, ...] = (),
        **settings: Any,
    ) -> Job:
        (tmp_path / out).mkdir()
        (tmp_path / "work").mkdir(exist_ok=True)

        def progress(done: float, total: float, note: str = "") -> None:
            if heard is not None:
                heard.append((done, total, note))

        inputs = {"base": folders["base"], "model": folders[after], "corpus": corpus}
        return Job(
            pack=LanguagePack(
                locale=ROMANSH, base_model="", stages=(), prompts=("Co vai?",), root=tmp_path
            ),
            parts=Parts(checks=checks or CHECKS),
            settings=AssessSettings(max_new_tokens=4, resamples=200, checks=chosen, **settings),
            inputs={kind: Artifact(kind, path, kind) for kind, path in inputs.items()},
            seed=0,
            fingerprint="0",
            out=tmp_path / out,
            work=tmp_path / "work",
            machine=Machine(threads=1),
            progress=progress,
        )

    return make


def test_a_run_writes_the_contract(make_job: Callable[..., Job]) -> None:
    job = make_job()
    facts = run(job)
    written = json.loads((job.out / "findings.json").read_text(encoding="utf-8"))
    assert set(written) == KEYS
    assert written["findings"] == facts["findings"]
    findings = [Finding.model_validate(finding) for finding in written["findings"]]
    # Checks run in the order of their names.
    assert [(finding.check, finding.on) for finding in findings] == [
        ("bits_per_byte", "rm"),
        ("bits_per_byte", "en"),
        ("chrf", "rm"),
        ("chrf", "en"),
        ("tokens_per_word", "rm"),
        ("bytes_per_token", "rm"),
        ("parity", "rm"),
        *[(check, on) for on in ("rm", "en") for check in OF_QUESTIONS],
        *[(check, on) for on in ("rm", "en") for check in PRESSED],
    ]
    assert facts["summary"]["bits_per_byte/rm"] == [findings[0].before, findings[0].after]
    assert facts["without_items"] == []
    diagrams = [(row["on"], row["side"], len(row["bins"])) for row in written["reliability"]]
    assert diagrams == [
        (on, side, 15)
        for on in ("Romansh questions", "English questions")
        for side in ("before", "after")
    ]
    assert [sample["prompt"] for sample in written["samples"]] == ["Co vai?"]
    assert len(written["tokenizer"]["rows"]) == 4


def test_per_item_results_are_kept_for_every_check(make_job: Callable[..., Job]) -> None:
    job = make_job()
    run(job)
    names = sorted(file.stem for file in (job.out / "items").iterdir())
    assert names == [
        "bits_per_byte-en",
        "bits_per_byte-rm",
        "chrf-en",
        "chrf-rm",
        "fertility-rm",
        "multiple_choice-en",
        "multiple_choice-rm",
        "samples-rm",
        "sycophancy-en",
        "sycophancy-rm",
    ]
    rows = pq.read_table(job.out / "items" / "bits_per_byte-rm.parquet").to_pylist()
    bits = sum(row["nats_after"] for row in rows) / 0.6931471805599453
    (finding,) = [f for f in run_again(job) if (f["check"], f["on"]) == ("bits_per_byte", "rm")]
    assert finding["after"] == pytest.approx(bits / sum(row["bytes"] for row in rows))


def run_again(job: Job) -> Any:
    return json.loads((job.out / "findings.json").read_text(encoding="utf-8"))["findings"]


def test_all_offered_checks_run_on_real_models(make_job: Callable[..., Job]) -> None:
    job = make_job(checks=OFFERED, arithmetic=8, instructions=8, draws=2, draw_tokens=4)
    found = {finding["check"]: finding for finding in run(job)["findings"]}
    assert {"entropy", "distinct_2", "memorised", "leaked_tokens", "unfinished", "tax"} <= set(
        found
    )
    assert found["entropy"]["before"] > 0
    assert found["memorised"]["n"] == 8
    # English questions, sums and instructions in English; the language itself is no task.
    assert found["tax"]["n"] == 12 + 8 + 8
    written = json.loads((job.out / "findings.json").read_text(encoding="utf-8"))
    assert {"collapse", "tax", "memorised"} <= set(written)


def test_equal_models_change_nothing_at_all(make_job: Callable[..., Job]) -> None:
    for finding in run(make_job(after="base"))["findings"]:
        assert finding["change"] == 0.0
        assert finding["interval"] in ([0.0, 0.0], None)
        assert finding["verdict"] in ("no clear change", "measured")


def test_the_base_is_asked_once_whatever_it_is_compared_with(
    make_job: Callable[..., Job], folders: dict[str, Path]
) -> None:
    chosen, heard = ("multiple_choice", "samples"), []
    first = make_job(chosen=chosen)
    found = run(first)["findings"]
    (first.work / "checks").rename(first.work / "done")
    second = make_job(after="uniform", chosen=chosen, out="second", heard=heard)
    again = run(replace(second, work=first.work.with_name("work-2")))["findings"]
    assert [f["before"] for f in again] == [f["before"] for f in found]
    assert [f["after"] for f in again] != [f["after"] for f in found]
    assert not [note for _, _, note in heard if "before" in note]
    assert [note for _, _, note in heard if "after: loading" in note]


def test_guards_compare_with_the_model_before_align(
    make_job: Callable[..., Job], folders: dict[str, Path]
) -> None:
    guards = ("multiple_choice", "tax")
    job = make_job(checks=OFFERED, chosen=("bits_per_byte", *guards), guards=guards, arithmetic=8)
    tuned = {"tuned": Artifact("model", folders["uniform"], "uniform", "tune")}
    told = run(replace(job, inputs={**job.inputs, **tuned}))["findings"]
    found = {(finding["check"], finding["on"]): finding for finding in told}
    checks = {finding["check"]: finding for finding in told}
    assert {f"align.{name}" for name in ("accuracy", "ece", "tax", "arithmetic")} <= set(checks)
    assert "align.bits_per_byte" not in checks
    for on in ("rm", "en"):
        guard, whole = found["align.brier", on], found["brier", on]
        assert guard["after"] == whole["after"]
        assert guard["before"] != whole["before"]
        assert (guard["section"], whole["section"]) == ("align", "calibration")
        assert guard["label"].endswith(", since align")
    kept = pq.read_table(job.out / "items" / "align.multiple_choice-rm.parquet").to_pylist()
    whole = pq.read_table(job.out / "items" / "multiple_choice-rm.parquet").to_pylist()
    assert [row["after"] for row in kept] == [row["after"] for row in whole]
    assert [row["before"] for row in kept] != [row["before"] for row in whole]
    # Both asked the same; a guard reads the questions of its own pass, not those of the base.
    assert checks["align.tax"]["n"] == checks["tax"]["n"]
    assert checks["align.tax"]["change"] != checks["tax"]["change"]


def test_where_align_starts_from_the_base_the_base_is_not_loaded_twice(
    make_job: Callable[..., Job],
) -> None:
    heard: list[Any] = []
    chosen = ("multiple_choice",)
    job = make_job(chosen=chosen, guards=chosen, heard=heard)
    tuned = {"tuned": job.inputs["base"]}
    found = run(replace(job, inputs={**job.inputs, **tuned}))["findings"]
    assert not [note for _, _, note in heard if "tuned" in note]
    by_name = {(f["check"], f["on"]): f for f in found}
    assert by_name["align.ece", "rm"]["before"] == by_name["ece", "rm"]["before"]


def test_a_guard_that_found_nothing_is_told(make_job: Callable[..., Job]) -> None:
    """It was left out of the checks (`tax`), or it has nothing to measure (as `samples` never)."""
    guards = ("multiple_choice", "samples", "tax")
    job = make_job(checks=OFFERED, chosen=guards[:2], guards=guards)
    assert "unguarded" not in run(job), "without align there is nothing to guard"
    (job.work / "again").mkdir()
    tuned = {**job.inputs, "tuned": job.inputs["base"]}
    facts = run(replace(job, inputs=tuned, out=job.work / "again"))
    assert facts["unguarded"] == ["samples", "tax"]
    assert facts["line"].endswith("; nothing guards align by samples, tax")


def test_an_unknown_guard_is_told(make_job: Callable[..., Job]) -> None:
    job = make_job(chosen=("fertility",), guards=("preference",))
    run(job)  # a plan without align has no guards
    again = replace(job, inputs={**job.inputs, "tuned": job.inputs["base"]})
    with pytest.raises(LocaleTuneError, match=r"settings assess\.guards"):
        run(again)


def test_large_models_in_turn_give_the_same_bytes(make_job: Callable[..., Job]) -> None:
    together, in_turn = make_job(), make_job(out="turns", keep_both_below=0)
    run(together)
    (together.work / "checks").rename(together.work / "done")
    run(in_turn)
    one, other = ((job.out / "findings.json").read_bytes() for job in (together, in_turn))
    assert one == other


def test_a_model_that_knows_nothing_is_worse_than_nothing_else(
    make_job: Callable[..., Job], folders: dict[str, Path]
) -> None:
    job = make_job(after="uniform", checks={"bits_per_byte": CHECKS["bits_per_byte"]})
    finding = run(job)["findings"][0]
    rows = pq.read_table(job.out / "items" / "bits_per_byte-rm.parquet").to_pylist()
    assert finding["after"] != finding["before"]
    # The random base is surer of wrong tokens than a uniform model, so knowing nothing is better.
    assert all(row["nats_after"] < row["nats_before"] for row in rows)
    assert finding["verdict"] == "better"


def test_the_settings_choose_checks_and_their_order(make_job: Callable[..., Job]) -> None:
    job = make_job(chosen=("samples", "fertility"))
    assert {finding["on"] for finding in run(job)["findings"]} == {"rm"}
    names = sorted(file.stem for file in (job.out / "items").iterdir())
    assert names == ["fertility-rm", "samples-rm"]


def test_an_unknown_check_is_told_with_the_nearest_name(make_job: Callable[..., Job]) -> None:
    with pytest.raises(LocaleTuneError, match="no check is called 'chr'") as caught:
        run(make_job(chosen=("chr",)))
    assert "chrf" in caught.value.remedy


def test_a_check_of_a_pack_runs_beside_ours(make_job: Callable[..., Job]) -> None:
    def length(context: Any) -> Any:
        before, after = context.both(lambda m: [float(len(a)) for a in m.generate(["x"] * 6)])
        context.shown["samples"] = [{"prompt": "x"}]
        yield context.compare("length", context.locale.tag, "Length of answers", before, after)

    checks = {"length": Check("length", length), "samples": CHECKS["samples"]}
    job = make_job(checks=checks)
    assert [finding["check"] for finding in run(job)["findings"]] == ["length"]
    written = json.loads((job.out / "findings.json").read_text(encoding="utf-8"))
    assert [sample["prompt"] for sample in written["samples"]] == ["x", "Co vai?"]


def test_a_check_that_fails_is_named(make_job: Callable[..., Job]) -> None:
    def broken(context: Any) -> Any:
        yield from ()
        raise KeyError("lai")

    with pytest.raises(StageFailed, match="the check 'broken' failed: KeyError") as caught:
        run(make_job(checks={"broken": Check("broken", broken)}))
    assert "assess.checks" in caught.value.remedy


def test_a_check_must_have_a_plain_name(make_job: Callable[..., Job]) -> None:
    with pytest.raises(PluginError, match="no name for a check"):
        run(make_job(checks={"../x": Check("../x", CHECKS["samples"].measure)}))


def test_a_stopped_run_goes_on_with_the_next_check(make_job: Callable[..., Job]) -> None:
    ran: list[str] = []

    def note(name: str, then: Callable[[], None] = lambda: None) -> Check:
        def measure(context: Any) -> Any:
            ran.append(name)
            then()
            yield context.compare(name, "rm", name, [1.0] * 6, [2.0] * 6)

        return Check(name, measure)

    def terminate() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped):
        run(make_job(checks={"a": note("a"), "b": note("b", terminate)}))
    assert signal.getsignal(signal.SIGTERM) is handler
    facts = run(make_job(checks={"a": note("a"), "b": note("b")}, out="second"))
    assert ran == ["a", "b", "b"]
    assert [finding["check"] for finding in facts["findings"]] == ["a", "b"]


def test_a_stopped_run_ends_in_the_same_bytes(make_job: Callable[..., Job], tmp_path: Path) -> None:
    checks = {name: OFFERED[name] for name in ("culture", "multiple_choice", "samples", "tax")}

    def stopped(context: Any) -> Any:
        yield from checks["multiple_choice"].measure(context)
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped):
        run(make_job(checks={**checks, "multiple_choice": Check("multiple_choice", stopped)}))
    run(resumed := make_job(checks=checks, out="resumed"))
    (tmp_path / "work").rename(tmp_path / "earlier work")
    run(whole := make_job(checks=checks, out="whole"))
    files = sorted(file.relative_to(whole.out) for file in whole.out.rglob("*") if file.is_file())
    assert len(files) > 4
    for file in files:
        assert (resumed.out / file).read_bytes() == (whole.out / file).read_bytes(), file


def test_progress_counts_checks(make_job: Callable[..., Job]) -> None:
    heard: list[Any] = []
    run(make_job(checks={name: CHECKS[name] for name in ("chrf", "samples")}, heard=heard))
    assert heard[0] == (0, 2, "chrf: before: loading")
    assert heard[-1] == (2, 2, "")
    assert [done for done, _, _ in heard] == sorted(done for done, _, _ in heard)
