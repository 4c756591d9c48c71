"""The stage `release`: READ `run` FIRST; the other modules each write one part."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from locale_tune.api import Job, write_json

from .card import model_card
from .gather import gather
from .generation import chat_template
from .lineage import ID_MAP, id_map
from .model_folder import copy_model, file_list
from .page import render_page
from .provenance import provenance

EU_SUMMARY = "eu-summary.md"  # of the corpus: it has to be published with the model


def run(job: Job) -> Mapping[str, Any]:
    """Write model/, report.html, report.json and provenance.json into `job.out`.

    The summary of the training content, which the corpus holds, is put beside them.

    A broken bound stops nothing here: the release is written and says so, and the build ends
    with exit code 1 because the facts' `broken` is not empty.
    """
    job.progress(0, 4, "model folder")
    weights = copy_model(job.inputs["model"], job.out / "model")
    if ids := id_map(job.inputs["model"]):
        shutil.copyfile(ids, job.out / "model" / ID_MAP)
    said = gather(job, weights)
    job.progress(1, 4, "model card")
    card = model_card(said, chat=bool(chat_template(job.out / "model")))
    (job.out / "model" / "README.md").write_text(card, encoding="utf-8")
    job.progress(2, 4, "report page")
    (job.out / "report.html").write_text(render_page(said, job.settings), encoding="utf-8")
    write_json(job.out / "report.json", said)
    if (summary := job.inputs["corpus"].path / EU_SUMMARY).is_file():
        shutil.copyfile(summary, job.out / EU_SUMMARY)
    job.progress(3, 4, "provenance")
    write_json(job.out / "provenance.json", provenance(said, file_list(job.out)))
    job.progress(4, 4, "released")
    return {
        "broken": said["broken"],
        "licence": said["licence"]["card"],
        "report": "report.html",
        "name": said["name"],
        "verdicts": said["verdicts"],
        "model": weights,
        "line": f"{said['verdicts'].get('better', 0)} better, "
        f"{said['verdicts'].get('worse', 0)} worse, {len(said['broken'])} bounds broken, "
        f"licence {said['licence']['card']}",
    }
