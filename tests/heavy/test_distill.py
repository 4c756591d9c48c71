"""Token distillation: old tokens end where new ones do, and gradients equal autograd's."""

from __future__ import annotations

import pytest
import torch
from rowing import NEW, PIECES, TOKENIZER, make, random_rows
from torch.nn import functional

from locale_tune_tokenizer.embeddings.distill import distillation, expand, longest, taught
from locale_tune_tokenizer.embeddings.row_batches import Packed, pack
from locale_tune_tokenizer.embeddings.row_losses import next_token

CPU = torch.device("cpu")


def test_a_row_is_spelled_in_old_tokens_text_by_text():
    row = Packed([300, 1, 309, 2, 305, 300], [0, 1, 2, 3, 0, 1])
    short = Packed([4, 5, 6, 7, 8, 9], list(range(6)))
    found = expand([row, short], PIECES, CPU)
    assert found.ids.tolist()[0] == [10, 11, 1, 13, 14, 15, 2, 12, 10, 11]
    assert found.positions.tolist()[0] == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2]
    assert found.ends.tolist() == [[1, 2, 5, 6, 7, 9], [0, 1, 2, 3, 4, 5]]
    # The first new token of a text is predicted from nothing, whatever its old pieces.
    assert found.inside.int().tolist()[0] == [0, 0, 1, 1, 1, 1, 1, 0, 1, 1]
    assert found.ids.tolist()[1] == [4, 5, 6, 7, 8, 9, 0, 0, 0, 0]
    assert found.inside.int().tolist()[1] == [0, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    assert found.tokens == 16
    assert longest([[row, short]], PIECES) == 7
    assert longest([], PIECES) == 0


def test_old_tokens_end_at_the_same_byte_as_new_ones():
    size = {n: len(TOKENIZER.convert_ids_to_tokens(n)) for n in range(len(TOKENIZER))}
    size |= {new: sum(size[old] for old in pieces) for new, pieces in PIECES.items()}
    for row, old in zip(random_rows(4), expanded_rows(random_rows(4)), strict=True):
        ids, ends = old
        bytes_at = torch.tensor([size[n] for n in ids]).cumsum(0)
        assert (
            bytes_at[ends].tolist() == torch.tensor([size[n] for n in row.ids]).cumsum(0).tolist()
        )


def expanded_rows(rows: list[Packed]):
    found = expand(rows, PIECES, CPU)
    return zip(found.ids.tolist(), found.ends.tolist(), strict=True)


def test_the_teacher_reads_each_text_alone_and_padding_changes_nothing():
    setup = make()
    texts = [row.ids for row in random_rows(2, 8)]
    together = taught(setup, expand(pack(texts, 16), PIECES, CPU))[0]
    beside = [Packed([1] * 8, list(range(8)))]
    for number, ids in enumerate(texts):
        alone = taught(setup, expand([Packed(ids, list(range(8))), *beside], PIECES, CPU))[0]
        torch.testing.assert_close(together[8 * number : 8 * number + 8], alone)


def autograd(setup, rows):
    """Return the two losses by the library's own forward pass, with a graph to the tables."""
    model = setup.model.requires_grad_(True)
    ids = torch.tensor([row.ids for row in rows])
    with torch.no_grad():
        target = taught(setup, expand(rows, PIECES, CPU))
    out = model(input_ids=ids, use_cache=False, output_hidden_states=True)
    gap = functional.mse_loss(out.hidden_states[-1], target)
    logits = out.logits[:, :-1].flatten(0, 1)
    return gap, functional.cross_entropy(logits, ids[:, 1:].flatten())


def test_untied_inputs_follow_the_teacher_and_heads_the_next_token():
    setup = make(tied=False)
    rows = random_rows(3)
    found = distillation(setup, rows)
    gap, loss = autograd(setup, rows)
    assert found.gap == pytest.approx(gap.item(), rel=1e-5)
    assert found.loss == pytest.approx(loss.item(), rel=1e-5)
    assert (found.tokens, found.teacher_tokens) == (36, 36 + 3 * 3)
    tables = setup.tables
    (as_input,) = torch.autograd.grad(gap, tables.input, retain_graph=True)
    (as_output,) = torch.autograd.grad(loss, tables.output)
    torch.testing.assert_close(tables.new_input.grad, as_input[NEW])
    torch.testing.assert_close(tables.new_output.grad, as_output[NEW])


def test_tied_rows_take_both_at_one_scale():
    setup = make(tied=True)
    rows = random_rows(3)
    distillation(setup, rows)
    gap, loss = autograd(setup, rows)
    (gap + (gap / loss).detach() * loss).backward()
    torch.testing.assert_close(setup.tables.new_input.grad, setup.tables.input.grad[NEW])


def test_a_token_that_is_its_only_piece_has_nothing_to_learn_from_the_teacher():
    setup = make(tied=False)
    with torch.no_grad():
        setup.tables.input[305] = setup.tables.input[12]
    rows = [Packed([1, 2, 305, 3, 4], list(range(5)))]
    assert distillation(setup, rows).gap == pytest.approx(0.0, abs=1e-12)
    assert distillation(setup, random_rows(1)).gap > 1e-3


def test_bfloat16_stays_near_float32():
    rows, setup = random_rows(4), make(tied=False)
    exact = distillation(setup, rows)
    half = make(tied=False, compute=torch.bfloat16)
    near = distillation(half, rows)
    assert near.gap == pytest.approx(exact.gap, rel=3e-2)
    assert near.loss == pytest.approx(next_token(setup, rows).loss, rel=1e-2)
