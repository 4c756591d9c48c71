"""One side of `collect.py`: python collect_side.py ours|datatrove FILE FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from corpus_support import ROMANSH, parts, source

FILTERS = ("hygiene", "length", "script-share", "repetition")
CORES = 2


def ours(path: Path, folder: Path) -> int:
    """Run the stage `collect`; return the documents in text and held-out text."""
    from locale_tune.api import Job, LanguagePack, Machine
    from locale_tune_corpus import collect
    from locale_tune_corpus.settings import CollectSettings

    made = source("big", "jsonl", options={"text": "text"})
    for name in ("out", "work"):
        (folder / name).mkdir()
    job = Job(
        pack=LanguagePack(
            locale=ROMANSH,
            base_model="",
            stages=(),
            sources=(made,),
            filters=FILTERS,
            root=folder,
        ),
        parts=parts(),
        settings=CollectSettings(workers=CORES, part_megabytes=8, privacy="off", cloze_questions=0),
        inputs={},
        seed=0,
        fingerprint="",
        out=folder / "out",
        work=folder / "work",
        machine=Machine(),
        progress=lambda done, total, note="": None,
        files={"big": path},
    )
    splits = collect.run(job)["splits"]
    return int(splits["text"] + splits["heldout"])


class Keep:
    """One of our filters as a function of datatrove's documents."""

    def __init__(self, name: str) -> None:
        self.name, self._keep = name, None

    def __call__(self, document) -> bool:
        """Whether the document stays."""
        from locale_tune.api import Record

        if self._keep is None:
            self._keep = parts().filters[self.name].make(ROMANSH, {})
        return not self._keep(Record(id=document.id, source="big", text=document.text))


def datatrove(path: Path, folder: Path) -> int:
    """Run the same on datatrove's LocalPipelineExecutor; return the documents written."""
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.filters import LambdaFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Spaces(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    config, at = MinhashConfig(), str(folder)
    shards = _shards(path, folder / "in")

    def run(*steps, tasks: int, name: str) -> None:
        LocalPipelineExecutor(
            pipeline=list(steps), tasks=tasks, workers=CORES, logging_dir=f"{at}/logs/{name}"
        ).run()

    kept = (LambdaFilter(Keep(name)) for name in FILTERS)
    reader = JsonlReader(f"{at}/in")
    run(reader, *kept, JsonlWriter(f"{at}/kept"), tasks=shards, name="filters")
    signature = MinhashDedupSignature(f"{at}/signatures", config, language=Spaces())
    run(JsonlReader(f"{at}/kept"), signature, tasks=shards, name="signatures")
    buckets = MinhashDedupBuckets(f"{at}/signatures", f"{at}/buckets", config=config)
    run(buckets, tasks=config.num_buckets, name="buckets")
    cluster = MinhashDedupCluster(f"{at}/buckets", f"{at}/remove", config)
    run(cluster, tasks=1, name="cluster")
    dropped = MinhashDedupFilter(f"{at}/remove")
    run(JsonlReader(f"{at}/kept"), dropped, JsonlWriter(f"{at}/out"), tasks=shards, name="out")
    return sum(1 for _ in JsonlReader(f"{at}/out").run())


def _shards(path: Path, folder: Path) -> int:
    """Cut the file as ours is cut: datatrove takes one file a task at best."""
    from locale_tune_corpus.parts import line_spans

    folder.mkdir()
    spans = line_spans(path, 8_000_000)
    with path.open("rb") as file:
        for number, span in enumerate(spans):
            (folder / f"{number:05d}.jsonl").write_bytes(file.read(span.stop - span.start))
    return len(spans)


if __name__ == "__main__":
    side, given, scratch = sys.argv[1:]
    print(json.dumps({"ours": ours, "datatrove": datatrove}[side](Path(given), Path(scratch))))
