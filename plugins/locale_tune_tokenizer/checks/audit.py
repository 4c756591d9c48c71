"""Audit an extended tokenizer or model that anybody made, against the base it was made from.

Nothing is taken from whoever extended it: two folders, or two `tokenizer.json`, are all there is.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from locale_tune.api import StageFailed, read_json
from locale_tune_tokenizer.checks.case import Case
from locale_tune_tokenizer.checks.certificate import Entry, examine, tried
from locale_tune_tokenizer.checks.llamacpp import gguf_ids, not_run
from locale_tune_tokenizer.checks.reload import reload_identity
from locale_tune_tokenizer.learning.segments import open_tokenizer
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
    text: Text = NO_TEXT,
    *,
    seed: int = 0,
    max_changed_share: float = MAX_CHANGED_SHARE,
    cut_by: Any = None,
) -> dict[str, Entry]:
    """Run every check that two folders allow; return entries by name, failed ones with the rest.

    `base` and `extended` are model folders, tokenizer folders, or `tokenizer.json` files. An
    entry holds figures and `passed`: True; False with an `example`; None with `why` where the
    check could not run. `cut_by` is the base's tokenizer with an upgraded pre-tokenizer, where
    one was chosen on purpose. Raises StageFailed where there is no tokenizer to audit.
    """
    with TemporaryDirectory(prefix="locale-tune-audit-") as name:
        scratch = Path(name)
        before, after = _folder(base, scratch / "base"), _folder(extended, scratch / "extended")
        return _audit(before, after, scratch, text, seed, max_changed_share, cut_by)


def _audit(
    base: Path,
    extended: Path,
    scratch: Path,
    text: Text,
    seed: int,
    max_changed_share: float,
    cut_by: Any,
) -> dict[str, Entry]:
    try:
        old_spec, spec = (read_json(folder / "tokenizer.json") for folder in (base, extended))
        old, new = open_tokenizer(old_spec), open_tokenizer(spec)
    except Exception as error:
        # The library raises bare Exception for a vocabulary that contradicts its merges.
        return {"opens": {"passed": False, "example": str(error)}}
    if reason := _not_bpe((old_spec, spec)):
        return {"opens": {"passed": False, "example": reason}}
    chats, said = _chats(base)
    case = Case(old, new, old_spec, spec, text.samples(), chats, max_changed_share, cut_by, seed)
    entries = {"opens": {"passed": True}, **examine(case)}
    if said:
        entries["template"] = not_run(said)
    return {
        **entries,
        "reload": _reload(case, base, extended, scratch),
        "GGUF ids": tried(gguf_ids, case, scratch),
        **_weights(case, base, extended),
    }


def failed(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Return the examples of the checks that did not pass, by check; not those that did not run."""
    return {
        name: str(entry.get("example", ""))
        for name, entry in entries.items()
        if entry["passed"] is False
    }


def _folder(path: Path, scratch: Path) -> Path:
    """Return the folder of a tokenizer; a file under another name gets one of its own."""
    if not (path if path.is_file() else path / "tokenizer.json").is_file():
        raise StageFailed(f"{path} holds no tokenizer.json", "name a tokenizer.json or its folder")
    if path.is_dir():
        return path
    if path.name == "tokenizer.json":
        return path.parent
    scratch.mkdir()
    shutil.copy2(path, scratch / "tokenizer.json")
    return scratch


def _not_bpe(specs: Sequence[Mapping[str, Any]]) -> str:
    for name, spec in zip(("base", "extended"), specs, strict=True):
        if (kind := spec["model"].get("type", "of an unnamed type")) != "BPE":
            return f"the {name} tokenizer is {kind}, not BPE"
    return ""


def _chats(folder: Path) -> tuple[list[str], str]:
    """Return the rendered chats of a folder, or none and why."""
    if not (folder / "tokenizer_config.json").exists():
        return [], "the base has no tokenizer_config.json to name a chat template"
    if find_spec("transformers") is None:
        return [], "needs transformers, not installed here"
    from locale_tune_tokenizer.checks.probes import rendered_chats

    try:
        chats = rendered_chats(folder)
    except StageFailed as error:
        return [], error.problem
    return chats, "" if chats else "the base has no chat template"


def _reload(case: Case, base: Path, extended: Path, scratch: Path) -> Entry:
    if find_spec("transformers") is None:
        return not_run("needs transformers, not installed here")
    return tried(reload_identity, base, extended, scratch, case.new, [*case.lines, *case.fuzz])


def _weights(case: Case, base: Path, extended: Path) -> dict[str, Entry]:
    """Run the checks on the tables, or say once why they did not run."""
    from locale_tune_tokenizer.checks import table_checks
    from locale_tune_tokenizer.checks.stored_tables import Unreadable, read_tables

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
