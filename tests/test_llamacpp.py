"""Agreement with llama.cpp: judged where it runs, never called passed where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from broken_tokenizers import continued
from tokenizer_support import ENGLISH, ROMANSH, no_samples, sentences, toy_spec
from trim_support import piece_spec

from locale_tune_tokenizer.checks import llamacpp
from locale_tune_tokenizer.checks.case import Case, CheckFailed
from locale_tune_tokenizer.checks.children import ChildFailed
from locale_tune_tokenizer.checks.llamacpp import gguf_ids, probe_texts, reason_not_to_run
from locale_tune_tokenizer.learning.segments import open_tokenizer

NATIVE = sentences((*ROMANSH, "mintgin", "sulegl", "viadi"), 100)
CHATS = ["<|im_start|>user\nHello.<|im_end|>\n"]


def case(base: dict[str, Any], spec: dict[str, Any] | None = None) -> Case:
    spec = spec or continued(base, NATIVE).spec
    lines = no_samples(target=NATIVE[:20], replay=list(ENGLISH))
    return Case(open_tokenizer(base), open_tokenizer(spec), base, spec, lines, CHATS, 0.005)


CASE = case(toy_spec())


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Stand in for llama.cpp: `before` and `after` give its ids of a text, or raise."""

    def stand_in(before: Callable[[str], list[int]], after: Callable[[str], list[int]]) -> None:
        def ask(module: str, request: dict[str, Any], work: Path) -> dict[str, Any]:
            give = before if request["path"].endswith("before.gguf") else after
            return {"ids": [give(text) for text in request["texts"]], "binding": "stand-in 1"}

        monkeypatch.setattr(llamacpp, "ask", ask)

    monkeypatch.setattr(llamacpp, "PACKAGES", {})
    monkeypatch.setattr(llamacpp, "write_vocabulary", lambda *args: None)
    monkeypatch.setattr(
        "locale_tune_tokenizer.checks.converter.pre_name", lambda tokenizer: "gpt-2"
    )
    return stand_in


def ids(tokenizer: Any) -> Callable[[str], list[int]]:
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def unreadable(text: str) -> list[int]:
    raise ChildFailed("unknown pre-tokenizer type")


def test_the_same_ids_pass_with_figures(there, tmp_path: Path):
    there(ids(CASE.old), ids(CASE.new))
    found = gguf_ids(CASE, tmp_path)
    assert found["passed"] is True
    assert (found["ran"], found["pre"], found["binding"]) == (True, "gpt-2", "stand-in 1")
    assert found["texts"] == len(probe_texts(CASE)) > 500
    assert found["base_differs"] == 0
    assert list(tmp_path.iterdir()) == []


def test_one_other_id_fails_with_the_text(there, tmp_path: Path):
    there(ids(CASE.old), lambda t: [0] if t == NATIVE[0] else ids(CASE.new)(t))
    with pytest.raises(CheckFailed, match=r"'GGUF ids': llama\.cpp gives \[0\] for") as failure:
        gguf_ids(CASE, tmp_path)
    assert NATIVE[0] in failure.value.example


def test_texts_that_it_cuts_otherwise_from_the_start_are_only_counted(there, tmp_path: Path):
    there(
        lambda t: [0] if t == NATIVE[0] else ids(CASE.old)(t),
        lambda t: [0] if t == NATIVE[0] else ids(CASE.new)(t),
    )
    found = gguf_ids(CASE, tmp_path)
    assert (found["passed"], found["base_differs"]) == (True, 1)


def test_agreeing_on_hardly_any_text_says_nothing(there, tmp_path: Path):
    there(lambda t: [0], lambda t: [0])
    found = gguf_ids(CASE, tmp_path)
    assert (found["passed"], found["ran"]) == (None, False)
    assert "otherwise than the base tokenizer" in found["why"]


def test_a_base_that_it_does_not_read_is_no_fault_of_the_extension(there, tmp_path: Path):
    there(unreadable, unreadable)
    found = gguf_ids(CASE, tmp_path)
    assert found["passed"] is None
    assert found["why"].endswith("read the base tokenizer: unknown pre-tokenizer type")


def test_an_extension_that_it_does_not_read_fails(there, tmp_path: Path):
    there(ids(CASE.old), unreadable)
    with pytest.raises(CheckFailed, match="does not read the extended tokenizer"):
        gguf_ids(CASE, tmp_path)


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(llamacpp, "PACKAGES", {"no_such_module": "gguf", "neither": "llama"})
    found = gguf_ids(CASE, tmp_path)
    assert found == {
        "passed": None,
        "ran": False,
        "why": "not run: needs gguf and llama, not installed here",
    }


def test_it_does_not_run_for_what_llama_cpp_has_no_name_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(llamacpp, "PACKAGES", {})
    assert "does not know the base's pre-tokenizer" in reason_not_to_run(CASE, "")
    assert reason_not_to_run(CASE, "smollm") == ""
    upgraded = replace(CASE, cut_by=open_tokenizer(toy_spec(digits=True)))
    assert "was upgraded" in reason_not_to_run(upgraded, "smollm")
    assert reason_not_to_run(case(piece_spec()), "") == ""


def test_every_new_token_that_is_text_is_probed_alone_and_after_a_letter():
    texts = probe_texts(CASE)
    whole = [t for token in CASE.new_tokens if "\ufffd" not in (t := CASE.style.to_text(token))]
    assert len(whole) > 20
    assert {*whole, *(f"a{text}" for text in whole), *CHATS, *NATIVE[:20]} <= set(texts)


def test_texts_are_normalised_first_where_the_tokenizer_does_it():
    nfc = {**toy_spec(), "normalizer": {"type": "NFC"}}
    assert any("e\u0301" in text for text in probe_texts(CASE))
    assert not any("e\u0301" in text for text in probe_texts(case(nfc)))


@pytest.mark.parametrize("spec", [toy_spec(), piece_spec()], ids=["byte-level", "sentencepiece"])
def test_llama_cpp_itself_agrees(spec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for module, name in llamacpp.PACKAGES.items():
        if find_spec(module) is None:
            pytest.skip(f"{name} is not installed: llama.cpp cannot be asked")
    monkeypatch.setattr(
        "locale_tune_tokenizer.checks.converter.pre_name", lambda tokenizer: "gpt-2"
    )
    found = gguf_ids(case(spec), tmp_path)
    assert found["passed"] is True, found
    assert found["base_differs"] < 0.1 * found["texts"]


def test_llama_cpp_itself_disagrees_with_merges_in_another_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The file is right; the tokenizer it is compared with is not the one it was made of."""
    for module, name in llamacpp.PACKAGES.items():
        if find_spec(module) is None:
            pytest.skip(f"{name} is not installed: llama.cpp cannot be asked")
    monkeypatch.setattr(
        "locale_tune_tokenizer.checks.converter.pre_name", lambda tokenizer: "gpt-2"
    )
    wrong = replace(CASE, spec=toy_spec())
    with pytest.raises(CheckFailed, match="'GGUF ids'"):
        gguf_ids(wrong, tmp_path)
