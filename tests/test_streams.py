"""Random streams: what a stream gives depends on its seed and purpose alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit_mini.streams import Streams

each_kind = pytest.mark.parametrize("kind", ["random", "standard_normal"])


@each_kind
def test_a_stream_depends_on_its_seed_and_purpose_alone(kind):
    numbers = Streams([3, 1, 3], "noise", kind).draw(50)
    assert numbers.shape == (3, 50)
    assert numbers[0].tolist() == numbers[2].tolist() == Streams([3], "noise", kind).draw(50)[0].tolist()
    assert numbers[1].tolist() == Streams([0, 1, 2], "noise", kind).draw(50)[1].tolist()


@each_kind
def test_different_seeds_and_purposes_share_nothing(kind):
    streams = [Streams(range(10), purpose, kind).draw(500) for purpose in ("actor", "critic")]
    everything = np.concatenate(streams)
    assert len(np.unique(everything)) == everything.size
    correlations = np.corrcoef(everything) - np.eye(20)
    assert np.abs(correlations).max() < 5 / 500**0.5


@each_kind
@given(st.lists(st.integers(1, 3 * Streams.BLOCK) | st.integers(1, 50), min_size=1, max_size=6))
def test_what_a_stream_gives_does_not_depend_on_how_it_is_asked(kind, counts):
    piecewise, at_once = Streams([5, 6], "noise", kind), Streams([5, 6], "noise", kind)
    pieces = np.concatenate([piecewise.draw(count) for count in counts], axis=1)
    assert pieces.tobytes() == at_once.draw(sum(counts)).tobytes()


def test_a_stream_gives_any_shape_in_order():
    numbers = Streams([0, 1], "noise").draw(24)
    assert Streams([0, 1], "noise").draw(2, 3, 4).tolist() == numbers.reshape(2, 2, 3, 4).tolist()
    single = Streams([0, 1], "noise")
    assert [single.draw().tolist() for _ in range(24)] == numbers.T.tolist()


def test_streams_are_uniform_or_standard_normal():
    uniform, normal = (Streams([0], "noise", kind).draw(100_000)[0] for kind in ("random", "standard_normal"))
    assert 0 <= uniform.min() < 1e-4
    assert 1 - 1e-4 < uniform.max() < 1
    np.testing.assert_allclose([uniform.mean(), uniform.var()], [1 / 2, 1 / 12], atol=0.005)
    np.testing.assert_allclose([normal.mean(), normal.var()], [0, 1], atol=0.02)
