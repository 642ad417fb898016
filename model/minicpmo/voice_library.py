# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The voices a loaded model can speak with; what is prepared once is shared by all sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
import logging
from pathlib import Path
import shutil
from typing import Any, Optional

from safetensors import SafetensorError, safe_open
from torch import Tensor

from minicpmo.errors import ConfigurationError
from minicpmo.graph.captured_step import GraphPool
from minicpmo.model import OmniModel
from minicpmo.session_option import chosen_voice
from minicpmo.speech.code_sampler import CHAT_SAMPLING, CodeSampling
from minicpmo.speech.espeak import PROGRAM, EspeakSpeech
from minicpmo.speech.flow_cache import PromptCache
from minicpmo.speech.onnx_model import ClipAnalyser
from minicpmo.speech.protocol import SpeechSynthesizer
from minicpmo.speech.synthesizer import ModelSpeech
from minicpmo.speech.token2wav import Token2Wav
from minicpmo.speech.token2wav_assets import load_token2wav
from minicpmo.speech.voice import Voice, read_clip

DEFAULT_REFERENCES = ('voice.safetensors', 'system_ref_audio.wav', 'HT_ref_audio.wav')
"""Files of ``assets`` that are taken, in this order, where the caller names no reference."""

MEL_FRAMES_PER_SECOND = 50
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedVoice:
    """A voice ready for use.

    rows: what the language model hears in the system prompt, [n, hidden], None without audio.
    prompt: what the vocoder continues, None without the speech decoder.
    """

    rows: Optional[Tensor]
    prompt: Optional[PromptCache]


class VoiceLibrary:
    """Prepares voices of one loaded model.

    assets: folder ``assets`` of the model; its sound models are loaded when first needed.
    offload: keep prepared voices in host memory.
    """

    def __init__(self, model: OmniModel, assets: Path, offload: bool = False) -> None:
        self._model = model
        self._assets = assets
        self._offload = offload
        self._token2wav: Optional[Token2Wav] = None
        self._prepared: dict[Path, PreparedVoice] = {}

    @property
    def has_model_speech(self) -> bool:
        """Return whether decoder and sound models are there."""
        return self._model.tts is not None and (self._assets / 'token2wav').is_dir()

    def reference(self, options: Mapping[str, Any]) -> Optional[Path]:
        """Return the file whose voice is imitated: the caller's or one of the model's."""
        named = options.get('voice_reference')
        if named:
            if not isinstance(named, (str, Path)):
                raise ConfigurationError(f'voice_reference is {named!r}; pass the path of a file')
            path = Path(named).expanduser()
            if not path.is_file():
                raise ConfigurationError(f'voice_reference {path} does not exist; give a file')
            return path
        found = (self._assets / name for name in DEFAULT_REFERENCES)
        return next((path for path in found if path.is_file()), None)

    def kind(self, options: Mapping[str, Any]) -> str:
        """Return 'model', 'espeak' or 'none'; raises ConfigurationError if it cannot be had."""
        voice = chosen_voice(options)
        can_imitate = self.has_model_speech and self.reference(options) is not None
        if voice == 'auto':
            return 'model' if can_imitate else _replacement(self.has_model_speech)
        if voice == 'model' and not can_imitate:
            raise ConfigurationError(
                f'voice model needs a speech decoder, {self._assets / "token2wav"} and a'
                ' voice_reference; give them, or use voice espeak'
            )
        return voice

    def prompt_rows(self, options: Mapping[str, Any]) -> Optional[Tensor]:
        """Return the rows of the reference voice for the system prompt, None without one."""
        path = self.reference(options)
        return None if path is None else self._prepare(path).rows

    def new_synthesizer(
        self,
        options: Mapping[str, Any],
        turn_based: bool = False,
        pool: Optional[GraphPool] = None,
    ) -> Optional[SpeechSynthesizer]:
        """Return the speech of a new session, None for the voice 'none'.

        turn_based: with the rules of turn-based answers instead of those of duplex units.
        pool: where the steps of the duplex mode are captured.
        """
        kind = self.kind(options)
        if kind == 'none':
            return None
        if kind == 'espeak':
            return EspeakSpeech(whole_words=_whole_words(options))
        path = self.reference(options)
        assert path is not None and self._model.tts is not None
        prompt = self._prepare(path).prompt
        assert prompt is not None
        seed = options.get('seed', 0)
        if turn_based:
            rules = replace(CHAT_SAMPLING, seed=seed)
            return ModelSpeech.turn_based(self._model.tts, self._sound_models(), prompt, rules)
        rules = CodeSampling(seed=seed)
        sound = self._sound_models()
        return ModelSpeech.duplex(self._model.tts, sound, prompt, rules, pool=pool)

    def _prepare(self, path: Path) -> PreparedVoice:
        path = path.resolve()
        if path not in self._prepared:
            self._prepared[path] = self._analyse(path)
        return self._prepared[path]

    def _analyse(self, path: Path) -> PreparedVoice:
        """Return the voice of a prepared file or of a clip."""
        if path.suffix == '.safetensors':
            voice = Voice.load(path)
        elif self.has_model_speech:
            samples, rate = read_clip(path)
            voice = Voice.from_clip(samples, rate, ClipAnalyser(self._assets / 'token2wav'))
        else:
            raise ConfigurationError(
                f'voice_reference {path}: this model has no speech decoder to imitate a clip with'
            )
        rows = prompt = None
        if self._model.apm is not None:
            rows = self._model.encode_clip(voice.reference.numpy())
        if self.has_model_speech:
            prompt = self._sound_models().prepare_voice(voice.prompt)
            prompt = prompt.on_host() if self._offload else prompt
        return PreparedVoice(rows, prompt)

    def _sound_models(self) -> Token2Wav:
        if self._token2wav is None:
            folder = self._assets / 'token2wav'
            self._token2wav = load_token2wav(folder, self._model.device)
        return self._token2wav


def reference_frames(assets: Path) -> Optional[int]:
    """Return the mel frames [50 per second] of the voice in ``assets``.

    None without one, or where it is damaged, which is reported when the voice is used.
    """
    import soundfile

    path = next((assets / name for name in DEFAULT_REFERENCES if (assets / name).is_file()), None)
    if path is None:
        return None
    try:
        if path.suffix == '.safetensors':
            with safe_open(path, framework='pt') as file:
                return file.get_slice('mel').get_shape()[0]
        return round(soundfile.info(str(path)).duration * MEL_FRAMES_PER_SECOND)
    except (SafetensorError, soundfile.SoundFileError):
        return None


def _whole_words(options: Mapping[str, Any]) -> bool:
    value = options.get('whole_words', False)
    if not isinstance(value, bool):
        raise ConfigurationError(f'whole_words is {value!r}; pass true or false')
    return value


def _replacement(wanted_model: bool) -> str:
    """Return what speaks where the model itself cannot."""
    if wanted_model:
        _LOGGER.warning('no voice_reference: not speaking with the voice of the model')
    if shutil.which(PROGRAM) is None:
        _LOGGER.warning('%s is not installed: the model answers in text only', PROGRAM)
        return 'none'
    return 'espeak'
