"""A teacher on this machine: the same answers for a seed, whatever else is asked."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from pathlib import Path

import pytest
import torch
from tiny import save_tiny, tiny_tokenizer

from locale_tune.api import Machine, Message
from locale_tune_curation.local_model import Draw, LocalModel
from locale_tune_curation.remembering import Remembering
from locale_tune_curation.rounds import counter_of, split_chat, template_counter
from locale_tune_curation.teacher import Row, Sampling, TeacherSettings, ask, open_teacher

SHORT = Sampling(temperature=1.0, top_p=0.95, tokens=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny"))


def teacher(folder: Path, batch: int = 4) -> Remembering:
    return Remembering(LocalModel(folder, "tiny", Machine(), batch))


def model(folder: Path) -> LocalModel:
    return LocalModel(folder, "tiny", Machine(), 4)


def test_answers_depend_on_seed_and_prompt_alone(folder: Path) -> None:
    prompts = [ask("the valley"), ask("a much longer question about the winter"), ask("x")]
    taught = teacher(folder)
    answers = taught.generate(prompts, 2, 3, SHORT)
    assert len(answers) == 6
    assert len({answer.text for answer in answers}) > 3
    assert taught.generate(prompts, 2, 3, SHORT) == answers
    assert taught.generate(prompts[::-1], 2, 3, SHORT)[-2:] == answers[:2]
    assert teacher(folder, batch=1).generate(prompts[:1], 2, 3, SHORT) == answers[:2]
    assert taught.generate(prompts, 2, 4, SHORT) != answers
    assert taught.generate([prompts[0]] * 2, 1, 3, SHORT) == answers[:2]


def test_without_temperature_the_likeliest_token_is_taken(folder: Path) -> None:
    taught = teacher(folder)
    greedy = Sampling(temperature=0, tokens=6)
    one, two = taught.generate([ask("the people")], 2, 1, greedy)
    assert one == two == taught.generate([ask("the people")], 1, 9, greedy)[0]


def test_an_answer_that_ends_says_so(folder: Path) -> None:
    taught = model(folder)
    row = [Row(ask("x"), 0)]
    assert not taught.answer(row, Sampling(0, tokens=2))[0].ended
    head = taught._model.get_output_embeddings()
    with torch.no_grad():
        head.weight[:] = 0  # every token as likely: the first of equals wins, `<|endoftext|>`
    taught._model.generation_config.eos_token_id = [0]
    assert taught.answer(row, Sampling(0, tokens=2)) == [("", True)]


def test_a_prompt_longer_than_the_model_reads_gets_no_answer(folder: Path) -> None:
    long = ask("x" * 600)
    answers = teacher(folder).generate([long, ask("the")], 1, 0, SHORT)
    assert answers[0] == ("", False)
    assert answers[1].text


def test_closing_gives_the_memory_back(folder: Path) -> None:
    taught, row = model(folder), [Row(ask("x"), 0)]
    before = taught.answer(row, SHORT)
    loaded = weakref.ref(taught._model)
    taught.close()
    gc.collect()
    assert loaded() is None
    assert taught.answer(row, SHORT) == before


def test_a_template_without_system_turns_gets_them_in_the_question(folder: Path) -> None:
    taught = model(folder)
    taught._load()
    refuse = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    taught._tokenizer.chat_template = refuse + taught._tokenizer.chat_template
    chat = (Message(role="system", content="Be kind."), *ask("Who?"))
    assert "<|im_start|>user\nBe kind.\n\nWho?<|im_end|>" in taught._rendered(chat)


def test_a_model_without_a_template_reads_the_words_alone(folder: Path) -> None:
    taught = model(folder)
    taught._load()
    taught._tokenizer.chat_template = None
    assert taught._tokenizer.decode(taught._ids(ask("the valley"))) == "the valley\n\n"


def test_the_base_model_is_the_teacher_unless_one_is_named(folder: Path) -> None:
    base = open_teacher(TeacherSettings(), folder, "package:m/x.gguf", Machine())
    assert base.name == "package:m/x.gguf"
    named = open_teacher(TeacherSettings(model=str(folder)), None, "base", Machine())
    assert named.name == folder.name


def test_draws_follow_the_chances_within_the_nucleus() -> None:
    chances = torch.tensor([0.1, 0.4, 0.05, 0.3, 0.15])
    rows = 4000
    draw = Draw(range(rows), 0, Sampling(temperature=1.0, top_p=0.8))
    scores = draw(torch.zeros(rows, 0, dtype=torch.long), chances.log().repeat(rows, 1))
    drawn = Counter(scores.argmax(-1).tolist())
    assert set(drawn) == {1, 3, 4}  # 0.4 + 0.3 are under 0.8, with 0.15 it is reached
    for token, expected in ((1, 0.4 / 0.85), (3, 0.3 / 0.85), (4, 0.15 / 0.85)):
        assert drawn[token] / rows == pytest.approx(expected, abs=0.03)


def test_rounding_draws_nothing_outside_the_nucleus(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Draw([0], 0, Sampling(temperature=1.0, top_p=0.6))
    monkeypatch.setattr(draw._draws[0], "random", lambda: 1 - 2**-53)  # 1.0 in float32
    chances = torch.tensor([[0.25, 0.5, 0.25]])
    assert draw(torch.zeros(1, 0, dtype=torch.long), chances.log()).argmax().item() == 0


def test_what_was_said_is_penalised_and_what_was_asked_is_not() -> None:
    draw = Draw([0, 0], 1, Sampling(temperature=0, presence_penalty=2.0))
    scores = draw(torch.tensor([[2, 0], [2, 1]]), torch.tensor([[3.0, 2.0, 1.0]] * 2))
    assert scores.tolist() == [[1.0, 2.0, 1.0], [3.0, 0.0, 1.0]]


def test_long_chats_are_counted_by_the_template(folder: Path) -> None:
    count = counter_of(folder)
    chat = [Message(role="user", content="the valley"), Message(role="assistant", content="yes")]
    template = count(chat) - count([chat[0]])
    tokenizer = tiny_tokenizer()
    assert template > len(tokenizer.encode("yes"))
    tokenizer.chat_template = None
    assert template_counter(tokenizer)(chat) == len(tokenizer.encode("the valley\nyes"))
    from locale_tune.api import Record

    record = Record(id="c", source="s", messages=(*chat, *chat, *chat))
    rejected: Counter[str] = Counter()
    pieces = split_chat(record, count, count(chat) * 2, rejected)
    assert [len(piece.messages) for piece in pieces] == [4, 2]
    assert not sum(rejected.values())
