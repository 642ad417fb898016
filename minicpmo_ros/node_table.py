# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes of the assistant as data: read by the launch files and by ``bringup``."""

from __future__ import annotations

from dataclasses import dataclass, field
import json

from minicpmo_ros.errors import ParameterError

PACKAGE = 'minicpmo_ros'


@dataclass(frozen=True)
class LaunchArgument:
    """An argument of a launch file. Empty ``choices``: any text."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()
    is_text: bool = False


@dataclass(frozen=True)
class NodeEntry:
    """A process of the set.

    executable: installed below lib/minicpmo_ros, equal to the names of module and node.
    condition: start the node only when this argument is neither empty nor 'false'.
    parameters: parameter name -> argument that sets it; while the argument is empty the value of
    the parameter file stays.
    remappings: topic of the node -> argument with the topic in the system.
    """

    executable: str
    condition: str = ''
    parameters: dict[str, str] = field(default_factory=dict)
    remappings: dict[str, str] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """Return the module that ``python -m`` runs."""
        return f'{PACKAGE}.{self.executable}'

    def is_wanted(self, arguments: dict[str, str]) -> bool:
        """Return whether the arguments ask for this node."""
        return not self.condition or arguments[self.condition].lower() not in ('', 'false')


@dataclass(frozen=True)
class NodeSet:
    """What one launch file starts."""

    name: str
    description: str
    arguments: tuple[LaunchArgument, ...]
    nodes: tuple[NodeEntry, ...]

    def complete(self, given: dict[str, str]) -> dict[str, str]:
        """Return all arguments, defaults for those not given.

        :raises ParameterError: for an unknown argument or a value that is no choice.
        """
        known = {argument.name: argument for argument in self.arguments}
        for name, value in given.items():
            if name not in known:
                raise ParameterError(f'unknown argument {name!r}; known: {", ".join(known)}')
            choices = known[name].choices
            if choices and value not in choices:
                raise ParameterError(f'{name} must be one of {list(choices)}, got {value!r}')
        return {**{name: argument.default for name, argument in known.items()}, **given}

    def ros_arguments(
        self, entry: NodeEntry, arguments: dict[str, str], default_file: str
    ) -> list:
        """Return what follows the node's command: namespace, parameters and remappings."""
        texts = {argument.name for argument in self.arguments if argument.is_text}
        result = ['--ros-args', '-r', f'__ns:=/{arguments["namespace"].strip("/")}']
        result += ['--log-level', arguments['log_level']]
        result += ['--params-file', arguments['params_file'] or default_file]
        result += ['-p', f'use_sim_time:={arguments["use_sim_time"]}']
        for parameter, argument in entry.parameters.items():
            value = arguments[argument]
            if value:
                result += [
                    '-p',
                    f'{parameter}:={json.dumps(value) if argument in texts else value}',
                ]
        for topic, argument in entry.remappings.items():
            if arguments[argument] != topic:
                result += ['-r', f'{topic}:={arguments[argument]}']
        return result


BOOLEAN = ('true', 'false')
TOPICS = {'image': 'image_topic', 'audio': 'audio_topic', 'audio_info': 'audio_info_topic'}

