"""Audit an extended tokenizer or model that anybody made, against the base it was made from.

Nothing is taken from whoever extended it: two folders, or two `tokenizer.json`, are all there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from locale_tune.api import read_json
from locale_tune_tokenizer.case import Case
from locale_tune_tokenizer.certificate import Entry, examine, tried
from locale_tune_tokenizer.llamacpp import gguf_ids, not_run
from locale_tune_tokenizer.reload import reload_identity
from locale_tune_tokenizer.segments import open_tokenizer
from locale_tune_tokenizer.texts import Samples

MAX_CHANGED_SHARE = 0.005


@dataclass(frozen=True)
class Text:
    """Lines to audit with: native ones, lines that must not change, and other languages' lines."""

    native: Sequence[str] = ()
    protected: Sequence[str] = ()
    others: Sequence[str] = ()

    def samples(self) -> Samples:
        """Return the lines as the certificate names them."""
        return Samples(
            target=list(self.native),
            target_from="given",
            protected=list(self.protected),
            replay=list(self.others),
            control=[],
            english=[],
            beside=[],
        )


NO_TEXT = Text()


def audit(
    base: Path,
    extended: Path,
    text: Text = Text(),  # frozen and empty
    *,
    seed: int = 0,
    max_changed_share: float = MAX_CHANGED_SHARE,
    cut_by: Any = None,
) -> dict[str, Entry]:
    """Run every check that two folders allow; return entries by name and never raise on a failure.

    `base` and `extended` are model folders, tokenizer folders, or `tokenizer.json` files. An
    entry holds figures and `passed`: True; False with an `example`; None with `why` where the
    check could not run. `cut_by` is the base's tokenizer with an upgraded pre-tokenizer, where
    one was chosen on purpose.
    """
    old_spec, spec = (read_json(_file(path)) for path in (base, extended))
    try:
        old, new = open_tokenizer(old_spec), open_tokenizer(spec)
    except Exception as error:
        # The library raises bare Exception for a vocabulary that contradicts its merges.
        return {"opens": {"passed": False, "example": str(error)}}
    if reason := _not_bpe((old_spec, spec)):
        return {"opens": {"passed": False, "example": reason}}
    before, after = (path.parent if path.is_file() else path for path in (base, extended))
    chats, said = _chats(before)
    case = Case(old, new, old_spec, spec, text.samples(), chats, max_changed_share, cut_by, seed)
    entries = {"opens": {"passed": True}, **examine(case)}
    if said:
        entries["template"] = not_run(said)
    with TemporaryDirectory(prefix="locale-tune-audit-") as scratch:
        entries["reload"] = _reload(case, before, after, Path(scratch))
        entries["GGUF ids"] = tried(gguf_ids, case, Path(scratch))
    return {**entries, **_weights(case, before, after)}


def failed(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Return the examples of the checks that did not pass, by check; not those that did not run."""
    return {
        name: str(entry.get("example", ""))
        for name, entry in entries.items()
        if entry["passed"] is False
    }


def _file(path: Path) -> Path:
    return path if path.is_file() else path / "tokenizer.json"


def _not_bpe(specs: Sequence[Mapping[str, Any]]) -> str:
    for name, spec in zip(("base", "extended"), specs, strict=True):
        if (kind := spec["model"].get("type", "of an unnamed type")) != "BPE":
            return f"the {name} tokenizer is {kind}, not BPE"
    return ""


def _chats(folder: Path) -> tuple[list[str], str]:
    """Return the rendered chats of a folder, or none and why."""
    if not (folder / "tokenizer_config.json").exists():
        return [], "the base has no tokenizer_config.json"
    if find_spec("transformers") is None:
        return [], "needs transformers, not installed here"
    from locale_tune_tokenizer.probes import rendered_chats

    chats = rendered_chats(folder)
    return chats, "" if chats else "the base has no chat template"


def _reload(case: Case, base: Path, extended: Path, scratch: Path) -> Entry:
    if not all((folder / "tokenizer_config.json").exists() for folder in (base, extended)):
        return not_run("needs tokenizer_config.json in both folders")
    if find_spec("transformers") is None:
        return not_run("needs transformers, not installed here")
    return tried(reload_identity, base, extended, scratch, case.new, list(case.cuts))


def _weights(case: Case, base: Path, extended: Path) -> dict[str, Entry]:
    """Run the checks on the tables, or say once why they did not run."""
    from locale_tune_tokenizer import table_checks
    from locale_tune_tokenizer.stored_tables import Unreadable, read_tables

    try:
        before, after = read_tables(base), read_tables(extended)
    except Unreadable as error:
        return {"rows": not_run(str(error))}
    new_ids = [number for number in case.new_tokens.values() if number < after.rows]
    return {
        "rows": tried(table_checks.row_counts, before, after, case.new_vocab),
        "tying": tried(table_checks.same_tying, before, after),
        "old rows": tried(table_checks.old_rows, before, after, new_ids),
        "new rows": tried(table_checks.new_rows, after, new_ids),
    }
