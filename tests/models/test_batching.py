from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nablaviz.models.batching import Stream, pack


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(50, 120))
def test_pack_loses_nothing_and_keeps_to_the_limit(sizes, limit):
    batches = pack(range(len(sizes)), sizes, limit)
    assert [i for batch in batches for i in batch] == list(range(len(sizes)))
    totals = [sum(sizes[i] for i in batch) for batch in batches]
    assert all(total <= limit for total in totals)
    # None could have taken the first of the next.
    following = [sizes[batch[0]] for batch in batches[1:]]
    assert all(total + size > limit for total, size in zip(totals, following, strict=False))


def test_pack_refuses_what_never_fits():
    with pytest.raises(ValueError, match="sample 1 has 90 atom pairs, more than the 80 of a batch"):
        pack([0, 1], [10, 90], 80)


def test_every_epoch_has_every_sample_once_in_another_order():
    stream = Stream([30] * 20, 100, seed=5)
    epochs = [[i for _ in range(7) for i in stream.take()] for _ in range(3)]  # 6 batches of 3, one of 2
    assert stream.epoch == 2
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert stream.samples == 60


def test_seed_decides_the_order():
    orders = [[Stream([1] * 30, 10, seed).take() for _ in range(3)] for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("done", [0, 1, 6, 7, 8, 20])
def test_stream_goes_on_from_its_position(done):
    sizes = [5 + i for i in range(20)]
    first = Stream(sizes, 60, seed=2)
    for _ in range(done):
        first.take()
    again = Stream(sizes, 60, seed=2, epoch=first.epoch, place=first.place, samples=first.samples)
    assert [first.take() for _ in range(15)] == [again.take() for _ in range(15)]
    assert first.samples == again.samples
