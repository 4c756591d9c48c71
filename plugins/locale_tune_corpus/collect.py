"""The stage `collect`: native text in, corpus out. Read `run` first.

Two passes over the parts of all sources, by as many processes as there is room for. The first
keeps what passes the filters (`sift.py`). Then, on their keys alone, it is decided which records
are copies and which groups are held out (`choose.py`), and what the model is tested on is
written. The second pass takes out of the training text what holds a tested item (`clean.py`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from locale_tune.api import (
    Job,
    PackError,
    Record,
    StageFailed,
    licences,
    read_json,
    read_records,
    read_tables,
    write_records,
    write_tables,
)
from locale_tune_corpus import croissant, eu_summary, rejects_page
from locale_tune_corpus.choose import Chooser, Fate
from locale_tune_corpus.clean import VARIETIES, Clean, count
from locale_tune_corpus.cloze import cloze_questions
from locale_tune_corpus.clusters import run_on
from locale_tune_corpus.gate import admitted
from locale_tune_corpus.ledger import Ledger
from locale_tune_corpus.pairs import pairs
from locale_tune_corpus.parts import Part, cut
from locale_tune_corpus.preferring import is_sibling, preferred
from locale_tune_corpus.share import cores, run_all
from locale_tune_corpus.sides import capped, group_of, half
from locale_tune_corpus.sift import Sift
from locale_tune_corpus.spool import Spool

TESTED = ("heldout", "heldout_preferences", "parallel", "questions", "control", "prompts")
TRAINING = ("text", "replay", "lessons", "preferences")
# Roles whose records are told apart in this process; those of TRAINING are in `clean.py`.
OTHERS = ("parallel", "questions", "prompts", "control", "contrast", "lexicon")
BYTES_A_PROCESS = 16_000_000  # to start one takes as long as to sift a few megabytes


def run(job: Job) -> dict[str, Any]:
    """Fill `job.out` with the corpus; return its counts. Raise StageFailed without native text."""
    pa.set_memory_pool(pa.system_memory_pool())  # the default one keeps what it has once had
    sources = tuple(source for source in job.pack.sources if source.on)
    kept, refused = admitted(sources, job.settings)
    job = replace(job, files={s.id: job.files[s.id] for s in kept if s.id in job.files})
    with Ledger(job.out, sources, job.files, {r.source.id: r.reason for r in refused}) as ledger:
        corpus = Corpus(job, ledger)
        corpus.sift()
        ledger.refuse_broken(job.settings.max_bad_share)
        corpus.choose()
        corpus.write_tests()
        corpus.write_training()
        corpus.write_lexicon()
        ledger.close()
    facts = corpus.facts()
    rejects_page.write_page(job.out, job.pack.locale)
    eu_summary.write(job.out, job.pack.locale, facts)
    croissant.write(job.out, job.pack.locale, facts, job.fingerprint)
    return {**facts, "licence": licences.told(read_json(job.out / "sources.json"))}


class Corpus:
    """The corpus in the making: each method is one step, in this order."""

    def __init__(self, job: Job, ledger: Ledger) -> None:
        self.job, self.ledger = job, ledger
        settings, kinds = job.settings, job.parts.source_kinds
        size = int(settings.part_megabytes * 1_000_000)
        self.parts = cut(ledger.sources, job.files, kinds, size)
        if not self.parts:
            raise StageFailed(
                "none of the sources can be read: "
                + "; ".join(f"{name}: {why}" for name, why in ledger.refused.items()),
                "widen collect.residency or collect.allow_licences, or bring the missing files",
            )
        self.counts: dict[str, int] = {}
        self.varieties: dict[str, Counter[str]] = defaultdict(Counter)
        self._sift = Sift(
            locale=job.pack.locale,
            kinds={s.kind: kinds[s.kind] for s in ledger.sources},
            filters={name: job.parts.filters[name] for name in job.pack.filters},
            options=settings.filter_options,
            sources=ledger.sources,
            files=job.files,
            seed=job.seed,
            near=settings.near_duplicates > 0,
            privacy=settings.privacy,
            privacy_options=settings.privacy_options,
            work=job.work,
        )
        self._done = 0

    def sift(self) -> None:
        """Read every source once. Third-party readers and filters run here."""
        self._sift.prepare()  # what a filter learns is kept, for the other processes to read
        self._run(self._sift, self.parts)
        for part in self.parts:
            self.ledger.take(part.source.id, self._sift.folder(part))

    def choose(self) -> None:
        """Decide which records are copies, over a cap, disputed, or held out."""
        settings = self.job.settings
        folders = [self._sift.folder(part) for part in self.parts]
        chooser = Chooser(self.parts, folders, settings.near_duplicates)
        chooser.drop_copies()
        chooser.drop_disputed()
        text, answers = (self._of_role(role) for role in ("text", "preferences"))
        limits = settings.heldout_share, settings.heldout_max
        self.heldout_groups = chooser.hold_out(*limits, text)
        chooser.hold_out(*limits, answers)
        fates = [chooser.of(number) for number in range(len(self.parts))]
        (self.job.work / "fates").mkdir(exist_ok=True)
        for part, fate in zip(self.parts, fates, strict=True):
            np.save(self.job.work / "fates" / f"{part.name}.npy", fate)
        self.spool = Spool(self.parts, folders, fates)

    def write_tests(self) -> None:
        """Write all that is measured on: held-out text, pairs, questions, controls, contrasts."""
        settings, seed, spool = self.job.settings, self.job.seed, self.spool
        spool.tell(self.ledger, OTHERS)
        self._write("heldout", spool.records("text", Fate.HELD))

        heldout = self.job.out / "heldout"

        def held(source: str) -> Iterator[Record]:
            return (record for record in read_records(heldout) if record.source == source)

        held_pairs = (r for r in spool.records("preferences", Fate.HELD) if r.rejected)
        siblings = self._preferred(read_records(heldout), spool.of)
        self._write("heldout_preferences", held_pairs, siblings)
        made = pairs(self.ledger.sources, held, spool.of, settings.parallel_max, seed)
        self._write("parallel", spool.records("parallel"), made)
        cloze = cloze_questions(read_records(heldout), settings.cloze_questions, seed)
        self._write("questions", map(_sided, spool.records("questions")), cloze)
        self._write("prompts", spool.records("prompts"))
        controls = spool.records("control")
        self._write("control", capped(controls, settings.control_max, seed, self._over_cap))
        self._write("contrast", spool.records("contrast"))

    def write_training(self) -> None:
        """Write text, replay and lessons, without what holds a tested item."""
        trained = [part for part in self.parts if part.source.role in TRAINING]
        tested = tuple(self.job.out / split for split in TESTED)
        clean = Clean(self.job.work, self.job.seed, tested)
        self._run(clean, trained)
        for role in ("text", "replay", "lessons"):
            folders = [clean.folder(part) for part in trained if part.source.role == role]
            tables = (table for f in folders for table in read_tables(f / "records"))
            self._counted(role, write_tables(self.job.out / role, tables))
        self._write_preferences(clean, trained)
        for part in trained:
            self.ledger.take(part.source.id, clean.folder(part))
            for name, counts in read_json(clean.folder(part) / VARIETIES).items():
                self.varieties[name].update(counts)
        if not self.counts.get("text"):
            raise StageFailed(
                f"no native text of '{self.job.pack.locale.id}' is left to train on: "
                f"{self.ledger.totals() or 'no source was found'}",
                "look at rejects.jsonl for the reasons; loosen a filter in "
                '[settings.collect.filter_options], or add a source with role = "text"',
            )

    def _write_preferences(self, clean: Clean, trained: list[Part]) -> None:
        """Write pairs of answers, and those that native text makes with its siblings."""

        def of(source_id: str) -> Iterator[Record]:
            for part in trained:
                if part.source.id == source_id:
                    yield from read_records(clean.folder(part) / "records")

        given = (r for name in self._of_role("preferences") for r in of(name))
        made = self._preferred(read_records(self.job.out / "text"), of)
        folder = self.job.out / "preferences"
        self._counted("preferences", write_records(folder, chain(given, made)))

    def _preferred(
        self, natives: Iterable[Record], of: Callable[[str], Iterable[Record]]
    ) -> Iterator[Record]:
        siblings = [source for source in self.ledger.sources if is_sibling(source)]
        yield from preferred(siblings, natives, of, self.job.settings.preference_prompt)

    def _of_role(self, role: str) -> list[str]:
        """Return the sources of a role; those that only pair with another are not among them."""
        return [s.id for s in self.ledger.sources if s.role == role and not is_sibling(s)]

    def write_lexicon(self) -> None:
        """Write words with their translations: looked up, never trained on as text."""
        self._write("lexicon", self.spool.records("lexicon"))

    def facts(self) -> dict[str, Any]:
        """Return what the report says of the corpus."""
        varieties = {name: dict(counts) for name, counts in sorted(self.varieties.items())}
        text_bytes = sum(counts.get("text_bytes", 0) for counts in varieties.values())
        told = Counter(self.counts)
        return {
            "line": f"{text_bytes / 1e6:.2f} MB of text, {told['lessons']:,} lessons, "
            f"{told['questions']:,} questions, {told['heldout']:,} texts held out",
            "splits": self.counts,
            "text_bytes": text_bytes,
            "heldout_bytes": sum(counts.get("heldout_bytes", 0) for counts in varieties.values()),
            "heldout_groups": self.heldout_groups,
            "varieties": varieties,
            "rejected": self.ledger.totals(),
            "missing": self.ledger.missing,
            "filters": self._filters(),
        }

    def _filters(self) -> dict[str, Any]:
        """Return what filters learned, and what they counted in all parts together."""
        found = {name: dict(facts) for name, facts in self._sift.facts.items()}
        for name, facts in found.items():
            for fact in [fact for fact, value in facts.items() if isinstance(value, Counter)]:
                total: Counter[str] = Counter()
                for tally in self.ledger.tallies.values():
                    total.update(tally.counted.get(name, {}).get(fact, {}))
                facts[fact] = dict(sorted(total.items()))
        return {name: facts for name, facts in found.items() if facts}

    def _run(self, task: Sift | Clean, parts: Iterable[Part]) -> None:
        """Do a task on all parts; both passes share one bar of progress."""
        parts = list(parts)
        size = sum(part.size for part in parts)
        total = sum(part.size * (1 + (part.source.role in TRAINING)) for part in self.parts)

        def told(part: Part) -> None:
            self._done += part.size
            self.job.progress(self._done, total, part.source.id)

        settings = self.job.settings
        if settings.executor == "processes":
            most = settings.workers or cores()
            run_all(task, parts, min(most, 1 + size // BYTES_A_PROCESS), told)
        else:
            logs, options = self.job.work / "executor", settings.executor_options
            run_on(settings.executor, options, task, parts, logs, told)

    def _write(self, split: str, records: Iterable[Record], made: Iterable[Record] = ()) -> None:
        """Write one split: records of the sources, and those `made` from others, not counted."""

        def counted() -> Iterator[Record]:
            for record in records:
                self.ledger.kept(record, held=split.startswith("heldout"))
                if split == "heldout":
                    count(self.varieties, record, split)
                yield record
            yield from made

        self._counted(split, write_records(self.job.out / split, counted()))

    def _counted(self, split: str, count: int) -> None:
        if count:
            self.counts[split] = count
        else:
            (self.job.out / split).rmdir()

    def _over_cap(self, record: Record) -> None:
        self.ledger.over_cap(record.source)


def _sided(record: Record) -> Record:
    """Put a question on the dev or the test side: as it says, or drawn with all of its group."""
    if (said := record.meta.get("split")) in ("dev", "test"):
        return record
    if said:
        raise PackError(
            f"the questions of '{record.source}' have the split '{said}'",
            'write "dev" for those that fit the temperature, "test" for those that are reported',
        )
    drawn = {"split": half(group_of(record)), "split_by": "group"}
    return record.model_copy(update={"meta": {**record.meta, **drawn}})
