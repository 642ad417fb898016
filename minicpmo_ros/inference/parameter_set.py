# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the inference node."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.parameter import parameter


@dataclass(frozen=True)
class InferenceParameters:
    """What can be set in the inference node; engine options are explained in docs/models.md."""

    backend: str = parameter(
        'minicpmo',
        'engine: minicpmo, or package.module:function that returns a backend',
        read_only=True,
    )
    model_path: str = parameter(
        'nano',
        'model folder; nano is the small model that ships with this package',
        read_only=True,
    )
    device: str = parameter('auto', 'auto, cpu, cuda or cuda:N', read_only=True)
    dtype: str = parameter(
        'auto',
        'number format of the weights; auto is float32 on a CPU, bfloat16 on a GPU',
        choices=('auto', 'float32', 'bfloat16', 'float16'),
        read_only=True,
    )
    quantization: str = parameter(
        'none',
        'number format of the language model; int4 takes the least memory, fp8 needs an Ada or '
        'Hopper GPU (docs/hardware.md)',
        choices=('none', 'int8', 'int4', 'fp8'),
        read_only=True,
    )
    quantization_cache: str = parameter(
        'auto',
        'folder for the quantised model, which makes the next start shorter; auto: '
        '~/.cache/minicpmo; none: keep nothing',
        read_only=True,
    )
    parts: str = parameter(
        'all',
        'parts of the model to load besides the language model, of vision, audio and speech, '
        'separated by commas; what is left out takes no memory',
        read_only=True,
    )
    cuda_graphs: str = parameter(
        'auto',
        'capture the hot path as CUDA graphs when the model is loaded; auto: where there is a GPU',
        choices=('auto', 'true', 'false'),
        read_only=True,
    )
    offload: str = parameter(
        'auto',
        'keep token tables and the imitated voice in host memory, 1.6 GB less on the GPU; auto: '
        'where the model fits only so',
        choices=('auto', 'true', 'false'),
        read_only=True,
    )
    attention: str = parameter(
        'auto',
        'kernel of the language model; auto measures whether flash-attn, if installed, is faster',
        choices=('auto', 'sdpa', 'flash'),
        read_only=True,
    )
    voice: str = parameter(
        'auto',
        'how speech is made; auto takes the model where it has a speech decoder, else espeak',
        choices=('auto', 'model', 'espeak', 'none'),
        read_only=True,
    )
    voice_reference: str = parameter(
        '', 'audio or voice file whose voice is imitated (voice: model)', read_only=True
    )
    autostart: bool = parameter(True, 'load the model and begin at once', read_only=True)
    instruction: str = parameter(
        '', 'system prompt; empty: the default of the model; a change begins a new conversation'
    )
    action_tags: bool = parameter(
        False,
        'tell the model to ask for the enabled skills of skills_file with action tags '
        '(for models that follow instructions; nano does not)',
        read_only=True,
    )
    skills_file: str = parameter(
        'skills.yaml',
        'allow-list of robot actions, as in the bridge',
        read_only=True,
    )
    locale: str = parameter('en', 'language of the answers as a BCP 47 tag, sent with the text')
    yield_policy: str = parameter(
        'auto',
        'who may give up an open turn: model, or nobody (reference, as in the official code); '
        'auto: model where the model was trained for it',
        choices=('auto', 'model', 'reference'),
        read_only=True,
    )
    window_mode: str = parameter(
        'auto',
        'how the context slides; auto takes what suits the model',
        choices=('auto', 'off', 'basic', 'context'),
        read_only=True,
    )
    max_context_tokens: int = parameter(
        0, 'rows of the key/value cache; 0: the default of the model', 0, 131072, read_only=True
    )
    startup_listen_units: int = parameter(
        -1,
        'units at the beginning of a conversation in which it only listens; -1: the default of '
        'the model',
        -1,
        60,
        read_only=True,
    )
    greedy: bool = parameter(
        False, 'always take the likeliest token instead of drawing one', read_only=True
    )
    seed: int = parameter(0, 'of the random generator', 0, 2**31 - 1, read_only=True)
    torch_threads: int = parameter(
        0,
        'threads of torch; 0: one for a small model on a CPU (nano), else its own default',
        0,
        256,
        read_only=True,
    )
    max_units_behind: int = parameter(
        30, 'units that may wait before the oldest is lost', 2, 600, read_only=True
    )
    asked_window: float = parameter(
        4.0,
        'a turn that begins later than this after the last user speech is reported as proactive',
        1.0,
        60.0,
        unit='s',
    )
    begin_patience: float = parameter(
        10.0,
        'no turn begins while a person speaks, what the model wanted to say then begins after it; '
        'a voice that never pauses is waited for so long; 0: the model alone decides',
        0.0,
        60.0,
        unit='s',
    )
    unasked_turns: bool = parameter(
        True,
        'the model may speak of its own accord; false: it answers, within asked_window of speech, '
        'and says announcements, and watches are told by the events node alone',
    )
    question_share: float = parameter(
        0.2,
        'time that yes-or-no questions of watches may take per second; they are asked only when '
        'no unit waits',
        0.0,
        0.8,
        unit='s',
    )
    publish_snapshots: bool = parameter(
        True, 'send the picture the model saw with events of its own'
    )
