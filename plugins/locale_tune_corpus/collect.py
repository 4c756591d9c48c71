"""The stage `collect`: native text in, corpus out. Read `run` first.

Two passes. The first reads every source and keeps what passes (`gather.py`). The second decides
which groups are held out, writes what a model is tested on, and then writes the training text,
without anything that holds a tested item (`leaks.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from locale_tune.api import Job, Record, StageFailed, write_records
from locale_tune_corpus.cloze import cloze_questions
from locale_tune_corpus.gather import Spool
from locale_tune_corpus.leaks import Leaks
from locale_tune_corpus.ledger import Ledger
from locale_tune_corpus.pairs import pairs
from locale_tune_corpus.sides import capped, group_of, half, heldout_groups

TESTS = ("heldout", "parallel", "questions", "control", "contrast")
TRAINING = ("text", "replay", "lessons")
SPLITS = (*TESTS, *TRAINING, "lexicon")


def run(job: Job) -> dict[str, Any]:
    """Fill `job.out` with the corpus; return its counts. Raise StageFailed without native text."""
    sources = tuple(source for source in job.pack.sources if source.on)
    with Ledger(job.out, sources) as ledger:
        spool = Spool(job, ledger)
        spool.fill()
        ledger.refuse_broken(job.settings.max_bad_share)
        corpus = Corpus(job, spool, ledger)
        corpus.write_tests()
        corpus.write_training()
        corpus.write_lexicon()
        ledger.close()
        return _facts(corpus, ledger, spool)


class Corpus:
    """Writes the splits, and remembers what must not be trained on."""

    def __init__(self, job: Job, spool: Spool, ledger: Ledger) -> None:
        self.job, self.spool, self.ledger = job, spool, ledger
        self.counts: dict[str, int] = {}
        self.varieties: dict[str, Counter[str]] = defaultdict(Counter)
        self.heldout = self._choose()
        self._leaks = Leaks()
        self._groups = set(self.heldout)

    def write_tests(self) -> None:
        """Write all that is measured on: held-out text, pairs, questions, controls, contrasts."""
        settings, seed, spool = self.job.settings, self.job.seed, self.spool
        self._write("heldout", self._held(spool.records("text")))
        made = pairs(spool.sources, self._held_of, spool.of, settings.parallel_max, seed)
        self._write("parallel", spool.records("parallel"), made)
        cloze = cloze_questions(self._held(spool.records("text")), settings.cloze_questions, seed)
        self._write("questions", map(_sided, spool.records("questions")), cloze)
        controls = spool.records("control")
        self._write("control", capped(controls, settings.control_max, seed, self.ledger.over_cap))
        self._write("contrast", spool.records("contrast"), tested=False)

    def write_training(self) -> None:
        """Write text, replay and lessons, without what holds a tested item.

        Of text the held-out groups are left out; of replay and lessons, every tested group. (Text
        may share a group with a control: the same article of a declaration in two languages.)
        """
        for role in TRAINING:
            self._write(role, self._clean(role), tested=False)
        if not self.counts.get("text"):
            raise StageFailed(
                f"no native text of '{self.job.pack.locale.id}' is left to train on: "
                f"{self.ledger.totals() or 'no source was found'}",
                "look at rejects.jsonl for the reasons; loosen a filter in "
                '[settings.collect.filter_options], or add a source with role = "text"',
            )

    def write_lexicon(self) -> None:
        """Write words with their translations: looked up, never trained on as text."""
        self._write("lexicon", self.spool.records("lexicon"), tested=False)

    def _choose(self) -> frozenset[str]:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for record in self.spool.records("text"):
            counts[group_of(record)][record.source] += 1
        settings = self.job.settings
        return heldout_groups(counts, settings.heldout_share, settings.heldout_max, self.job.seed)

    def _held(self, records: Iterable[Record]) -> Iterator[Record]:
        return (record for record in records if group_of(record) in self.heldout)

    def _held_of(self, source_id: str) -> Iterator[Record]:
        return self._held(self.spool.of(source_id))

    def _clean(self, role: str) -> Iterator[Record]:
        for record in self.spool.records(role):
            group = group_of(record)
            if role == "text" and group in self.heldout:
                continue
            if role != "text" and group in self._groups:
                self.ledger.rejected(record, "of one group with a tested item")
            elif reason := self._leaks.find(record):
                self.ledger.rejected(record, reason)
            else:
                yield record

    def _write(
        self,
        split: str,
        records: Iterable[Record],
        made: Iterable[Record] = (),
        tested: bool = True,
    ) -> None:
        """Write one split: records of the sources, and those `made` from others, not counted."""

        def watched() -> Iterator[Record]:
            for record in records:
                self._count(split, record)
                yield record
            yield from made

        def protected() -> Iterator[Record]:
            for record in watched():
                self._leaks.protect(record)
                self._groups.add(group_of(record))
                yield record

        folder = self.job.out / split
        count = write_records(folder, protected() if tested else watched())
        if count:
            self.counts[split] = count
        else:
            folder.rmdir()
        self.job.progress(len(self.counts), len(SPLITS), split)

    def _count(self, split: str, record: Record) -> None:
        self.ledger.kept(record)
        if split in ("text", "heldout"):
            variety = self.varieties[record.variety or record.lang]
            variety[f"{split}_documents"] += 1
            variety[f"{split}_bytes"] += len(record.text.encode())


def _sided(record: Record) -> Record:
    """Put a question on the dev or the test side, with all others of its group."""
    return record.model_copy(update={"meta": {**record.meta, "split": half(group_of(record))}})


def _facts(corpus: Corpus, ledger: Ledger, spool: Spool) -> dict[str, Any]:
    varieties = {name: dict(counts) for name, counts in sorted(corpus.varieties.items())}
    text_bytes = sum(counts.get("text_bytes", 0) for counts in varieties.values())
    counts = corpus.counts
    return {
        "line": f"{text_bytes / 1e6:.2f} MB of text, {counts.get('lessons', 0):,} lessons, "
        f"{counts.get('questions', 0):,} questions, {counts.get('heldout', 0):,} texts held out",
        "splits": counts,
        "text_bytes": text_bytes,
        "heldout_bytes": sum(counts.get("heldout_bytes", 0) for counts in varieties.values()),
        "heldout_groups": len(corpus.heldout),
        "varieties": varieties,
        "rejected": ledger.totals(),
        "missing": [name for name, entry in ledger.entries.items() if entry.problem],
        "filters": {name: facts for name, facts in spool.filter_facts.items() if facts},
    }
