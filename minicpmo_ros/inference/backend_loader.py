# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Load the engine that the parameters name."""

from __future__ import annotations

from collections.abc import Callable
import importlib
import inspect
from pathlib import Path
from typing import Any

from minicpmo.config import ModelConfig
from minicpmo.protocol import Backend
from minicpmo.threads import recommended_threads
from minicpmo_ros.actions.action_tag import SpokenTokenMask
from minicpmo_ros.actions.instruction import action_instruction
from minicpmo_ros.actions.skill_file import load_skill_file
from minicpmo_ros.errors import BackendError
from minicpmo_ros.inference.parameter_set import InferenceParameters
from minicpmo_ros.installation import configuration_file, model_folder

Progress = Callable[[int, int], None]
Loader = Callable[[InferenceParameters, Progress], Backend]

# Short names of the engines that ship with this package.
BACKENDS = {'minicpmo': 'minicpmo.backend:load_backend'}


def load_backend(parameters: InferenceParameters, progress: Progress) -> Backend:
    """Import the engine and load its weights; may take minutes.

    The function behind the name is called as ``load(folder, device, dtype, progress)``, with the
    options of :func:`load_options` that the user set as keywords; 'auto' is left to it.

    :param progress: called with bytes read so far and in all.

    :raises BackendError: when there is no such engine, or it does not know such an option.
    """
    target = BACKENDS.get(parameters.backend, parameters.backend)
    module, _, function = target.partition(':')
    try:
        load = getattr(importlib.import_module(module), function or 'load_backend')
    except (ImportError, AttributeError) as error:
        raise BackendError(
            f'backend {parameters.backend!r} cannot be imported ({error}); '
            f'known: {", ".join(BACKENDS)}, or give package.module:function'
        ) from error
    folder = model_folder(parameters.model_path)
    _set_threads(parameters, folder)
    options = _taken(load, load_options(parameters), parameters.backend)
    return load(folder, parameters.device, parameters.dtype, progress, **options)


def load_options(parameters: InferenceParameters) -> dict[str, Any]:
    """Return the options of loading that the user set; the others stay the engine's."""
    options: dict[str, Any] = {}
    if parameters.quantization != 'none':
        options['quantization'] = parameters.quantization
        options['quantization_cache'] = parameters.quantization_cache
    if parameters.parts != 'all':
        options['parts'] = tuple(filter(None, map(str.strip, parameters.parts.split(','))))
    if parameters.max_context_tokens:
        options['context_tokens'] = parameters.max_context_tokens
    for name in ('cuda_graphs', 'attention', 'offload'):
        if getattr(parameters, name) != 'auto':
            options[name] = getattr(parameters, name)
    return options


def session_options(parameters: InferenceParameters) -> dict[str, Any]:
    """Return the options of ``Backend.prepare`` that the user set; the others stay the model's.

    :raises AssistantError: when the allow-list of actions cannot be read.
    """
    options: dict[str, Any] = {'seed': parameters.seed}
    for name in ('voice', 'yield_policy', 'window_mode'):
        if getattr(parameters, name) != 'auto':
            options[name] = getattr(parameters, name)
    if parameters.voice_reference:
        options['voice_reference'] = Path(parameters.voice_reference)
    if parameters.max_context_tokens:
        options['context_tokens'] = parameters.max_context_tokens
    if parameters.startup_listen_units >= 0:
        options['force_listen_count'] = parameters.startup_listen_units
    if parameters.greedy:
        options['greedy'] = True
    if parameters.action_tags:
        skills = load_skill_file(configuration_file(parameters.skills_file))
        options['instruction_suffix'] = action_instruction(skills)
    options['spoken_mask'] = SpokenTokenMask
    return options


def _taken(load: Callable[..., Backend], options: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the options that an engine takes; raise BackendError for one it has to know.

    The context is a session's option as well: an engine may do without it while it loads.
    """
    parameters = inspect.signature(load).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return options
    unknown = options.keys() - {parameter.name for parameter in parameters}
    needed = sorted(unknown - {'context_tokens'})
    if needed:
        raise BackendError(f'backend {name!r} does not know {", ".join(needed)}; leave it out')
    return {key: value for key, value in options.items() if key not in unknown}


def _set_threads(parameters: InferenceParameters, folder: Path) -> None:
    """Set what the user wants, else what suits the model on a CPU, else nothing."""
    count = parameters.torch_threads
    if not count and parameters.backend == 'minicpmo' and _runs_on_cpu(parameters.device):
        count = recommended_threads(ModelConfig.from_folder(folder).llm)
    if count:
        import torch

        torch.set_num_threads(count)


def _runs_on_cpu(device: str) -> bool:
    import torch

    return device == 'cpu' or (device == 'auto' and not torch.cuda.is_available())
