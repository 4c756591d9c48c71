"""Finished artifacts of a small build, made by hand, so that `release` runs without torch."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extension_facts import certificate, extension_facts
from release_numbers import (
    ANSWERS,
    COLLAPSE,
    CULTURE,
    GULF,
    SCORES,
    SECTIONS,
    TEXTS,
    findings,
    reliability,
    samples,
    sources,
    tokenizer,
    varieties,
)

from locale_tune.api import (
    Artifact,
    Bound,
    Job,
    LanguagePack,
    Locale,
    Machine,
    Parts,
    Source,
    read_pack,
    write_json,
)
from locale_tune_release.gather import gather
from locale_tune_release.settings import ReleaseSettings

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass
class Build:
    """What a test may change before it runs the stage."""

    folder: Path
    locale: Locale = GULF
    findings: dict[str, Any] = field(default_factory=dict)
    sources: list[dict[str, Any]] = field(default_factory=list)
    declared: tuple[Source, ...] = ()
    bounds: tuple[Bound, ...] = ()
    prompts: tuple[str, ...] = ()
    base_model: str = "hf:org/base-1.7b@" + "3f" * 20
    authors: tuple[str, ...] = ("The pack's author",)
    settings: ReleaseSettings = field(default_factory=ReleaseSettings)
    facts: dict[str, Any] = field(default_factory=dict)
    extension: dict[str, Any] | None = None
    certificate: dict[str, Any] | None = None
    ui: dict[str, str] = field(default_factory=dict)
    cost: dict[str, Any] = field(default_factory=dict)

    def job(self) -> Job:
        """Write the artifacts and return the job of the stage."""
        out = self.folder / "out"
        out.mkdir()
        pack = LanguagePack(
            locale=self.locale,
            base_model=self.base_model,
            stages=("collect", "extend", "inject", "assess", "release"),
            sources=self.declared,
            bounds=self.bounds,
            prompts=self.prompts,
            authors=self.authors,
            ui=self.ui,
            root=self.folder,
        )
        return Job(
            pack=pack,
            parts=Parts(),
            settings=self.settings,
            inputs=self._inputs(),
            seed=0,
            fingerprint="c0ffee" * 10 + "beef",
            out=out,
            work=self.folder,
            machine=Machine(),
            progress=lambda done, total, note="": None,
        )

    def _inputs(self) -> dict[str, Artifact]:
        corpus = Artifact(
            "corpus",
            self.folder / "corpus",
            "aa" * 32,
            "collect",
            {"line": "14,203 records kept of 31,200", "splits": {"text": 12_400, "heldout": 703}},
        )
        base = Artifact("base", self.folder / "base", "bb" * 32, "base", {"name": "base-1.7b"})
        extended = Artifact(
            "model",
            self.folder / "extended",
            "cc" * 32,
            "extend",
            {"new_tokens": 6144, "fertility_before": 3.1, "fertility_after": 1.71},
            {"model": base, "corpus": corpus},
        )
        model = Artifact(
            "model",
            self.folder / "model",
            "dd" * 32,
            "inject",
            {"line": "loss 3.412 -> 2.204, 61,000,000 tokens", "steps": 2420, **self.facts},
            {"model": extended, "corpus": corpus},
        )
        findings = Artifact(
            "findings",
            self.folder / "findings",
            "ee" * 32,
            "assess",
            {"findings": len(self.findings["findings"])},
            {"base": base, "model": model, "corpus": corpus},
        )
        write_model(model.path)
        for artifact in (corpus, base, extended, findings):
            artifact.path.mkdir(exist_ok=True)
        write_json(findings.path / "findings.json", self.findings)
        write_json(corpus.path / "sources.json", self.sources)
        write_extension(self, extended.path)
        manifest = {
            "step": {"settings": {"tokens": 61_000_000, "lr": 2e-4}, "provider": "tests 1"},
            "cost": self.cost,
        }
        write_json(model.path / "MANIFEST.json", manifest)
        return {"model": model, "findings": findings, "corpus": corpus}


def example(folder: Path, locale: Locale = GULF) -> Build:
    """Return a whole small build in Gulf Arabic or Romansh; every number is made up."""
    return Build(
        folder=folder,
        locale=locale,
        findings={
            "findings": findings(locale),
            "reliability": reliability(locale),
            "tokenizer": tokenizer(locale),
            "samples": samples(locale),
        },
        sources=sources(locale),
        bounds=(
            Bound(check="knowledge", on="en", of="change", min=-2),
            Bound(check="ece", on=locale.tag, max=0.1),
            Bound(check="bits_per_byte", on=locale.tag, of="change", max=0),
        ),
        prompts=tuple(prompt for prompt, _, _ in ANSWERS[locale.id]),
        extension=extension_facts(new_tokens(locale)),
        certificate=certificate(),
    )


def everything(folder: Path, locale: Locale = GULF) -> Build:
    """Return a build whose report has every part: sections, varieties, ratings, cost, raw keys."""
    build = example(folder, locale)
    for entry in build.findings["findings"]:
        entry |= {"section": SECTIONS.get(entry["check"], "language")}
    for entry in build.findings["reliability"]:
        entry |= SCORES
    build.findings |= {
        "varieties": varieties(locale),
        "collapse": COLLAPSE,
        "culture": CULTURE,
        "something new": {"x": [1, {"y": None}], "z": 2.5},
    }
    build.cost = {"seconds": 754.2, "planned_seconds": 600.0, "peak_bytes": 3_400_000_000}
    return build


def said_of(build: Build) -> dict[str, Any]:
    """Return what the release of a build says, without writing one."""
    return gather(build.job(), {"parameters": 4, "dtypes": ["F32"], "bytes": 93, "left_out": []})


def labels_of(locale: Locale) -> dict[str, str]:
    """Return the labels of the report that the real pack translates."""
    root = Path(__file__).parents[1] / "languages" / locale.id
    return dict(read_pack(root / f"locale_tune_{locale.id.replace('-', '_')}").ui)


def write_model(folder: Path) -> None:
    """Write a model folder as training leaves it: real formats, four numbers of weights."""
    folder.mkdir()
    write_safetensors(folder / "model.safetensors", {"embed": [2, 2]})
    write_json(folder / "config.json", {"model_type": "llama", "_name_or_path": "/home/me/run/1"})
    added = [
        {"id": number, "content": content, "special": True}
        for number, content in enumerate(("<|end|>", "<|im_start|>", "<|im_end|>"))
    ]
    write_json(
        folder / "tokenizer.json",
        {"added_tokens": added, "model": {"type": "BPE", "vocab": {"a": 3}, "merges": []}},
    )
    write_json(
        folder / "tokenizer_config.json",
        {"eos_token": "<|end|>", "bos_token": {"content": "<|im_start|>"}, "pad_token": "<|end|>"},
    )
    (folder / "chat_template.jinja").write_text(CHATML, encoding="utf-8")
    (folder / "metrics.jsonl").write_text('{"loss": 1}\n', encoding="utf-8")


def write_safetensors(path: Path, shapes: dict[str, list[int]]) -> None:
    """Write zeros as float32 in the safetensors layout."""
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))


def write_extension(build: Build, folder: Path) -> None:
    """Write what `extend` leaves beside its model."""
    if build.extension is not None:
        write_json(folder / "extension.json", build.extension)
    if build.certificate is not None:
        write_json(folder / "certificate.json", build.certificate)


def new_tokens(locale: Locale) -> list[str]:
    """Return the words of the pack's texts, each after a space."""
    return [f" {word}" for text in TEXTS[locale.id] for word in text.split()]
