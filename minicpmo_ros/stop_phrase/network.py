# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small convolutional network over log-mel windows, evaluated by numpy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from minicpmo_ros.stop_phrase.log_mel import BANDS

FRAMES = 130  # a window of 1.3 s
STRIDES = (2, 2, 1)
WEIGHTS = Path(__file__).with_name('weights.safetensors')


class StopPhraseNetwork:
    """Three convolutions, the largest and the mean value over time, and one layer.

    Class 0 is "none of them"; class k + 1 is ``phrases[k]``.
    """

    def __init__(self, tensors: dict[str, np.ndarray], phrases: tuple[str, ...]) -> None:
        self.phrases = phrases
        self._tensors = {name: value.astype(np.float32) for name, value in tensors.items()}
        classes = self._tensors['output.bias'].size
        if classes != len(phrases) + 1:
            raise ValueError(f'the weights have {classes} classes for {len(phrases)} phrases')

    @staticmethod
    def load(path: Path = WEIGHTS) -> StopPhraseNetwork:
        """Return the network of a safetensors file."""
        from safetensors import safe_open

        with safe_open(path, framework='numpy') as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            phrases = tuple(json.loads(file.metadata()['phrases']))
        return StopPhraseNetwork(tensors, phrases)

    def probabilities(self, window: np.ndarray) -> np.ndarray:
        """Return float32 [1 + phrases] of one window of log-mel frames, float32 [120, 40]."""
        assert window.shape == (FRAMES, BANDS)
        values = normalized(window)
        for layer, stride in enumerate(STRIDES):
            values = self._convolve(values, f'convolution.{layer}', stride)
        pooled = np.concatenate([values.max(axis=0), values.mean(axis=0)])
        logits = self._tensors['output.weight'] @ pooled + self._tensors['output.bias']
        scores = np.exp(logits - logits.max())
        return scores / scores.sum()

    def _convolve(self, values: np.ndarray, name: str, stride: int) -> np.ndarray:
        """Return ReLU of a convolution over time: [t, in] -> [t', out]."""
        weight = self._tensors[f'{name}.weight']  # [out, in, kernel]
        windows = np.lib.stride_tricks.sliding_window_view(values, weight.shape[2], axis=0)
        flat = windows[::stride].reshape(-1, weight.shape[1] * weight.shape[2])
        result = flat @ weight.reshape(weight.shape[0], -1).T
        return np.maximum(result + self._tensors[f'{name}.bias'], 0.0)


def normalized(window: np.ndarray) -> np.ndarray:
    """Return the window less its loudest level, clipped 8 nepers below; distance drops out."""
    return np.maximum(window - window.max(), -8.0) / 4.0 + 1.0
