"""Where well-known benchmarks keep what: `layout = "belebele"` in place of a list of columns.

Columns as the data sets on the Hugging Face Hub have them, and as lm-evaluation-harness reads
them (EleutherAI/lm-evaluation-harness, lm_eval/tasks). A group names a question the same way in
every language, so that a question and its translations stand on one side of the split.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FOUR = ("option_a", "option_b", "option_c", "option_d")

LAYOUTS: Mapping[str, Mapping[str, Any]] = {
    # CohereLabs/Global-MMLU and Global-MMLU-Lite: the answer is a letter. The label is CS for
    # culturally sensitive, CA for agnostic, and missing where nobody has looked.
    "global-mmlu": {
        "question": "question",
        "choices": FOUR,
        "answer": "answer",
        "answers": "letters",
        "group": "global-mmlu-{sample_id}",
        "tag_columns": ("subject", "subject_category", "cultural_sensitivity_label"),
    },
    # li-lab/MMLU-ProX and MMLU-ProX-Lite: up to ten options, null where there are fewer.
    "mmlu-prox": {
        "question": "question",
        "choices": tuple(f"option_{number}" for number in range(10)),
        "absent_choices": True,
        "answer": "answer",
        "answers": "letters",
        "group": "mmlu-prox-{category}-{question_id}",
        "tag_columns": ("category",),
    },
    # MBZUAI/ArabicMMLU: two to five options, empty where there are fewer; some with a passage.
    "arabicmmlu": {
        "question": "Question",
        "passage": "Context",
        "choices": tuple(f"Option {number}" for number in range(1, 6)),
        "absent_choices": True,
        "answer": "Answer Key",
        "answers": "letters",
        "tag_columns": ("Subject", "Level", "Country"),
    },
    # facebook/belebele: the answer is a number from 1; a passage has one or two questions.
    "belebele": {
        "question": "question",
        "passage": "flores_passage",
        "choices": tuple(f"mc_answer{number}" for number in range(1, 5)),
        "answer": "correct_answer_num",
        "answers": "numbers-from-1",
        "group": "belebele-{link}",
    },
    # CohereLabs/include-base-44: each question was written in its language, so none has a twin.
    "include": {
        "question": "question",
        "choices": FOUR,
        "answer": "answer",
        "tag_columns": ("subject", "domain", "regional_feature"),
    },
}
