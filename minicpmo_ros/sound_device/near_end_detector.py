# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Hears a person beside the robot's own echo: a small recurrent network, evaluated by numpy.

AEC3 may take the user away together with a loud echo, and a detector behind it then hears nothing
to detect. The network looks at all that is known about the echo: the raw microphone, what the
linear filter leaves, what AEC3 leaves, the echo estimated and expected, the loudspeaker, and what
the ordinary detector says before and behind AEC3.
"""

from __future__ import annotations

from dataclasses import dataclass
import math
from pathlib import Path
from typing import Protocol

import numpy as np

from minicpmo_ros.errors import WorkspaceError
from minicpmo_ros.sound_device.echo_canceller import AUDIBLE, SAMPLE_RATE

FRAME_SAMPLES = 512
# Edges of the bands [Hz].
BAND_EDGES = np.array(
    [100, 200, 300, 400, 500, 650, 800, 1000, 1250, 1500, 1800, 2200, 2700, 3400, 4300, 5400, 6800]
)
BANDS = BAND_EDGES.size - 1
SIGNALS = 5
INPUTS = (SIGNALS + 1) * BANDS + SIGNALS + 2
WEIGHTS = Path(__file__).with_name('near_end_weights.safetensors')
LEVEL_UNIT = 20.0  # of the network's second output [dB]

_POWER_FLOOR = 1e-6
_WINDOW = np.hanning(FRAME_SAMPLES + 1)[:-1].astype(np.float32) / np.float32(32768.0)
_SPECTRUM_EDGES = np.rint(BAND_EDGES * FRAME_SAMPLES / SAMPLE_RATE).astype(int)
_LOGIT_LIMIT = 1e-4
# The echo of a sample is over so long after it: delay of the device and reverberation [frames].
HEARD_FRAMES = 16


class SpeechModel(Protocol):
    """Probability of speech in one frame after the other."""

    def process_chunk(self, audio: bytes) -> float:
        """Return the probability for int16 [512] at 16 kHz [0-1]."""

    def reset(self) -> None:
        """Forget the stream."""


@dataclass(frozen=True)
class EchoFrame:
    """What is known about the echo in one frame of the detector.

    microphone, residual, rendered: int16 [512] at 16 kHz: as recorded, behind the linear filter,
        and handed to the loudspeaker in the same time.
    expected: float32 [BANDS], power of the echo that the linear filter expects to leave.
    """

    microphone: np.ndarray
    residual: np.ndarray
    rendered: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True)
class NearEnd:
    """What the network hears beside the echo.

    probability: that a person speaks. level: of everything that is no echo [dBFS].
    """

    probability: float
    level: float


def band_features(frame: EchoFrame, clean: np.ndarray) -> np.ndarray:
    """Return decadic logarithms of powers, float32 [(SIGNALS + 1) * BANDS + SIGNALS].

    :param clean: int16 [512], behind AEC3.
    """
    microphone = frame.microphone.astype(np.float32)
    residual = frame.residual.astype(np.float32)
    signals = np.stack(
        [microphone, residual, clean, microphone - residual, frame.rendered], dtype=np.float32
    )
    spectrum = np.fft.rfft(signals * _WINDOW)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    bands = np.add.reduceat(power, _SPECTRUM_EDGES, axis=1)[:, :BANDS]
    whole = np.concatenate([bands.ravel(), frame.expected, bands.sum(axis=1)])
    return np.log10(whole + _POWER_FLOOR).astype(np.float32)


def logit(probability: float) -> float:
    """Return the log odds of a probability [0-1], within about 9."""
    bounded = min(max(probability, _LOGIT_LIMIT), 1.0 - _LOGIT_LIMIT)
    return math.log(bounded / (1.0 - bounded))


class NearEndNetwork:
    """One gated recurrent unit and a linear layer with two outputs; holds the state of a stream.

    :param tensors: as ``torch.nn.GRU`` and ``torch.nn.Linear`` name them, with mean and scale of
        the inputs.
    """

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        weight = {name: value.astype(np.float32) for name, value in tensors.items()}
        self._hidden_weight = weight['recurrent.weight_hh_l0']
        self._hidden_bias = weight['recurrent.bias_hh_l0']
        # The inputs are normalised by the weights themselves.
        self._input_weight = weight['recurrent.weight_ih_l0'] / weight['scale']
        self._input_bias = weight['recurrent.bias_ih_l0'] - self._input_weight @ weight['mean']
        self._output_weight = weight['output.weight']
        self._output_bias = weight['output.bias']
        self._units = self._hidden_weight.shape[1]
        if self._input_weight.shape != (3 * self._units, INPUTS):
            raise ValueError(f'{self._input_weight.shape[1]} inputs instead of {INPUTS}')
        self.reset()

    @staticmethod
    def load(path: Path = WEIGHTS) -> NearEndNetwork:
        """Return the network of a safetensors file; raise WorkspaceError if it is unusable."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return NearEndNetwork(load_file(path))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise WorkspaceError(
                f'the weights of the near-end detector cannot be used ({path}: {error}); install'
                ' the package again, or choose another echo_cancellation'
            ) from error

    def reset(self) -> None:
        """Begin a new stream."""
        self._state = np.zeros(self._units, np.float32)

    def step(self, inputs: np.ndarray) -> np.ndarray:
        """Return log odds of speech and level [20 dB], float32 [2], for float32 [INPUTS]."""
        units = self._units
        given = self._input_weight @ inputs + self._input_bias
        kept = self._hidden_weight @ self._state + self._hidden_bias
        gates = 1.0 / (1.0 + np.exp(-(given[: 2 * units] + kept[: 2 * units])))
        reset, update = gates[:units], gates[units:]
        new = np.tanh(given[2 * units :] + reset * kept[2 * units :])
        self._state = new + update * (self._state - new)
        return self._output_weight @ self._state + self._output_bias


class NearEndDetector:
    """Judges frame by frame while the robot is heard; says nothing in silence.

    :param model: ordinary detector for what the linear filter leaves.
    """

    def __init__(self, network: NearEndNetwork, model: SpeechModel) -> None:
        self._network = network
        self._model = model
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._left = 0
        self._forget()

    def _forget(self) -> None:
        self._network.reset()
        self._model.reset()

    def process(self, frame: EchoFrame, clean: np.ndarray, probability: float) -> NearEnd | None:
        """Judge one frame; None when the robot has been silent for half a second.

        :param clean: int16 [512], behind AEC3.
        :param probability: of speech in it, by the ordinary detector.
        """
        inputs = self.inputs(frame, clean, probability)
        if inputs is None:
            return None
        odds, level = (float(value) for value in self._network.step(inputs))
        return NearEnd(1.0 / (1.0 + math.exp(-max(odds, -50.0))), level * LEVEL_UNIT)

    def inputs(self, frame: EchoFrame, clean: np.ndarray, probability: float) -> np.ndarray | None:
        """Return what the network is given, float32 [INPUTS]; None when the robot is silent."""
        if int(np.abs(frame.rendered).max(initial=0)) > AUDIBLE:
            self._left = HEARD_FRAMES
        elif self._left == 0:
            return None
        else:
            self._left -= 1
            if self._left == 0:
                self._forget()
                return None
        before = float(self._model.process_chunk(frame.residual.tobytes()))
        odds = np.array([logit(probability), logit(before)], np.float32)
        return np.concatenate([band_features(frame, clean), odds])
