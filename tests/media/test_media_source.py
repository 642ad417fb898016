# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reading videos, sound, pictures and recordings; the files are made by the tests."""

from pathlib import Path
import wave

import av
import numpy as np
from PIL import Image
import pytest

from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.item import SAMPLE_RATE, Picture, Sound
from minicpmo_ros.media.opener import open_media


def tone(seconds: float, rate: int) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)


def write_video(path: Path, seconds: int = 3, sound: bool = True) -> None:
    """Frames whose grey value is 10 x second; the tone begins with the video."""
    codecs = {'.webm': ('vp8', 'libopus'), '.mkv': ('mpeg4', 'flac'), '.mp4': ('mpeg4', 'aac')}
    video, audio = codecs[path.suffix]
    with av.open(str(path), 'w') as container:
        pictures = container.add_stream(video, rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, 'yuv420p'
        voice = container.add_stream(audio, rate=48000, layout='mono') if sound else None
        for number in range(10 * seconds):
            grey = np.full((48, 64, 3), 10 + number // 10 * 60, np.uint8)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(grey, format='rgb24')))
        container.mux(pictures.encode(None))
        if voice is not None:
            _write_tone(container, voice, seconds)


def _write_tone(container, voice, seconds: int) -> None:
    samples = tone(seconds, 48000)
    for begin in range(0, len(samples), 4800):
        block = samples[begin : begin + 4800].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(block, format='s16', layout='mono')
        frame.rate, frame.pts = 48000, begin
        container.mux(voice.encode(frame))
    container.mux(voice.encode(None))


def sound_of(items) -> np.ndarray:
    blocks = [item.samples for item in items if isinstance(item, Sound)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.webm'])
def test_video_gives_pictures_and_sound(tmp_path, suffix):
    path = tmp_path / f'scene{suffix}'
    write_video(path)
    source = open_media(str(path))
    items = list(source.items())
    pictures = [item for item in items if isinstance(item, Picture)]
    assert source.duration == pytest.approx(3.0, abs=0.1)
    assert len(pictures) == 30 and pictures[0].pixels.shape == (48, 64, 3)
    levels = [int(p.pixels.mean()) for p in pictures]
    assert abs(levels[5] - 10) < 8 and abs(levels[25] - 130) < 8
    samples = sound_of(items)
    assert len(samples) == pytest.approx(3 * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    assert np.abs(samples[8000:40000].astype(float)).mean() > 3000


def test_seek_begins_at_the_time(tmp_path):
    path = tmp_path / 'scene.mkv'
    write_video(path)
    items = list(open_media(str(path)).items(2.0))
    assert min(item.time for item in items) == pytest.approx(2.0, abs=0.11)
    assert len(sound_of(items)) == pytest.approx(SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)


@pytest.mark.parametrize('suffix', ['.wav', '.flac', '.ogg'])
def test_sound_files_are_resampled_to_mono(tmp_path, suffix):
    import soundfile

    path = tmp_path / f'voice{suffix}'
    left = tone(1.5, 44100).astype(np.float32) / 32768
    soundfile.write(path, np.stack([left, left], axis=1), 44100)
    samples = sound_of(open_media(str(path)).items())
    assert len(samples) == pytest.approx(1.5 * SAMPLE_RATE, abs=600)
    spectrum = np.abs(np.fft.rfft(samples[4000:20000]))
    assert np.argmax(spectrum) == pytest.approx(440, abs=2)


def test_folder_of_pictures(tmp_path):
    for number in (2, 1, 3):
        Image.new('RGB', (8, 8), (number, 0, 0)).save(tmp_path / f'{number}.png')
    (tmp_path / 'notes.txt').write_text('no picture')
    items = list(open_media(str(tmp_path), picture_period=0.5).items(0.5))
    assert [(item.time, item.pixels[0, 0, 0]) for item in items] == [(0.5, 2), (1.0, 3)]


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('missing.mp4', None, 'does not exist'),
        ('empty.mp4', b'', 'cannot be opened'),
        ('text.mp4', b'no video at all', 'cannot be opened'),
        ('broken.mcap', b'no recording', 'cannot be read'),
    ],
)
def test_unusable_files_are_named(tmp_path, name, content, reason):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=reason) as caught:
        open_media(str(path))
    assert name in str(caught.value)


def test_cut_video_ends_with_an_error_or_early(tmp_path):
    path = tmp_path / 'scene.mkv'
    write_video(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = open_media(str(path))
    try:
        count = sum(1 for _ in source.items())
    except MediaError as error:
        assert 'damaged' in str(error)
    else:
        assert count < 200


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(MediaError, match='no pictures'):
        open_media(str(tmp_path))


def test_wave_of_eight_bits(tmp_path):
    path = tmp_path / 'old.wav'
    with wave.open(str(path), 'wb') as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes([128] * 8000))
    samples = sound_of(open_media(str(path)).items())
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=100)
    assert np.abs(samples).max() < 400
