# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Streams and the threads around the engine, with a sound card that can be unplugged."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from minicpmo_ros.sound_device.audio_device import AudioDevice
from minicpmo_ros.sound_device.audio_engine import AudioConfig, AudioEngine
from minicpmo_ros.sound_device.device_stream import StreamState
from minicpmo_ros.sound_device.echo_canceller import EchoCancellation
from minicpmo_ros.sound_device.full_duplex_stream import FullDuplexStream, StreamConfig
from minicpmo_ros.sound_device.playback_queue import SpeechPiece
from minicpmo_ros.sound_device.software_clock_stream import SoftwareClockStream


class FakeSoundCard:
    """The part of sounddevice that is used, with a plug that can be pulled."""

    def __init__(self):
        self.plugged = True
        self.rate = 48000.0
        self.flags = SimpleNamespace(input_overflow=False, output_underflow=False)
        self.rescans = 0
        self.rendered = []
        self.opened = []

    def query_devices(self, device, kind):
        if not self.plugged:
            raise ValueError(f'No {kind} device matching {device!r}')
        return {'default_samplerate': self.rate}

    def _terminate(self):
        self.rescans += 1

    def _initialize(self):
        pass

    def Stream(self, **options):
        return self._stream('duplex', options)

    def InputStream(self, **options):
        return self._stream('input', options)

    def OutputStream(self, **options):
        return self._stream('output', options)

    def _stream(self, kind, options):
        if not self.plugged:
            raise ValueError('Error querying device -1')
        self.opened.append(kind)
        return FakeStream(self, kind, options)


class FakeStream:
    def __init__(self, card, kind, options):
        self.card, self.kind = card, kind
        self.callback, self.blocksize = options['callback'], options['blocksize']
        self.samplerate = options['samplerate']
        self.latency = (0.01, 0.02) if kind == 'duplex' else 0.01
        self.active = False

    def start(self):
        self.active = True
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        microphone = np.zeros((self.blocksize, 1), np.float32)
        while self.active and self.card.plugged:
            out = np.zeros((self.blocksize, 1), np.float32)
            times = SimpleNamespace(
                currentTime=5.0, inputBufferAdcTime=4.985, outputBufferDacTime=5.025
            )
            arguments = {'duplex': (microphone, out), 'input': (microphone,), 'output': (out,)}
            self.callback(*arguments[self.kind], self.blocksize, times, self.card.flags)
            self.card.rendered.append(out)
            time.sleep(0.005)

    def close(self):
        self.active = False


