"""Small corpora, lessons and jobs for the tests of what feeds the training."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from tiny import save_tiny

from locale_tune.api import Artifact, Job, Machine, Message, Parts, Record, write_records
from locale_tune_training.settings import InjectSettings

PACK = SimpleNamespace(locale=SimpleNamespace(id="toy", tag="rm"))
NATIVE = "La lingua viva en la val, e nus chantain ensemen mintga unviern a chasa. "
ENGLISH = "The people of the valley speak their own language, and they sing in it every winter. "


def text(lang, content, source="", **meta):
    """Make one record of running text."""
    key = f"{lang}:{source}:{content[:40]}:{len(content)}"
    return Record(id=key, source=source or f"{lang}-text", lang=lang, text=content, meta=meta)


def lesson(lang, ask, say, source="", **meta):
    """Make one lesson of one question and one answer."""
    turns = (Message(role="user", content=ask), Message(role="assistant", content=say))
    key = f"{lang}:{ask}:{say}"
    return Record(id=key, source=source or f"{lang}-lessons", lang=lang, messages=turns, meta=meta)


def numbered(lang, sentence, count, **meta):
    """Make `count` texts that differ in a number."""
    return [text(lang, f"{sentence * (1 + n % 3)} {n}.", **meta) for n in range(count)]


def corpus_of(home, native=None, replay=None, control=None):
    """Write a corpus artifact; what is None is made, what is empty is left out."""
    folder = Path(home) / "corpus"
    made = {
        "text": numbered("rm", NATIVE, 12) if native is None else native,
        "replay": numbered("en", ENGLISH, 8) if replay is None else replay,
        "control": numbered("en", ENGLISH[::-1], 4) if control is None else control,
    }
    for split, records in made.items():
        if records:
            write_records(folder / split, records)
    return Artifact("corpus", folder, "corpus")


def lessons_of(home, records, corpus=None):
    """Write a lessons artifact."""
    folder = Path(home) / "lessons-artifact"
    write_records(folder / "lessons", records)
    return Artifact("lessons", folder, "lessons", made_from={"corpus": corpus} if corpus else {})


def a_job(home, settings=None, report=lambda *a: None, name="", **inputs):
    """Make a job with a tiny model, unless one is among the inputs."""
    home = Path(home)
    if "model" not in inputs:
        folder = home / "model"
        if not folder.exists():
            save_tiny(folder)
        inputs["model"] = Artifact("model", folder, "model")
    for part in ("out", "work"):
        (home / name / part).mkdir(parents=True, exist_ok=True)
    return Job(
        pack=PACK,
        parts=Parts(),
        settings=settings or InjectSettings(),
        inputs=inputs,
        seed=0,
        fingerprint="print",
        out=home / name / "out",
        work=home / name / "work",
        machine=Machine(),
        progress=report,
    )
