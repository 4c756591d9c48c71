"""What plugins offer to a build, and what one stage of it may know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from locale_tune.schema import (
    Artifact,
    Bad,
    Finding,
    LanguagePack,
    Locale,
    Machine,
    Progress,
    Record,
    Settings,
    Source,
)


@dataclass(frozen=True)
class Job:
    """All that one stage may know.

    `out` is an empty folder to fill; `work` survives a crash and is where checkpoints go.
    `pack` holds only the fields named in the stage's `reads`: the others are empty.
    `files` maps a source id to its local file (only for stages that read `sources`).
    """

    pack: LanguagePack
    parts: Parts
    settings: Any
    inputs: Mapping[str, Artifact]
    seed: int
    fingerprint: str
    out: Path
    work: Path
    machine: Machine
    progress: Progress
    files: Mapping[str, Path] = field(default_factory=dict)
    command: str = ""
    base_path: Path | None = None


@dataclass(frozen=True)
class Span:
    """A stretch of a file that can be read apart from the rest.

    `start` and `stop` are what the kind counts in (bytes of lines, row groups of Parquet); `first`
    is the number, in the whole file, of its first line or row.
    """

    start: int
    stop: int
    first: int = 1


Reader = Callable[..., Iterable["Record | Bad"]]
Run = Callable[[Job], "Mapping[str, Any] | None"]


@dataclass(frozen=True)
class SourceKind:
    """How one format becomes records: `read(source, path, locale)` yields Record or Bad.

    A format whose files can be read in stretches says how to cut one: `cut(source, path, size)`
    returns spans of about `size` bytes, none to read the file whole. `read` then also takes
    `span=`, and the spans one after the other must give what the whole file gives.
    """

    name: str
    read: Reader
    doc: str = ""
    cut: Callable[[Source, Path, int], Sequence[Span]] | None = None


@dataclass(frozen=True)
class Filter:
    """Keep a record (return "") or give the reason why not. Named for what it keeps.

    `make(locale, settings)` is called once in every process that reads the sources, and returns
    the function. What that says of a record must not depend on the records before it.

    A filter that knows languages may also say how likely each one is: `chances(locale, settings)`
    takes what `make` takes and returns a function from a text to {label: chance}, empty where the
    text is too short to tell. A label is the pack's id, a variety of its texts or another tag.
    """

    name: str
    make: Callable[[Locale, Mapping[str, Any]], Callable[[Record], str]]
    doc: str = ""
    chances: Callable[[Locale, Mapping[str, Any]], Callable[[str], Mapping[str, float]]] | None = (
        None
    )


@dataclass(frozen=True)
class Pool:
    """What a selector may look at: the clean lessons, and what can be found out about them.

    Each function does its work when it is first called. `vectors()` is float32 [lessons,
    dimensions], each of length 1. `quality()` is float64 [lessons], higher is better; compare it
    within one language. `labels()` is (the labels of every lesson as numbers, the vector of each
    label). `quotas(budget)` returns what may still be picked: a selector calls its `take(index)`
    for every pick, and picks only what it `allows(index)`.
    """

    records: Sequence[Record]
    vectors: Callable[[], Any]
    quality: Callable[[], Any]
    labels: Callable[[], tuple[list[list[int]], Any]]
    quotas: Callable[[int], Any]
    settings: Any = None


@dataclass(frozen=True)
class Selector:
    """Choose `budget` lessons: `select(pool, budget, seed)` returns their indices, best first."""

    name: str
    select: Callable[[Pool, int, int], list[int]]
    doc: str = ""


@dataclass(frozen=True)
class Stage:
    """A verb of the build. `run(job)` fills `job.out` and returns facts for the report.

    `needs` and `makes` are artifact kinds; `base` is the untouched base model. `origins` names more
    models as inputs: `{"tuned": "align"}` is the one that the first step of the stage `align`
    starts from, absent where the plan has no such step. `reads` names the fields of the pack the
    stage may see (and so what its fingerprint covers). A `heavy` stage runs in its own process.
    `libraries` are the distributions whose version its bits depend on; with
    `torch` among them, the device and the number of threads count too. `uses` names families of
    parts (such as `checks`) that the stage takes from plugins: who offers them counts as well.
    `speed(job)` measures trained tokens per second for `--budget`; `budget_share` is the share of
    the budget the stage asks for, given to its setting `tokens`. A `parallel` stage takes part in
    every process that a launcher starts; of the others only the first process runs.
    """

    name: str
    needs: tuple[str, ...]
    makes: str
    run: Run
    settings: type[Settings] = Settings
    version: str = "1"
    origins: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    heavy: bool = False
    libraries: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    doc: str = ""
    speed: Callable[[Job], float] | None = None
    budget_share: float = 0.0
    parallel: bool = False


@dataclass(frozen=True)
class Check:
    """One measurement: `measure(context)` yields Findings. See `locale_tune_assess`."""

    name: str
    measure: Callable[[Any], Iterator[Finding]]
    doc: str = ""


@dataclass(frozen=True)
class Launcher:
    """How a heavy step is started: `command(argv)` puts words in front of the worker's.

    One that is for `several` processes is used for `parallel` stages only; the others run as usual.
    """

    name: str
    command: Callable[[list[str]], list[str]]
    doc: str = ""
    several: bool = False


@dataclass(frozen=True)
class Command:
    """A command of the command line: `load()` imports and returns its `click.Command`.

    `load` is called only when the command is asked for, so heavy imports may hide behind it.
    """

    name: str
    load: Callable[[], Any]
    doc: str = ""


@dataclass(frozen=True)
class Parts:
    """All offered parts by name, and who offers each (`distribution version`)."""

    source_kinds: Mapping[str, SourceKind] = field(default_factory=dict)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    selectors: Mapping[str, Selector] = field(default_factory=dict)
    stages: Mapping[str, Stage] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    launchers: Mapping[str, Launcher] = field(default_factory=dict)
    commands: Mapping[str, Command] = field(default_factory=dict)
    providers: Mapping[tuple[str, str], str] = field(default_factory=dict)