class Setup:
    """A device with everything it reports."""

    def __init__(self, make_stream):
        self.frames, self.errors = [], []
        engine = AudioEngine(AudioConfig(echo_cancellation=EchoCancellation.NONE))
        self.device = AudioDevice(
            engine,
            make_stream,
            lambda frame, at: self.frames.append((frame, at)),
            self.errors.append,
        )

    def until(self, condition, seconds=5.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.device.status()
            time.sleep(0.01)


def speech(seconds=1.0, index=0):
    samples = np.full(int(16000 * seconds), 0.25, np.float32)
    return SpeechPiece(1, 1, index, 0.0, 16000, samples, last=True)


def on_card(card, **settings):
    config = StreamConfig(retry_seconds=0.2, **settings)
    return Setup(lambda device: FullDuplexStream(device, config, card))


def test_plays_and_hears_through_one_stream():
    card = FakeSoundCard()
    setup = on_card(card)
    with setup.device:
        setup.device.engine.playback.push(speech())
        setup.until(lambda: any(block.any() for block in card.rendered))
        setup.until(lambda: len(setup.frames) > 3)
        status = setup.device.status()
        assert status.state is StreamState.RUNNING and status.sample_rate == 48000
    assert card.opened == ['duplex'] and not setup.errors
    assert setup.device.status().state is StreamState.CLOSED


def test_a_device_that_is_missing_at_the_start_is_found_later():
    card = FakeSoundCard()
    card.plugged = False
    setup = on_card(card)
    with setup.device:
        setup.until(lambda: setup.device.status().state is StreamState.SEARCHING)
        assert 'no audio device' in setup.device.status().detail
        card.plugged = True
        setup.until(lambda: setup.device.status().state is StreamState.RUNNING)
        assert card.rescans > 0


def test_unplugged_and_plugged_in_again():
    card = FakeSoundCard()
    setup = on_card(card)
    with setup.device:
        setup.until(lambda: len(setup.frames) > 3)
        card.plugged = False
        setup.until(lambda: setup.device.status().state is StreamState.SEARCHING)
        card.rate = 16000.0  # another device than before
        card.plugged = True
        setup.until(lambda: setup.device.status().state is StreamState.RUNNING)
        assert setup.device.status().openings == 2
        heard = len(setup.frames)
        setup.until(lambda: len(setup.frames) > heard + 3)
        numbers = [frame.begin for frame, _ in setup.frames]
        assert numbers == sorted(set(numbers))


def test_speech_does_not_pile_up_without_a_device():
    card = FakeSoundCard()
    card.plugged = False
    setup = on_card(card)
    with setup.device:
        setup.device.engine.playback.push(speech(0.3))
        setup.until(lambda: setup.device.playback_state().queued == 0.0)


def test_interruptions_during_the_search_for_a_device_leave_nothing_behind():
    card = FakeSoundCard()
    card.plugged = False
    setup = on_card(card)
    queue = setup.device.engine.playback
    with setup.device:
        setup.until(lambda: setup.device.status().state is StreamState.SEARCHING)
        for _ in range(100):
            queue.pause()
            queue.flush(1)
            queue.resume()
        assert not queue.push(speech())  # of the epoch that is void
        card.plugged = True
        setup.until(lambda: setup.device.status().state is StreamState.RUNNING)
        heard = len(setup.frames)
        setup.until(lambda: len(setup.frames) > heard + 3)
        assert not any(block.any() for block in card.rendered)
        queue.push(SpeechPiece(2, 2, 0, 0.0, 16000, np.full(8000, 0.25, np.float32), last=True))
        setup.until(lambda: any(block.any() for block in card.rendered))


@pytest.mark.parametrize(
    'settings, kind',
    [({'output_device': 'none'}, 'input'), ({'input_device': 'none'}, 'output')],
)
def test_one_sided_devices(settings, kind):
    card = FakeSoundCard()
    setup = on_card(card, **settings)
    with setup.device:
        setup.until(lambda: len(setup.frames) > 3)
    assert card.opened == [kind]


def test_overruns_and_underruns_of_the_device_are_counted():
    card = FakeSoundCard()
    card.flags = SimpleNamespace(input_overflow=True, output_underflow=True)
    setup = on_card(card)
    with setup.device:
        setup.until(lambda: setup.device.status().overruns > 2)
        assert setup.device.status().underruns > 2


def test_frames_carry_the_time_of_their_capture():
    card = FakeSoundCard()
    setup = on_card(card)
    with setup.device:
        setup.until(lambda: len(setup.frames) > 2)
        first = setup.frames[0][1]
        assert time.monotonic() - 10.0 < first < time.monotonic()


def test_an_error_in_the_analysis_is_reported_and_the_next_block_works():
    card = FakeSoundCard()
    setup = on_card(card)
    analyse, calls = setup.device.engine.analyse, []

    def failing(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError('driver hiccup')
        return analyse(*arguments)

    setup.device.engine.analyse = failing
    with setup.device:
        setup.until(lambda: len(setup.frames) > 3)
    assert [str(error) for error in setup.errors] == ['driver hiccup']


def test_played_is_what_was_heard_and_not_what_was_handed_over():
    setup = Setup(lambda device: SoftwareClockStream(device, 16000))
    device = setup.device
    device.engine.playback.push(speech())
    for block in range(20):
        device.exchange(np.zeros(0, np.float32), 0.0, 100.0 + 0.01 * block)
    assert device.engine.playback.state().played == pytest.approx(0.2)
    assert device.playback_state(now=100.105).played == pytest.approx(0.1)
    assert device.playback_state(now=101.0).played == pytest.approx(0.2)


def test_software_clock_paces_and_feeds():
    blocks = []
    setup = Setup(lambda device: SoftwareClockStream(device, 16000, sink=blocks.append))
    with setup.device:
        begun = time.monotonic()
        setup.device.engine.playback.push(speech(0.5))
        setup.until(lambda: setup.device.playback_state().queued == 0.0)
        assert 0.15 < time.monotonic() - begun < 3.0
        for number in range(20):
            setup.device.feed(np.zeros(1600, np.float32), 50.0 + 0.1 * number)
        setup.until(lambda: len(setup.frames) >= 60)
        assert setup.frames[31][1] == pytest.approx(50.0 + 31 * 0.032, abs=1e-3)
    assert sum(block.any() for block in blocks) == 50


def test_settings_without_any_device_are_refused():
    with pytest.raises(ValueError, match='none'):
        StreamConfig(input_device='none', output_device='none')
    with pytest.raises(ValueError, match='5'):
        StreamConfig(sample_rate=5)


def test_blocks_of_20_ms_hold_the_same_sound_as_the_frames_and_a_unit_ends_with_one():
    blocks = []
    engine = AudioEngine(AudioConfig(echo_cancellation=EchoCancellation.NONE))
    engine.keep_blocks = True
    frames = []
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 32000).astype(np.float32)
    for begin in range(0, 32000, 250):
        block = sound[begin : begin + 250]
        frames += engine.analyse(block, np.zeros_like(block))
        blocks += engine.take_blocks()
    assert [block.begin for block in blocks] == list(range(0, 32000, 320))
    whole = np.concatenate([block.samples for block in blocks])
    seen = np.concatenate([frame.samples for frame in frames])
    assert np.array_equal(whole[: seen.size], seen)


def test_a_listener_to_blocks_gets_them_in_time_order():
    received, errors = [], []
    engine = AudioEngine(AudioConfig(echo_cancellation=EchoCancellation.NONE))
    device = AudioDevice(
        engine,
        lambda handler: SoftwareClockStream(handler, 16000),
        lambda frame, at: None,
        errors.append,
        lambda samples, at: received.append((samples.size, at)),
    )
    with device:
        for number in range(10):
            device.feed(np.zeros(1600, np.float32), number * 0.1)
        end = time.monotonic() + 10.0
        while len(received) < 49 and time.monotonic() < end:
            time.sleep(0.01)
    assert not errors
    assert {size for size, _ in received} == {320}
    assert len(received) >= 49
    times = [at for _, at in received]
    assert times == sorted(times)
