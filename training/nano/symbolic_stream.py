# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Conversations with made-up encoder rows: the language model learns the talking first.

When to speak, what to say, how long, what has been agreed: none of that needs real sound and
pictures. Here a second is four rows of sound and two of picture, sums of fixed random codes of
what the encoders will later have to tell (who talks, about what, what is visible) plus noise, so
a sequence has less than half the rows of a real one and nothing has to be rendered.
"""

from __future__ import annotations

import numpy as np
import torch

from training.nano.renderer import ATTRIBUTES, attributes
from training.nano.request import INTENTS
from training.nano.scene import SHAPES, SceneState
from training.nano.size import NANO
from training.nano.stream import Stream
from training.nano.timeline import Script, SoundEvent

AUDIO_ROWS = 4
PICTURE_ROWS = 2
_KINDS = ('speech', 'unaddressed', 'backchannel', 'television', 'music', 'noise', 'household',
          'own_voice')  # fmt: skip
_NEAR = ('speech', 'unaddressed', 'backchannel')
_CODE = 0.15  # standard deviation of the codes
_NOISE = 0.08


class SentencePool:
    """Sentences with the length a voice would need, without sound."""

    def __init__(self, unaddressed: tuple[str, ...], backchannels: tuple[str, ...]) -> None:
        self._texts = {'unaddressed': list(unaddressed), 'backchannel': list(backchannels)}

    def pick(self, rng: np.random.Generator, text: str) -> SilentSentence:
        """Return a reading of the sentence at a random pace."""
        return SilentSentence(0.15 + len(text) / 16 * float(rng.uniform(0.75, 1.25)))

    def texts(self, kind: str) -> list[str]:
        """Return the sentences of a kind."""
        return self._texts[kind]


class SilentSentence:
    """A sentence that only has a length [s]."""

    def __init__(self, seconds: float) -> None:
        self.index, self.seconds = 0, seconds


class SymbolicStreamWriter:
    """Turns scripts into streams of codes; the codes depend on the seed only."""

    def __init__(self, seed: int = 11) -> None:
        rng = np.random.default_rng(seed)
        hidden = NANO.llm.hidden_size

        def codes(count: int) -> np.ndarray:
            return rng.normal(0, _CODE, (count, hidden)).astype(np.float32)

        self._kinds = dict(zip(_KINDS, codes(len(_KINDS)), strict=True))
        self._near = codes(1)[0]
        self._intents = dict(zip(INTENTS, 2 * codes(len(INTENTS)), strict=True))
        self._talk = codes(64)
        self._attributes = {name: codes(count) for name, count in ATTRIBUTES.items()}

    def write(self, rng: np.random.Generator, script: Script) -> Stream:
        """Return the stream of one script."""
        units = script.units
        audio = self._audio(rng, script)
        pictures = np.stack([self._picture(rng, unit.state) for unit in units])
        return Stream.of_script(
            script,
            torch.from_numpy(audio).half(),
            torch.from_numpy(pictures).half(),
            torch.arange(len(units)),
        )

    def _audio(self, rng: np.random.Generator, script: Script) -> np.ndarray:
        rows = len(script.units) * AUDIO_ROWS
        hidden = NANO.llm.hidden_size
        audio = rng.normal(0, _NOISE, (rows, hidden)).astype(np.float32)
        for event in script.sounds:
            self._add_sound(rng, audio, event)
        return audio.reshape(len(script.units), AUDIO_ROWS, hidden)

    def _add_sound(self, rng: np.random.Generator, audio: np.ndarray, event: SoundEvent) -> None:
        begins = np.arange(len(audio)) / AUDIO_ROWS
        share = np.minimum(begins + 1 / AUDIO_ROWS, event.end) - np.maximum(begins, event.start)
        heard = np.flatnonzero(share > 0)
        if not len(heard):
            return
        amount = (share[heard] * AUDIO_ROWS)[:, None].astype(np.float32)
        code = self._kinds[event.kind] + (self._near if event.kind in _NEAR else 0)
        audio[heard] += amount * code * np.float32(rng.uniform(0.6, 1.2))
        meaning = self._meaning(rng, event)
        if meaning is not None:
            clearness = rng.uniform(0.1, 1.3, (len(heard), 1)).astype(np.float32)
            audio[heard] += amount * clearness * meaning

    def _meaning(self, rng: np.random.Generator, event: SoundEvent) -> np.ndarray | None:
        if event.intent:
            return self._intents[event.intent]
        if event.kind in ('unaddressed', 'television'):
            return self._talk[rng.integers(len(self._talk), size=3)].mean(0)
        return None

    def _picture(self, rng: np.random.Generator, state: SceneState) -> np.ndarray:
        classes = attributes(state)
        picture = rng.normal(0, _NOISE, (PICTURE_ROWS, NANO.llm.hidden_size))
        for name, value in classes.items():
            picture[int(name in SHAPES)] += self._attributes[name][value]
        return picture.astype(np.float32)
