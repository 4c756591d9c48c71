"""The converter's check text is the converter's, and its digests name pre-tokenizers."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tokenizer_support import ENGLISH, toy_spec

from locale_tune_tokenizer.checks.converter import CHECK_TEXT, digest, pre_name
from locale_tune_tokenizer.checks.converter_digests import DIGESTS, PRE_NAMES
from locale_tune_tokenizer.learning.segments import open_tokenizer

LLAMA3 = "0ef9807a4087ebef797fc749390439009c3b9eda9ad1a097abbe738f486c01e5"
SMOLLM = "855059429035d75a914d1eda9f10a876752e281a054a7a3d421ef0533e5b6249"


def real(name: str) -> Any:
    """Return a real tokenizer from the folder LOCALE_TUNE_TOKENIZERS, or skip."""
    root = os.environ.get("LOCALE_TUNE_TOKENIZERS")
    if not root:
        pytest.skip("LOCALE_TUNE_TOKENIZERS is not set: no real tokenizer here")
    found = [path for path in sorted(Path(root).rglob("tokenizer.json")) if name in str(path)]
    if not found:
        pytest.skip(f"LOCALE_TUNE_TOKENIZERS holds no {name}")
    return open_tokenizer(json.loads(found[0].read_text(encoding="utf-8")))


def test_the_text_is_the_one_whose_digests_are_known():
    written = hashlib.sha256(CHECK_TEXT.encode()).hexdigest()
    assert written == "a36179c1e2b1cfcfbfad1dc779addad2ffc778201e4cf0d538bddeafa2c526da"
    assert len(CHECK_TEXT) == 350


@pytest.mark.mirror
def test_llama3_is_recognised_by_the_ids_after_its_first_token():
    tokenizer = real("llama3")
    first = tokenizer.token_to_id("<|begin_of_text|>")
    ids = [first, *tokenizer.encode(CHECK_TEXT, add_special_tokens=False).ids]
    assert hashlib.sha256(str(ids).encode()).hexdigest() == LLAMA3
    assert PRE_NAMES[LLAMA3] == "llama-bpe"


@pytest.mark.mirror
@pytest.mark.parametrize(("name", "pre"), [("smollm", "smollm"), ("qwen3", "qwen2")])
def test_real_tokenizers_are_recognised(name: str, pre: str):
    assert pre_name(real(name)) == pre


def test_the_known_digests_are_sha256_and_each_names_one_pre_tokenizer():
    digests = [digest for known in DIGESTS.values() for digest in known]
    assert all(len(bytes.fromhex(digest)) == 32 for digest in digests)
    assert len(set(digests)) == len(digests) == len(PRE_NAMES)
    assert PRE_NAMES[SMOLLM] == "smollm"


def test_an_unknown_tokenizer_has_no_name():
    assert pre_name(open_tokenizer(toy_spec())) == ""


def test_the_digest_is_of_the_ids_as_python_prints_them():
    tokenizer = open_tokenizer(toy_spec())
    ids = tokenizer.encode(CHECK_TEXT).ids
    assert digest(tokenizer) == hashlib.sha256(repr(ids).encode()).hexdigest()


def test_a_token_before_every_text_counts():
    spec = toy_spec()
    plain = digest(open_tokenizer(spec))
    tokenizer = open_tokenizer(spec)
    from tokenizers.processors import TemplateProcessing

    tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    assert digest(tokenizer) != plain


def test_one_merge_inside_the_text_changes_the_digest():
    spec = toy_spec()
    plain = digest(open_tokenizer(spec))
    assert "33" not in spec["model"]["vocab"]
    spec["model"]["vocab"]["33"] = 400
    spec["model"]["merges"].append(["3", "3"])
    assert digest(open_tokenizer(spec)) != plain
    assert ENGLISH[0] not in CHECK_TEXT
