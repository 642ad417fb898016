# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scripts as the language model will meet them: encoder rows, picture rows, target tokens.

The encoders are frozen here, so every second is encoded once and used in many sequences.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
import sys

import numpy as np
import torch
from torch import Tensor

from minicpmo.mel import LogMel
from training.nano.audio_training import AudioTrainee
from training.nano.audio_window import SoundBank
from training.nano.precision import mixed_precision
from training.nano.progress import Progress
from training.nano.request import Part
from training.nano.script import write_script
from training.nano.script_audio import ScriptAudio
from training.nano.timeline import Script
from training.nano.utterance import UtterancePool
from training.nano.varied_pool import VariedPool
from training.nano.vision_training import PICTURE_SIZES, VisionTrainee, draw_picture
from training.nano.warm_start import scale_audio_rows

AUDIO_ROWS = 10  # of a second
VARIANTS = 2  # pictures drawn of one unchanged scene
_LONGEST_PAST = 400  # units of a conversation that are known by what was said only


@dataclass
class Stream:
    """One script in numbers.

    audio: float16 [units, 10, hidden]; pictures: float16 [n, 8, hidden];
    picture: int64 [units], index into ``pictures``; texts, ends, yields: per unit.
    labels: int64 [units, 13]: request, talking, talk_over, then classes of ``ATTRIBUTES``.
    previous: what was said before, one text per speaking unit.
    """

    audio: Tensor
    pictures: Tensor
    picture: Tensor
    texts: list[str]
    ends: list[bool]
    yields: list[bool]
    labels: Tensor
    previous: list[str] = field(default_factory=list)

    @classmethod
    def of_script(cls, script: Script, audio: Tensor, pictures: Tensor, picture: Tensor) -> Stream:
        """Return what a script says in every unit, with these rows of its sound and pictures."""
        units = script.units
        return cls(
            audio,
            pictures,
            picture,
            [unit.text for unit in units],
            [unit.end_of_turn for unit in units],
            [unit.yielded for unit in units],
            torch.tensor([list(unit.labels.values()) for unit in units]),
            script.previous,
        )


class StreamWriter:
    """Turns scripts into streams with frozen encoders."""

    def __init__(self, audio: AudioTrainee, vision: VisionTrainee, sound: ScriptAudio) -> None:
        self._audio, self._vision, self._sound = audio.eval(), vision.eval(), sound
        self._mel = LogMel()

    @torch.inference_mode()
    def write(self, rng: np.random.Generator, script: Script) -> Stream:
        """Return the stream of one script."""
        units = len(script.units)
        images, picture = map(torch.from_numpy, draw_pictures(rng, script))
        mels = [mel[None] for mel in self._mel.stream(self._sound.render(rng, script))]
        with mixed_precision('cpu'):
            rows = self._audio.audio_projection_layer(self._audio.apm.stream(mels))[0]
            pictures = torch.cat([self._vision.rows(part) for part in images.split(32)])
        audio = rows.unflatten(0, (units, -1)).half()
        return Stream.of_script(script, audio, pictures.half(), picture)


def draw_pictures(
    rng: np.random.Generator, script: Script, size: tuple[int, int] = PICTURE_SIZES[0]
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the camera sees in a script.

    Returns:
        uint8 [n, height, width, 3] and, for every unit, which of them it shows, int64 [units].
    """
    images: list[np.ndarray] = []
    drawn: dict[tuple, list[int]] = defaultdict(list)
    picture = []
    for unit in script.units:
        known = drawn[unit.layout, unit.state]
        if len(known) < VARIANTS:
            known.append(len(images))
            images.append(draw_picture(rng, script.layouts[unit.layout], unit.state, size))
            picture.append(known[-1])
        else:
            picture.append(known[int(rng.integers(VARIANTS))])
    return np.stack(images), np.array(picture)


def load_encoders(run: Path) -> tuple[AudioTrainee, VisionTrainee]:
    """Return both encoders as trained so far, scaled as they ship."""
    state = torch.load(run / 'audio.pt', map_location='cpu', weights_only=True)['model']
    audio = AudioTrainee(len(state['aligned_head.bias']) - 1)
    audio.load_state_dict(state)
    scale_audio_rows(audio)
    vision = VisionTrainee()
    vision.load_state_dict(
        torch.load(run / 'vision.pt', map_location='cpu', weights_only=True)['model']
    )
    return audio, vision


def write_shards(
    folder: Path,
    pools: Path,
    encoders: tuple[AudioTrainee, VisionTrainee],
    shards: int,
    scripts: int,
    seed: int,
    units: int = 120,
    noise_seconds: float = 120,
    part: Part = Part.TRAINING,
) -> None:
    """Write ``shards`` files with ``scripts`` streams each; existing ones are kept.

    part: TRAINING, or DEVELOPMENT for a look at what was not learned by heart.
    """
    folder.mkdir(parents=True, exist_ok=True)
    readings = UtterancePool(pools / ('training' if part is Part.TRAINING else 'development'))
    pool = VariedPool(readings) if part is Part.TRAINING else readings
    noises = SoundBank(seed + 99, noise_seconds, held_out=part is not Part.TRAINING)
    sound = ScriptAudio(pool, noises)
    writer = StreamWriter(*encoders, sound)
    progress = Progress('streams', shards * scripts)
    for shard in range(shards):
        path = folder / f'{seed}_{shard:04d}.pt'
        if path.exists():
            continue
        rng = np.random.default_rng((seed, shard))
        streams = []
        for index in range(scripts):
            past = int(rng.integers(0, _LONGEST_PAST)) if rng.random() < 0.6 else 0
            script = write_script(rng, pool, part, past + units).cut(past)
            streams.append(vars(writer.write(rng, script)))
            progress.update(shard * scripts + index + 1)
        torch.save(streams, path.with_suffix('.new'))
        path.with_suffix('.new').replace(path)


if __name__ == '__main__':
    torch.set_num_threads(1)
    write_shards(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        load_encoders(Path(sys.argv[3])),
        *(int(argument) for argument in sys.argv[4:7]),
        part=Part(sys.argv[7]) if len(sys.argv) > 7 else Part.TRAINING,
    )
