"""Turn what a release says into what the page prints: words, formatted numbers, table rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from locale_tune.api import Section, labels, licences

from .corpora import untabled
from .facts import flatten, spaced
from .figures import between, decimals, number, percent, signed, size

VERDICTS = {
    "better": "better",
    "worse": "worse",
    "no clear change": "unclear",
    "measured": "measured",
}
SECTIONS = tuple(name or "other" for name in get_args(Section))
STEP_FACTS = 40
FIRST = 4


def finding_rows(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per finding: numbers in one precision, verdict, bounds and its small plot."""
    scale = _scales(said["findings"])
    return [
        {**_row(finding, said["bounds"], scale), "place": place}
        for place, finding in enumerate(said["findings"], start=1)
    ]


def grouped(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return (section, its rows) in the order of SECTIONS; rows of no known one come last."""
    found: dict[str, list[Mapping[str, Any]]] = {section: [] for section in SECTIONS}
    for row in rows:
        section = row.get("section")
        found[section if section in found else SECTIONS[-1]].append(row)
    return [(section, members) for section, members in found.items() if members]


def worse(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows whose verdict is worse."""
    return [row for row in finding_rows(said) if row["verdict"] == "worse"]


def step_views(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each step with its first facts as rows, and how many facts are only in the JSON."""
    views = []
    for step in said["steps"]:
        facts = untabled({k: v for k, v in step["facts"].items() if k != "line"})
        rows = [(spaced(name), text) for name, text in flatten(facts)]
        rest = max(0, len(rows) - STEP_FACTS)
        settings = [(spaced(name), text) for name, text in flatten(step["settings"])]
        line = step["facts"].get("line") or "; ".join(f"{k}: {v}" for k, v in rows[:FIRST])
        shown = {"rows": rows[:STEP_FACTS], "rest": rest, "choices": settings}
        views.append({**step, **shown, "line": str(line)})
    return views


def dtype(name: str) -> str:
    """Write a safetensors number type as frameworks call it."""
    return {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64"}.get(
        name, name
    )


def source_rows(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per source that is here: labels of its role, share kept, removals."""
    return [
        {
            **source,
            "use": _label(f"role-{source['role']}"),
            "made": _label(f"origin-{source['origin']}"),
            "size": size(source["bytes"] or 0),
            "share": percent(source["kept"], source["seen"]),
            "removed": [
                f"{number(count)} {reason} ({percent(count, source['seen'])})"
                for reason, count in sorted(
                    source["rejected"].items(), key=lambda pair: (-pair[1], pair[0])
                )
            ],
        }
        for source in said["sources"]
        if not source["missing"]
    ]


def _label(name: str) -> str:
    """Return a label's id, or "" for a role or origin that no label names."""
    return name if name in labels.ENGLISH else ""


def missing_sources(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sources the pack names and the build did not have."""
    return [source for source in said["sources"] if source["missing"]]


def licence_sentence(licence: Mapping[str, Any]) -> str:
    """Say in one sentence which licence the model carries and what forces it."""
    sources = licence["forced_by"]
    if not sources:
        return "No source was trained on, so no text forces a licence; it stays unknown."
    if licence["rank"] == licences.Rank.FREE:
        return f"{licence['spdx']} ({licence['asks']}): no source asks for more."
    which = f"{len(sources)} sources force" if len(sources) > 1 else "1 source forces"
    share = licence["share"]
    held = "" if share is None else f", with {percent(share, 1)} of the trained bytes"
    also = f" As strict, and to be kept as well: {', '.join(licence['also'])}."
    less = f" Without {'it' if len(sources) == 1 else 'them'}: {licence['without']}."
    return (
        f"{licence['spdx']} ({licence['asks']}): {which} it{held}: {', '.join(sources)}."
        + (also if licence["also"] else "")
        + (less if licence["without"] else "")
    )


def price_rows(licence: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return one row per licence the model could be rid of: its sources, what all so far cost."""
    return [
        {
            "licence": price["licence"],
            "sources": ", ".join(
                f"{name} ({size(held)})" for name, held in price["dropped"].items()
            ),
            "lost": size(price["lost"]),
            "share": "not known" if price["share"] is None else percent(price["share"], 1),
            "then": price["then"],
            "asks": price["asks"],
        }
        for price in licence["prices"]
    ]


def _row(finding: Mapping[str, Any], bounds: Sequence[Mapping[str, Any]], scale: Any) -> Any:
    before, after, change = finding["before"], finding["after"], finding["change"]
    digits = decimals(before, after)
    while change and digits < 4 and float(f"{change:.{digits}f}") == 0:
        digits += 1
    interval = finding["interval"]
    known = interval and None not in interval
    return {
        **finding,
        "before_text": number(before, digits),
        "after_text": number(after, digits),
        "change_text": signed(change, digits) if change is not None else "",
        "interval_text": between(interval, digits, sign=True) if known else "",
        "ends": [signed(end, digits) for end in interval] if known else [],
        "p_text": p_value(finding),
        "class": VERDICTS[finding["verdict"]],
        "limits": [b for b in bounds if _concerns(b, finding)],
        "plot": _plot(finding, scale[_group(finding)]) if known and change is not None else None,
    }


def p_value(finding: Mapping[str, Any]) -> str:
    """Write the p-value that the verdict follows: Holm's where there is one."""
    holm = finding.get("p_holm")
    p, name = (finding.get("p"), "p") if holm is None else (holm, "p (Holm)")
    if p is None:
        return ""
    return f"{name} < 0.001" if p < 0.001 else f"{name} = {p:.3f}"


def _concerns(bound: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    return bool(bound["check"] == finding["check"] and bound["on"] == finding["on"])


def _group(finding: Mapping[str, Any]) -> tuple[str, str]:
    return finding["unit"], finding["check"]


def _scales(findings: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """Return the largest change or interval end of each check, so that its rows share one scale."""
    scale: dict[tuple[str, str], float] = {}
    for finding in findings:
        ends = [abs(v) for v in (finding["change"], *(finding["interval"] or ())) if v is not None]
        scale[_group(finding)] = max(scale.get(_group(finding), 0.0), *ends, 0.0)
    return scale


def _plot(finding: Mapping[str, Any], scale: float) -> dict[str, float] | None:
    """Place change and interval on -1..1, better to the right whatever the measure's direction."""
    if scale == 0:
        return None
    sign = -1 if finding["lower_is_better"] else 1
    low, high = sorted(sign * end / scale for end in finding["interval"])
    return {"low": low, "mid": sign * finding["change"] / scale, "high": high}
