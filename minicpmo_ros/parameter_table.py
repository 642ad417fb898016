# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All parameters of all nodes in one table: documentation and checks are made from it."""

from __future__ import annotations

from collections.abc import Iterator

from minicpmo_ros.actions.action_parameters import ActionParameters
from minicpmo_ros.bridge.barge_in_parameter import BargeInParameters
from minicpmo_ros.bridge.bridge_parameter import BridgeParameters
from minicpmo_ros.bridge.stop_phrase_parameter import StopPhraseParameters
from minicpmo_ros.inference.parameter_set import InferenceParameters
from minicpmo_ros.media.parameter_set import MediaParameters
from minicpmo_ros.parameter import ParameterField, parameter_fields
from minicpmo_ros.perception.parameter_set import PerceptionParameters
from minicpmo_ros.sound_device.parameter_set import AudioDeviceParameters
from minicpmo_ros.watch.parameter_set import EventParameters

NODE_PARAMETERS: dict[str, tuple[type, ...]] = {
    'perception_node': (PerceptionParameters,),
    'inference_node': (InferenceParameters,),
    'bridge_node': (
        BridgeParameters,
        BargeInParameters,
        StopPhraseParameters,
        ActionParameters,
    ),
    'events_node': (EventParameters,),
    'audio_device_node': (AudioDeviceParameters,),
    'media_node': (MediaParameters,),
}


def fields_of(node: str) -> Iterator[ParameterField]:
    """Yield the parameters of a node."""
    for parameters in NODE_PARAMETERS[node]:
        yield from parameter_fields(parameters)


def markdown() -> str:
    """Return the documentation of all parameters."""
    lines = [
        '# Parameters',
        '',
        'Made from the code by `python -m minicpmo_ros.parameter_table > docs/parameters.md`; a',
        'test compares them. *fixed* parameters are read when the node starts; the others can be',
        'changed while it runs, and a value that does not fit is refused with a reason.',
    ]
    for node in NODE_PARAMETERS:
        lines += ['', f'## {node}', '', '| parameter | default | range | meaning |']
        lines += ['| --- | --- | --- | --- |']
        lines += [_row(field) for field in fields_of(node)]
    return '\n'.join(lines) + '\n'


def _row(field: ParameterField) -> str:
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    meaning = field.text + (' (*fixed*)' if field.read_only else '')
    cells = (f'`{field.name}`', f'`{default!r}`', _range(field), meaning.replace('|', '\\|'))
    return f'| {" | ".join(cells)} |'


def _range(field: ParameterField) -> str:
    if field.minimum is None and field.maximum is None:
        return ''
    lower = '' if field.minimum is None else f'{field.minimum:g}'
    upper = '' if field.maximum is None else f'{field.maximum:g}'
    return f'{lower} to {upper}'


if __name__ == '__main__':
    print(markdown(), end='')
