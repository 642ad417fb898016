# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Options of a session by their flat names, and the defaults a model folder brings along."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
import json
from pathlib import Path
from typing import Any, TypeVar

from minicpmo.chat import ChatOptions
from minicpmo.chat_sampling import CHAT_TEXT_SAMPLING, HALF_DUPLEX_TEXT_SAMPLING
from minicpmo.context_window import WindowMode, WindowOptions
from minicpmo.duplex_options import UNIT_RESERVE, DuplexOptions
from minicpmo.errors import CheckpointError, ConfigurationError
from minicpmo.half_duplex import HalfDuplexOptions
from minicpmo.protocol import YieldPolicy
from minicpmo.sampling import SamplingOptions
from minicpmo.unit_decoder import DecodingOptions

DEFAULTS_FILE = 'session.json'
"""Optional file of a model folder: ``{"model_id": .., "instruction": .., "options": {..}}``."""

INSTRUCTION = 'Streaming Omni Conversation.'
"""The official system prompt of duplex conversations with sound and pictures."""

VOICES = ('auto', 'model', 'espeak', 'none')


def _same(*names: str) -> dict[str, str]:
    """Return names that are called alike outside and inside."""
    return {name: name for name in names}


Options = TypeVar('Options')

_SAMPLING = _same(
    'greedy',
    'temperature',
    'top_k',
    'top_p',
    'repetition_penalty',
    'repetition_window',
    'length_penalty',
    'listen_scale',
    'listen_top_k',
)
_DECODING = {
    'max_tokens_per_unit': 'max_tokens',
    'max_characters': 'max_characters',
    'yield_policy': 'yield_policy',
    'yield_units': 'yield_units',
}
_WINDOW = {
    'window_mode': 'mode',
    'window_high': 'high',
    'window_low': 'low',
    'window_units': 'max_units',
    'window_renewed_units': 'renewed_units',
    'previous_tokens': 'previous_max',
}
_SESSION = {name: name for name in ('force_listen_count', 'text_only', 'context_tokens', 'seed')}
# whole_words: no unit's text ends inside a word, so espeak need not wait for the rest of it.
_VOICE = ('voice', 'voice_reference', 'whole_words')
# instruction_suffix: text behind the system prompt. spoken_mask: a factory of SpokenMask objects,
# one per session, that keep what is written but not meant for the ear out of the speech.
_PROMPT = ('instruction_suffix', 'spoken_mask')
OPTION_NAMES = (*_SAMPLING, *_DECODING, *_WINDOW, *_SESSION, *_VOICE, *_PROMPT)

_TURN_SAMPLING = _same(
    'greedy',
    'temperature',
    'top_k',
    'top_p',
    'repetition_penalty',
    'repetition_window',
)
_CHAT = _same(
    'omni', 'thinking', 'image_ids', 'max_slices', 'max_tokens', 'context_tokens', 'seed'
)
_HALF_DUPLEX = _same('window_high', 'window_low', 'max_slices', 'max_tokens', 'seed')
# num_beams: only 1, because a streamed answer cannot take words back.
CHAT_OPTION_NAMES = (*_TURN_SAMPLING, *_CHAT, *_VOICE, 'num_beams')
HALF_DUPLEX_OPTION_NAMES = (*_TURN_SAMPLING, *_HALF_DUPLEX, *_VOICE)

STANDARD_OPTIONS: dict[str, Any] = {
    'window_mode': 'basic',
    'window_high': 8000,
    'window_low': 6000,
    'voice': 'auto',
}
"""Where neither caller nor model folder says otherwise: endless, with the official window."""
BASIC = (WindowMode.BASIC, WindowMode.BASIC.value)


_FOLDER_KEYS = {'model_id', 'instruction', 'options', 'yes_no_questions', 'context_notes'}


