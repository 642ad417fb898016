# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How well the audio stage recognizes sentences of the development set, before any language.

``python -m training.nano.evaluate_hearing [--run DIR] [--readings N] [--difficulty 0..1]``
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from training.nano.audio_training import AudioTrainee
from training.nano.audio_window import SoundBank, Window, meaning_class, window_of
from training.nano.mel_batch import log_mel, with_floor
from training.nano.pool_stage import write_development_pool
from training.nano.request import Part, wordings_of
from training.nano.utterance import UtterancePool

_HERE = Path(__file__).parent
_INTENT_OF = {text: intent for intent, text in wordings_of(Part.DEVELOPMENT)}


@torch.inference_mode()
def recognized(model: AudioTrainee, window: Window) -> tuple[int, np.ndarray]:
    """Return the class of the window's only sentence and the phone of every frame."""
    log = log_mel(torch.from_numpy(window.audio)[None])
    frames, rows = model.rows(with_floor(log, log.amax() - 8))
    _, _, first, last = window.utterances[0]
    meaning = model.meaning_head(rows)[0, first:last].mean(0)
    return int(meaning.argmax()), model.phone_head(frames)[0].argmax(-1).numpy()


def evaluate(
    model: AudioTrainee, pool: UtterancePool, readings: int, difficulty: float
) -> dict[str, tuple[int, int]]:
    """Return how many were right and how many there were, by kind of sentence and for phones."""
    rng, bank = np.random.default_rng(1), SoundBank(1, 30, held_out=True)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for index in rng.permutation(len(pool.utterances))[:readings]:
        utterance = pool.utterances[int(index)]
        window = window_of(rng, pool, bank, utterance, difficulty)
        if not window.utterances:
            continue  # longer than the window
        text, kind, *_ = window.utterances[0]
        meaning, phones = recognized(model, window)
        counts[kind][0] += meaning == meaning_class(_INTENT_OF.get(text, ''), kind)
        counts[kind][1] += 1
        spoken = window.phones > 0
        counts['phone'][0] += int((phones == window.phones)[spoken].sum())
        counts['phone'][1] += int(spoken.sum())
    return {name: (right, total) for name, (right, total) in counts.items()}


def main() -> None:
    """Print the shares of an audio stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--run', type=Path, default=_HERE / 'runs')
    parser.add_argument('--cache', type=Path, default=_HERE / 'cache/utterance')
    parser.add_argument('--readings', type=int, default=400)
    parser.add_argument('--difficulty', type=float, default=0.75)
    arguments = parser.parse_args()
    folder = arguments.cache / 'development'
    write_development_pool(folder)
    state = torch.load(arguments.run / 'audio.pt', map_location='cpu', weights_only=True)
    model = AudioTrainee(len(state['model']['aligned_head.bias']) - 1).eval()
    model.load_state_dict(state['model'])
    pool = UtterancePool(folder)
    counts = evaluate(model, pool, arguments.readings, arguments.difficulty)
    print(f'step {state["step"]}')
    for name, (right, total) in counts.items():
        print(f'{name}: {right} / {total} = {100 * right / total:.1f} %')


if __name__ == '__main__':
    main()
