"""The context: drawn items, both models, verdicts, per-item results."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from locale_tune.api import Check, Finding, NotFinite, PluginError
from locale_tune_assess.context import judged, verdict


def test_without_a_limit_all_records_come_in_order(make_context, doc) -> None:
    context = make_context(heldout=[doc(str(i), f"text {i}") for i in range(7)])
    assert [record.id for record in context.items("heldout")] == list("0123456")
    assert context.items("control") == []


def test_a_limit_holds_per_language_and_split(make_context, doc) -> None:
    documents = [doc(f"{lang}{i}", "text", lang) for i in range(20) for lang in ("en", "de")]
    documents += [doc(f"dev{i}", "text", "en", split="dev") for i in range(3)]
    drawn = make_context(control=documents).items("control", 5)
    kinds = [(record.lang, record.meta.get("split")) for record in drawn]
    counts = [kinds.count(kind) for kind in (("en", None), ("de", None), ("en", "dev"))]
    assert counts == [5, 5, 3]
    places = [documents.index(record) for record in drawn]
    assert places == sorted(places)


def test_a_draw_depends_on_the_seed_and_the_ids_only(make_context, doc) -> None:
    documents = [doc(str(i), "text") for i in range(50)]
    context = make_context(heldout=documents, control=documents[::-1])
    first = {record.id for record in context.items("heldout", 10)}
    assert {record.id for record in context.items("control", 10)} == first
    context.seed = 1
    assert {record.id for record in context.items("heldout", 10)} != first


def test_a_smaller_draw_is_part_of_a_larger_one(make_context, doc) -> None:
    context = make_context(heldout=[doc(str(i), "text") for i in range(50)])
    small, large = ({r.id for r in context.items("heldout", n)} for n in (5, 20))
    assert small < large


def test_the_model_in_memory_goes_first(make_context) -> None:
    context = make_context()
    order: list[str] = []

    def visit(model):
        order.append(model.side)
        context.before.loaded = model is context.before
        context.after.loaded = model is context.after
        return model.side

    assert context.both(visit) == ("before", "after")
    assert context.both(visit) == ("before", "after")
    assert order == ["before", "after", "after", "before"]


@pytest.mark.parametrize(
    ("interval", "lower_is_better", "expected"),
    [
        ((0.1, 0.2), False, "better"),
        ((0.1, 0.2), True, "worse"),
        ((-0.2, -0.1), False, "worse"),
        ((-0.2, -0.1), True, "better"),
        ((-0.1, 0.1), False, "no clear change"),
        ((0.0, 0.0), True, "no clear change"),
        ((0.0, 0.3), False, "no clear change"),
        (None, False, "measured"),
    ],
)
def test_verdict(interval, lower_is_better: bool, expected: str) -> None:
    assert verdict(interval, lower_is_better) == expected


def test_compare_makes_a_finding_of_per_item_values(make_context) -> None:
    finding = make_context().compare(
        "greets", "roh", "Greetings", [0.0] * 10, [1.0] * 10, unit="share", note="by hand"
    )
    assert (finding.before, finding.after, finding.change) == (0.0, 1.0, 1.0)
    assert (finding.interval, finding.n, finding.verdict) == ((1.0, 1.0), 10, "better")
    assert (finding.unit, finding.note) == ("share", "by hand")


def test_equal_values_are_no_clear_change(make_context) -> None:
    finding = make_context().compare("x", "roh", "X", [0.5, 1, 2, 3, 4], [0.5, 1, 2, 3, 4])
    assert (finding.change, finding.interval) == (0.0, (0.0, 0.0))
    assert finding.verdict == "no clear change"


def test_compare_refuses_unequal_or_no_items(make_context) -> None:
    context = make_context()
    with pytest.raises(PluginError, match="2 items before with 1 after"):
        context.compare("x", "roh", "X", [1.0, 2.0], [1.0])
    with pytest.raises(PluginError, match="0 items"):
        context.compare("x", "roh", "X", [], [])


def test_a_number_that_is_not_finite_is_no_finding(make_context) -> None:
    with pytest.raises(NotFinite, match="'x' on roh"):
        make_context().compare("x", "roh", "X", [1.0] * 6, [1.0] * 5 + [float("nan")])


def test_per_item_results_are_kept(make_context) -> None:
    context = make_context()
    context.save_items("greets", "roh", [{"id": "a", "before": 0.5, "text": "Allegra"}])
    rows = pq.read_table(context.out / "items" / "greets-roh.parquet").to_pylist()
    assert rows == [{"id": "a", "before": 0.5, "text": "Allegra"}]


def test_a_result_cannot_leave_its_folder(make_context) -> None:
    with pytest.raises(PluginError, match="no file name"):
        make_context().save_items("greets", "../../x", [{"id": "a"}])


def test_a_pack_writes_a_check_in_ten_lines(make_context, fake) -> None:
    def greets_back(context):
        prompts = ["Bun di!", "Allegra!", "Ciao!", "Salids!", "Bainvegni!"]

        def score(model):
            return [float("allegra" in reply.lower()) for reply in model.generate(prompts)]

        before, after = context.both(score)
        yield context.compare("greets_back", context.locale.tag, "Greetings", before, after)

    check = Check("greets_back", measure=greets_back)
    context = make_context(fake("before", likes="Hello"), fake("after", likes="Allegra"))
    (finding,) = check.measure(context)
    assert (finding.before, finding.after, finding.verdict) == (0.0, 1.0, "better")


def finding(p: float | None, change: float = 1.0, lower: bool = False) -> Finding:
    return Finding(
        check="c",
        on="rm",
        label="",
        before=0,
        after=change,
        change=change,
        n=9,
        p=p,
        lower_is_better=lower,
    )


def test_verdicts_of_a_family() -> None:
    # 0.03 alone would be clear; two of them beside two others are not.
    found = judged([finding(0.03), finding(0.03, -1), finding(0.01, -1), finding(0.001, -1, True)])
    words = [one.verdict for one in found]
    assert words == ["no clear change", "no clear change", "worse", "better"]
    assert [one.p_holm for one in found] == pytest.approx([0.06, 0.06, 0.03, 0.004])


def test_what_align_changed_is_a_family_of_its_own() -> None:
    guards = [one.model_copy(update={"section": "align"}) for one in (finding(0.02), finding(0.04))]
    found = judged([guards[0], finding(0.03, -1), guards[1]])
    assert [one.p_holm for one in found] == pytest.approx([0.04, 0.03, 0.04])


def test_a_finding_without_a_test_is_only_measured() -> None:
    alone, tested = judged([finding(None), finding(0.04)])
    assert (alone.verdict, alone.p_holm) == ("measured", None)
    assert (tested.verdict, tested.p_holm) == ("better", 0.04)