@dataclass(frozen=True)
class SessionDefaults:
    """What a model folder says about sessions with it.

    yes_no_questions: the model was trained to answer them; a vocabulary alone does not tell.
    context_notes: it can read lines of text in a unit (``Unit.notes``).
    """

    model_id: str
    instruction: str = INSTRUCTION
    options: Mapping[str, Any] = field(default_factory=dict)
    yes_no_questions: bool = True
    context_notes: bool = True

    @classmethod
    def from_folder(cls, folder: Path) -> SessionDefaults:
        """Read the folder's file if it has one; raises CheckpointError when it is damaged."""
        path = folder / DEFAULTS_FILE
        if not path.is_file():
            return cls(folder.resolve().name)
        try:
            data = json.loads(path.read_text(encoding='utf-8'))
            unknown = data.keys() - _FOLDER_KEYS
            options = dict(data.get('options', {}))
        except (ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(f'{path} is not a JSON object ({error}); repair it') from error
        if unknown:
            raise CheckpointError(f'{path}: unknown entries {sorted(unknown)}; remove them')
        require_known(options, str(path))
        return cls(
            data.get('model_id', folder.resolve().name),
            data.get('instruction', INSTRUCTION),
            options,
            bool(data.get('yes_no_questions', True)),
            bool(data.get('context_notes', True)),
        )


def require_known(
    options: Mapping[str, Any], source: str, known: Collection[str] = OPTION_NAMES
) -> None:
    """Raise ConfigurationError for an option nobody knows."""
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigurationError(
            f'{source}: unknown options {", ".join(unknown)}; known: {", ".join(known)}'
        )


def merged_options(defaults: SessionDefaults, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return caller's options over those of the folder over the standard ones."""
    require_known(options, 'prepare')
    merged = {**STANDARD_OPTIONS, **defaults.options, **options}
    named = {*defaults.options, *options}
    free = not named & {'window_high', 'window_low'}
    if 'context_tokens' in options and free and merged['window_mode'] in BASIC:
        merged.update(_window_within(options['context_tokens']))
    return merged


def _window_within(context_tokens: object) -> dict[str, int]:
    """Return the limits of a basic window for a cache of this size, never above the standard."""
    if not isinstance(context_tokens, int) or isinstance(context_tokens, bool):
        return {}  # refused where types are checked
    high = min(context_tokens - UNIT_RESERVE, STANDARD_OPTIONS['window_high'])
    if high < UNIT_RESERVE:
        raise ConfigurationError(
            f'context_tokens is {context_tokens}; a basic window needs {2 * UNIT_RESERVE} or more'
        )
    low = high * STANDARD_OPTIONS['window_low'] // STANDARD_OPTIONS['window_high']
    return {'window_high': high, 'window_low': low}


def duplex_options(options: Mapping[str, Any]) -> DuplexOptions:
    """Return the typed options of a session; raises ConfigurationError for unknown values."""
    values = dict(options)
    if 'window_mode' in values:
        values['window_mode'] = _choice(WindowMode, 'window_mode', values['window_mode'])
    if 'yield_policy' in values:
        values['yield_policy'] = _choice(YieldPolicy, 'yield_policy', values['yield_policy'])
    return replace(
        DuplexOptions(
            sampling=_with(SamplingOptions(), values, _SAMPLING),
            decoding=_with(DecodingOptions(), values, _DECODING),
            window=_with(WindowOptions(), values, _WINDOW),
        ),
        **_checked(DuplexOptions(), values, _SESSION),
    )


def chat_options(options: Mapping[str, Any]) -> ChatOptions:
    """Return the typed options of a chat session; raises ConfigurationError."""
    require_known(options, 'chat', CHAT_OPTION_NAMES)
    beams = options.get('num_beams', 1)
    if beams != 1:
        raise ConfigurationError(
            f'num_beams is {beams!r}; answers are streamed and cannot take words back: use 1'
        )
    sampling = _with(CHAT_TEXT_SAMPLING, options, _TURN_SAMPLING)
    return _with(ChatOptions(sampling), options, _CHAT)


def half_duplex_options(options: Mapping[str, Any]) -> HalfDuplexOptions:
    """Return the typed options of a half-duplex session; raises ConfigurationError."""
    require_known(options, 'half_duplex', HALF_DUPLEX_OPTION_NAMES)
    sampling = _with(HALF_DUPLEX_TEXT_SAMPLING, options, _TURN_SAMPLING)
    return _with(HalfDuplexOptions(sampling), options, _HALF_DUPLEX)


def chosen_voice(options: Mapping[str, Any]) -> str:
    """Return one of VOICES; raises ConfigurationError for another."""
    voice = options.get('voice', 'auto')
    if not isinstance(voice, str) or voice not in VOICES:
        raise ConfigurationError(f'voice is {voice!r}; use one of {", ".join(VOICES)}')
    return voice


def _with(defaults: Options, values: Mapping[str, Any], names: Mapping[str, str]) -> Options:
    """Return ``defaults`` with the given values in place of those of the same meaning."""
    return replace(defaults, **_checked(defaults, values, names))


def _checked(
    defaults: object, values: Mapping[str, Any], names: Mapping[str, str]
) -> dict[str, Any]:
    """Return the given values by field, each of the type of its default."""
    chosen = {field_: (name, values[name]) for name, field_ in names.items() if name in values}
    for field_, (name, value) in chosen.items():
        _require_type(name, value, getattr(defaults, field_))
    return {field_: value for field_, (_, value) in chosen.items()}


def _require_type(name: str, value: object, default: object) -> None:
    """Raise ConfigurationError unless ``value`` is of the kind of ``default``."""
    kinds: tuple[type, ...] = (type(default),)
    if isinstance(default, float):
        kinds = (float, int)
    elif default is None:
        kinds = (int, type(None))
    wrong_bool = isinstance(value, bool) and bool not in kinds
    if wrong_bool or not isinstance(value, kinds):
        raise ConfigurationError(
            f'{name} is {value!r}; pass {" or ".join(kind.__name__ for kind in kinds)}'
        )


def _choice(kind: type, name: str, value: object) -> object:
    if isinstance(value, kind):
        return value
    known = {member.value: member for member in kind}
    if not isinstance(value, str) or value not in known:
        raise ConfigurationError(f'{name} is {value!r}; use one of {", ".join(known)}')
    return known[value]