COMMON_ARGUMENTS = (
    LaunchArgument('namespace', 'minicpmo', 'namespace of all nodes and topics'),
    LaunchArgument('params_file', '', 'YAML file with parameters; empty: the one of this package'),
    LaunchArgument('use_sim_time', 'false', 'take time from /clock', BOOLEAN),
    LaunchArgument(
        'log_level', 'info', 'least severe level written', ('debug', 'info', 'warn', 'error')
    ),
    LaunchArgument(
        'model_path', '', 'model folder, or nano; empty: as in the parameter file', is_text=True
    ),
    LaunchArgument(
        'device', '', 'auto, cpu, cuda or cuda:N; empty: as in the parameter file', is_text=True
    ),
    LaunchArgument('instruction', '', 'system prompt; empty: that of the model', is_text=True),
    LaunchArgument('use_perception', 'true', 'false: another machine makes the units', BOOLEAN),
    LaunchArgument('image_topic', 'image', 'topic of the camera'),
    LaunchArgument(
        'image_transport',
        'raw',
        'raw: sensor_msgs/Image on image_topic; compressed: image_topic/compressed',
        ('raw', 'compressed'),
    ),
    LaunchArgument('audio_topic', 'audio', 'topic of the microphone'),
    LaunchArgument('audio_info_topic', 'audio_info', 'topic with rate and channels of the audio'),
    LaunchArgument(
        'media',
        '',
        'video, sound file, folder of pictures, recording, or camera:0, played as camera and '
        'microphone; empty: none',
        is_text=True,
    ),
    LaunchArgument('use_events', 'true', 'keep watches, reminders and events', BOOLEAN),
    LaunchArgument('media_loop', 'false', 'begin again at the end of the media', BOOLEAN),
    LaunchArgument('media_rate', '', 'speed of the media: 1.0 real time, 0.0 as fast as possible'),
)

PERCEPTION = NodeEntry(
    'perception_node',
    condition='use_perception',
    parameters={'image_transport': 'image_transport'},
    remappings=TOPICS,
)
INFERENCE = NodeEntry(
    'inference_node',
    parameters={
        'model_path': 'model_path',
        'device': 'device',
        'instruction': 'instruction',
        'voice': 'voice',
    },
)
EVENTS = NodeEntry('events_node', condition='use_events', parameters={'speak': 'speak_events'})
MEDIA = NodeEntry(
    'media_node',
    condition='media',
    parameters={
        'source': 'media',
        'loop': 'media_loop',
        'rate': 'media_rate',
        'image_transport': 'image_transport',
    },
    remappings=TOPICS,
)

ASSISTANT = NodeSet(
    'assistant',
    'A talking assistant: camera and microphone in, speech, text, events and actions out.',
    (
        *COMMON_ARGUMENTS,
        LaunchArgument(
            'use_audio_devices',
            'true',
            'run the microphone and loudspeaker of this machine; false: your own audio nodes',
            BOOLEAN,
        ),
        LaunchArgument(
            'audio_device',
            '',
            'none: no sound card, the microphone is audio_topic; empty: as in the parameter file',
            ('', 'sound_card', 'none'),
        ),
        LaunchArgument('use_bridge', 'true', 'barge-in and robot actions', BOOLEAN),
        LaunchArgument('speak_events', '', 'let the model say events', ('', *BOOLEAN)),
        LaunchArgument(
            'actions_enabled', '', 'allow the actions of config/skills.yaml', ('', *BOOLEAN)
        ),
        LaunchArgument(
            'voice',
            '',
            'how speech is made; empty: as in the parameter file',
            ('', 'auto', 'model', 'espeak', 'none'),
        ),
    ),
    (
        PERCEPTION,
        INFERENCE,
        EVENTS,
        NodeEntry(
            'bridge_node',
            condition='use_bridge',
            parameters={
                'actions_enabled': 'actions_enabled',
                'use_audio_devices': 'use_audio_devices',
            },
            remappings={'audio': 'audio_topic', 'audio_info': 'audio_info_topic'},
        ),
        NodeEntry(
            'audio_device_node',
            condition='use_audio_devices',
            parameters={'device': 'audio_device'},
            remappings={'audio': 'audio_topic', 'audio_info': 'audio_info_topic'},
        ),
        MEDIA,
    ),
)

MONITOR = NodeSet(
    'monitor',
    'A silent home monitor: camera and microphone in, events out, nothing is said aloud.',
    (
        *COMMON_ARGUMENTS,
        LaunchArgument('voice', 'none', 'none: the monitor makes no speech', ('none',)),
        LaunchArgument('speak_events', 'false', 'false: the monitor is silent', ('false',)),
    ),
    (PERCEPTION, INFERENCE, EVENTS, MEDIA),
)

NODE_SETS = {node_set.name: node_set for node_set in (ASSISTANT, MONITOR)}
