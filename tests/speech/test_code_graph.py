# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech on fixed shapes equals speech as it comes, and the host waits once a second."""

import pytest
import torch

from minicpmo.graph.captured_step import GraphPool
from minicpmo.graph.host_read import READS
from minicpmo.speech import code_graph
from minicpmo.speech.code_sampler import CodeSampler, CodeSampling, chosen_code
from minicpmo.speech.code_stream import CODES_PER_UNIT, DuplexCodeStream
from minicpmo.speech.noise import HashedNoise
from minicpmo.speech.spectrum import Spectrum
from minicpmo.speech.synthesizer import ModelSpeech

CPU = torch.device('cpu')


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch):
    """Let the context of a test grow through several sizes."""
    monkeypatch.setattr(code_graph, 'SHORTEST_VISIBLE', 64)


@pytest.mark.parametrize('seed', [None, 0, 5])
def test_codes_on_fixed_shapes_are_the_same(decoder, hidden, seed):
    streams = [
        DuplexCodeStream(decoder, CodeSampling(seed=seed), p) for p in (None, GraphPool(CPU))
    ]
    lengths = []
    for turn, units in enumerate((4, 1, 3)):
        for unit in range(units):
            given = [1, 2, 3 + unit], hidden(3, 10 * turn + unit), unit == units - 1
            expected, found = (stream.generate(*given) for stream in streams)
            assert found == expected
            assert streams[1].trace == streams[0].trace
            lengths.append(streams[1].length)
    assert max(lengths) > 64, 'more than one size was in use'


def test_a_second_in_the_middle_of_a_turn_waits_once(decoder, hidden):
    stream = DuplexCodeStream(decoder, CodeSampling(), GraphPool(CPU))
    stream.generate([1, 2], hidden(2), False)
    before = READS.reads
    stream.begin([1, 2], hidden(2, 1), False)
    assert READS.reads == before, 'a unit is launched without waiting'
    assert len(stream.finish()) == CODES_PER_UNIT
    assert READS.reads - before == 1


def test_a_unit_that_may_end_waits_once_in_five_codes(decoder, hidden):
    stream, plain = (DuplexCodeStream(decoder, CodeSampling(), p) for p in (GraphPool(CPU), None))
    for unit, end in ((0, False), (1, True)):
        before = READS.reads
        codes = stream.generate([1, 2], hidden(2, unit), end)
        assert READS.reads - before == min(len(codes) // 5 + 1, 5)
        assert codes == plain.generate([1, 2], hidden(2, unit), end)


def test_a_condition_that_does_not_fit_is_drawn_as_it_comes(decoder, hidden):
    streams = [DuplexCodeStream(decoder, CodeSampling(), p) for p in (GraphPool(CPU), None)]
    for count in (30, 2, 30):
        found, expected = (
            stream.generate([1] * count, hidden(count, count), False) for stream in streams
        )
        assert found == expected


@pytest.mark.parametrize('units', [1, 4])
def test_sound_on_fixed_shapes_is_the_same(decoder, token2wav, prompt, hidden, units):
    voice = token2wav.prepare_voice(prompt)
    speeches = [
        ModelSpeech.duplex(decoder, token2wav, voice, noise=HashedNoise(3), pool=pool)
        for pool in (None, GraphPool(CPU))
    ]
    for turn in range(2):
        for unit in range(units):
            given = [1, 2, unit], hidden(3, 10 * turn + unit), '', unit == units - 1
            expected, found = (torch.from_numpy(speech.speak(*given)) for speech in speeches)
            # One step of 16 bits, where rounding goes the other way, and what errors add up to.
            torch.testing.assert_close(found, expected, atol=5e-4, rtol=0)


@pytest.mark.parametrize('stride', [2, 4])
def test_skipped_flow_steps_are_the_same(token2wav, prompt, codes, stride):
    voice = token2wav.prepare_voice(prompt)
    streams = [token2wav.new_stream(voice, HashedNoise(3), p) for p in (None, GraphPool(CPU))]
    for stream in streams:
        stream.flow_state.want(stride)
    for call, count in enumerate((28, 28, 9)):
        given = codes(count, call), call == 2
        expected, found = (token2wav.flow(given[0], s.flow_state, given[1]) for s in streams)
        torch.testing.assert_close(found, expected, atol=5e-5, rtol=1e-4)


def test_draws_are_those_of_multinomial():
    scores = torch.randn(50, generator=torch.Generator().manual_seed(1))
    sampler = CodeSampler(CodeSampling(seed=9), 50, CPU)
    generator = torch.Generator().manual_seed(9)
    for _ in range(200):
        sampler.refresh()
        expected = torch.multinomial(scores.softmax(-1), 1, generator=generator)
        assert torch.equal(chosen_code(scores, sampler.noise[0], sampler.rules), expected)


def test_spectrum_is_that_of_the_library():
    spectrum, window = Spectrum(16, 4), torch.hann_window(16)
    samples = torch.randn(480, generator=torch.Generator().manual_seed(2))
    stft = torch.stft(samples[None], 16, 4, window=window, return_complex=True)
    found = spectrum.forward(samples)
    torch.testing.assert_close(found, torch.cat((stft.real, stft.imag), 1), atol=2e-6, rtol=0)
    magnitude, phase = torch.randn(2, 1, 9, 121, generator=torch.Generator().manual_seed(3))
    columns = torch.polar(magnitude.exp(), phase.sin())
    expected = torch.istft(columns, 16, 4, window=window)[0]
    found = spectrum.inverse(torch.cat((magnitude, phase), 1))
    torch.testing.assert_close(found, expected, atol=5e-6, rtol=1e-5)
