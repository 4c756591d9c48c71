"""The labels of the report page: what a pack may write in its own language, in `[ui]`.

One stable id for each label, with its English text. A name in braces stands for what the page puts
there; a translation has the same names, in any order.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from locale_tune.errors import did_you_mean
from locale_tune.phrasing import slots_of

# Embeddings, overrides, isolates and their ends (UAX 9).
EMBEDDINGS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")

ENGLISH: dict[str, str] = {
    # The head of the page.
    "report": "Build report",
    "lead": "{n} numbers measured: {better} better, {worse} worse, {unclear} with no clear "
    "change, {measured} without an interval.",
    "nothing-measured": "Nothing was measured.",
    "broken-bounds": "Broken bounds: {n}.",
    "broken-note": "The release is written, but the build counts as failed:",
    "bounds": "Bounds",
    "bounds-none": "none set",
    "bounds-broken": "{n} of {all} broken",
    "bounds-kept": "all {n} kept",
    "bounds-note": "limits that a good build keeps",
    "tokens-per-word": "Tokens per word",
    "tokens-note": "lower is better: cheaper, longer texts",
    "model-licence": "Licence of the model",
    "size": "Size",
    "size-note": "parameters, {bytes} of {dtypes}",
    "language-tag": "Language tag",
    "script": "script {script}",
    "rtl": "right to left",
    "ltr": "left to right",
    "model": "Model",
    "base-model": "Base model",
    "fingerprint": "Fingerprint",
    "pack-by": "Pack by",
    "make-again": "Make it again",
    "sections": "Sections",
    # Words that many parts use.
    "base": "Base",
    "localized": "Localized",
    "both": "Base and localized",
    "between": "{low} to {high}",
    "pair": "{one}, {two}",
    "part-of": "{part} of {all}",
    "not-measured": "not measured",
    "lower-better": "lower is better",
    "higher-better": "higher is better",
    "what": "What",
    "value": "Value",
    "measure": "Measure",
    "interval": "Interval",
    "items": "Items",
    # Before and after.
    "results": "Before and after",
    "results-note": "Base and localized model on the same items. Intervals are 95 % "
    "paired-bootstrap intervals of the change.",
    "verdict-interval": "A change counts as better or worse only when its interval leaves zero "
    "out.",
    "verdict-holm": "A change counts as better or worse only when it stays clear after Holm's "
    "correction over all the changes of this build that have an interval (those since preferences "
    "by themselves): with many measurements, a few seem clear by chance.",
    "results-table": "Results before and after",
    "read-as": "Read as",
    "change": "Change and interval",
    "better": "better",
    "worse": "worse",
    "unclear": "no clear change",
    "measured": "measured",
    "unit": "in {unit}",
    "check-on": "{check} on {on}",
    "bound-kept": "bound kept: {limit}",
    "bound-broken": "bound broken: {limit}",
    "no-interval": "no interval",
    "note": "note {n}",
    "change-picture": "Change with its interval, better to the right",
    "change-words": "Change {change}, interval {low} to {high}: {verdict}.",
    "what-worse": "What got worse",
    "worse-line": "{before} to {after}, a change of {change}",
    "none-worse": "Nothing measured here got clearly worse. That is no promise about what was not "
    "measured.",
    "no-results": "No check gave a number.",
    "section-language": "Language",
    "section-knowledge": "Knowledge",
    "section-calibration": "Honest confidence",
    "section-culture": "Culture",
    "section-retention": "What it must not lose",
    "section-generation": "Writing",
    "section-align": "What learning from preferences changed (compared with the model before it)",
    "section-tokenizer": "Tokenizer",
    "section-other": "More",
    # Reliability.
    "reliability": "Reliability",
    "reliability-note": "When the model is 80 % sure, is it right 8 times in 10? On the dotted "
    "diagonal it is; below, it is too sure of itself. ECE is the mean distance from that diagonal "
    "(lower is better). Thin vertical lines are 95 % intervals, dashed for the base.",
    "no-reliability": "No questions with known answers were measured, so there is no diagram.",
    "reliability-picture": "Reliability diagram: confidence against share right",
    "curve-words": "{side}: {n} answers, share right {accuracy}, ECE {ece}; confidence to share "
    "right: {points}.",
    "no-answers": "no answers",
    "axis-right": "share right",
    "axis-confidence": "confidence; bars: share of answers, highest {top}",
    "scores": "Scores of this group, with 95 % intervals",
    "score": "Score",
    "score-n": "answers",
    "score-accuracy": "share right",
    "score-confidence": "mean confidence",
    "score-overconfidence": "confidence minus share right",
    "score-ece": "ECE",
    "score-smooth_ece": "smooth ECE",
    "score-adaptive_ece": "ECE, bins of equal size",
    "score-rms": "root mean square gap",
    "score-mce": "largest gap",
    "score-brier": "Brier score",
    "score-nll": "negative log-likelihood",
    "score-temperature": "temperature, fitted on other questions (dev)",
    "score-ece_scaled": "ECE with that temperature",
    "score-nll_scaled": "negative log-likelihood with that temperature",
    "score-dev": "questions that fitted the temperature",
    "score-selective": "share right, surest {share}",
    "score-risk_area": "area under risk and coverage",
    "diagram-numbers": "The numbers of this diagram",
    "diagram-table": "Answers by confidence: count, mean confidence, share right, its interval",
    "confidence": "Confidence",
    "count": "count",
    "mean": "mean",
    "right": "right",
    # Tokenizer.
    "tokenizer": "Tokenizer",
    "cuts": "The same sentences, cut into pieces",
    "pieces-note": "Each coloured stretch is one piece of the model's reading, and neighbours "
    "differ: {a}, {b}. Where several pieces share a letter, or cut off its mark, the stretch is "
    "{torn_a} or {torn_b}, because letters are coloured only whole. The numbers count pieces.",
    "pieces-a": "one with a line below",
    "pieces-b": "the next without",
    "pieces-torn-a": "striped with ticks",
    "pieces-torn-b": "with a double line",
    "pieces": "pieces",
    "no-cuts": "No sentences were cut for comparison.",
    "fineness": "How finely the language is cut",
    "measure-fertility": "tokens per word",
    "measure-words": "tokens per word, words alone",
    "measure-floor": "pre-tokenizer floor",
    "measure-bytes": "bytes per token",
    "measure-parity": "tokens against English, same meaning",
    "new-tokens": "New tokens",
    "new-tokens-note": "The first of them, most frequent merges first:",
    # Varieties.
    "varieties": "Varieties",
    "varieties-note": "What a variety or language the answers were taken for. Rows are what was "
    "asked for, columns what came.",
    "varieties-before": "Base: what was asked for, and what came",
    "varieties-after": "Localized: what was asked for, and what came",
    "asked-for": "Asked for",
    # Side by side, and ratings.
    "samples": "Side by side",
    "samples-note": "The pack's own prompts in their own order, greedy answers, nothing picked "
    "afterwards.",
    "not-rated": "No native speaker has rated them on this page.",
    "prompt": "Prompt {n}",
    "empty-answer": "It ended without a word.",
    "no-samples": "The pack has no prompts, or none was answered.",
    "ratings": "What people said",
    "ratings-note": "People saw both answers without knowing which model wrote which. A prompt is "
    "won by the model that more of them chose; the share is of the prompts that one model won, "
    "with its 95 % binomial interval (Wilson).",
    "ratings-table": "Ratings",
    "ratings-n": "ratings",
    "ratings-raters": "people",
    "ratings-after": "localized better",
    "ratings-before": "base better",
    "ratings-tie": "both good",
    "ratings-both-bad": "both bad",
    "ratings-prompts": "prompts",
    "ratings-share": "prompts won by the localized model",
    # How answers vary.
    "collapse": "How much the answers vary",
    "collapse-note": "A model that has collapsed says the same again and again. Figures of base "
    "and localized model on the same prompts.",
    "collapse-table": "Variety of the answers",
    "ratio": "Localized by base",
    # What else was measured.
    "more": "More that was measured",
    "more-note": "Figures behind the findings, as the checks give them.",
    # Data and licences.
    "data": "Data and licences",
    "licence-asks": "{licence} is what the text asks of the model.",
    "base-not-counted": "The base model's own licence holds as well; it is not counted here "
    "(setting {setting}).",
    "prices": "What a milder licence would cost: each row also drops the sources of the rows above",
    "without": "Without",
    "sources": "Sources",
    "bytes-lost": "Bytes lost",
    "share-lost": "Of the trained bytes",
    "then": "The model then carries",
    "sources-table": "Sources, and what was left out",
    "source": "Source",
    "licence": "Licence",
    "use": "Use",
    "kept": "Kept of seen",
    "left-out": "Left out",
    "decides": "decides",
    "nothing": "nothing",
    "no-sources": "No source was read.",
    "role-text": "trained on",
    "role-replay": "trained on, against forgetting",
    "role-lessons": "trained on, as lessons",
    "role-questions": "measured with",
    "role-control": "measured with, as control",
    "role-parallel": "measured with, as pairs",
    "role-contrast": "measured with, as contrast",
    "role-prompts": "measured with, as prompts",
    "role-preferences": "trained on, as pairs of answers",
    "role-lexicon": "dictionary for new tokens",
    "origin-native": "native",
    "origin-translated": "translated",
    "origin-synthetic": "made by a machine or from templates",
    "told-apart": "Languages told apart by {filter}, on texts that the judging model did not learn "
    "from: rows are what a text is, columns what it was taken for",
    "text-in": "Text in",
    "right-share": "Right",
    "diversity": "The lessons before and after the choice; figures of diversity are higher for "
    "sets that differ more within",
    "before": "Before",
    "after": "After",
    "missing": "Sources that were not there",
    # Cost and training.
    "cost": "Cost",
    "cost-note": "What was planned, and what it took. Times are those of the last run of each "
    "step; a step that went on after a stop counts from there.",
    "cost-table": "Cost of each step",
    "step": "Step",
    "tokens-planned": "Tokens planned",
    "tokens-trained": "Tokens trained",
    "time-planned": "Time planned",
    "time-took": "Time taken",
    "memory": "Most memory",
    "all-steps": "all steps",
    "training": "How it was trained",
    "training-note": "Every step behind this release, oldest first. Same fingerprint, same result.",
    "makes": "makes {kind}",
    "by": "by {who}",
    "facts": "Facts and settings",
    "facts-of": "What came of {step}",
    "settings-of": "Settings of {step}",
    "more-facts": "More facts in report.json: {n}.",
    # The page for raters (`locale-tune rate`).
    "rate-title": "Which answer is better?",
    "rate-how": "You see a question and two answers, A and B, from two different programs. Read "
    "both and say which one is better in your language. Nobody can see here which program wrote "
    "which answer. There is no right or wrong choice, and you may leave questions out.",
    "rate-prompt": "Question",
    "rate-a": "Answer A",
    "rate-b": "Answer B",
    "rate-empty": "(no answer)",
    "rate-a-better": "A is better",
    "rate-b-better": "B is better",
    "rate-both-good": "both are good",
    "rate-both-bad": "both are bad",
    "rate-comment": "Comment, if you like",
    "rate-name": "Your name, if you like: it is not needed",
    "rate-save": "Save my answers",
    "rate-saved": "A small file was saved. Send it back to whoever gave you this page. If no file "
    "appeared, copy the text below and send that.",
    "rate-left": "Not answered yet:",
    "rate-paper": "This page also works on paper: print it, mark one circle for each question, and "
    "give it back.",
    "rate-number": "Page",
    # The end of the page.
    "raw": "Everything as data",
    "raw-note": "The same numbers stand in {report}, and where every file comes from in "
    "{provenance}, beside this page.",
    "raw-show": "Show the raw JSON",
    "foot": "Written by locale-tune. One file, no script, no connection: it opens from a memory "
    "stick in ten years too.",
}


def missing(ui: Mapping[str, str]) -> list[str]:
    """Return the ids that a translation leaves out; their labels stay English."""
    return [name for name in ENGLISH if name not in ui]


def mistakes(ui: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (id, problem, remedy) for labels that are unknown, empty, or have other slots."""
    for name, text in ui.items():
        if name not in ENGLISH:
            near = did_you_mean(name, ENGLISH) or "docs/pack-format.md lists the labels"
            yield name, f"unknown label '{name}' in [ui]", near
        elif not isinstance(text, str) or not text.strip():
            yield name, f"the label '{name}' is {text!r}", "write it in quotes, or leave it out"
        elif steering := sorted({char for char in text if _steers(char)}):
            codes = ", ".join(f"U+{ord(char):04X}" for char in steering)
            problem = f"the label '{name}' holds control characters ({codes})"
            yield name, problem, "take them out: the page keeps directions apart by itself"
        elif wrong := _wrong_slots(name, text):
            yield name, f"the label '{name}': {wrong}", f"its English is: {ENGLISH[name]}"


def _steers(char: str) -> bool:
    """Whether a character would turn what stands around a label; marks and joiners do not."""
    if unicodedata.bidirectional(char) in EMBEDDINGS:
        return True
    return unicodedata.category(char) == "Cc" and char not in "\n\t"


def _wrong_slots(name: str, text: str) -> str:
    wanted = sorted(slots_of(ENGLISH[name]))
    try:
        found = sorted(slots_of(text))
    except ValueError as error:
        return str(error)
    names = ", ".join(f"{{{slot}}}" for slot in wanted) or "none"
    return "" if found == wanted else f"the names in braces must be {names}"
