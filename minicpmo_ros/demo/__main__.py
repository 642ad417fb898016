# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run the assistant on a recording (or this machine's devices) and write its timeline."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
import os
from pathlib import Path
import signal
import sys
from typing import TextIO

from minicpmo_ros.bringup import Bringup
from minicpmo_ros.errors import AssistantError
from minicpmo_ros.installation import share_folder
from minicpmo_ros.media.opener import CAMERA_PREFIX, open_media
from minicpmo_ros.node_table import ASSISTANT
from minicpmo_ros.transport import profile_variables

DEFAULT_MEDIA = 'media/home_monitor.mp4'
CAMERA = 'camera:0'
NAMESPACE = 'minicpmo_demo'


@dataclass(frozen=True)
class DemoOptions:
    """What was asked for on the command line."""

    media: str
    live: bool
    output: Path
    model: str
    start: float
    seconds: float
    extra: dict[str, str]


def parse_options(words: list[str] | None = None) -> DemoOptions:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog='minicpmo_ros.demo', description=__doc__)
    parser.add_argument('--media', default='', help='video, sound, pictures or recording')
    parser.add_argument('--live', action='store_true', help='use camera and sound card')
    parser.add_argument('--output', type=Path, default=Path('demo_output'))
    parser.add_argument('--model', default='', help='model folder; default: nano')
    parser.add_argument('--start', type=float, default=0.0, help='begin here [s]')
    parser.add_argument(
        '--seconds', type=float, default=0.0, help='stop after this; 0: at the end'
    )
    parser.add_argument('arguments', nargs='*', help='name:=value, as for the launch file')
    given = parser.parse_args(words)
    camera = CAMERA if any(Path('/dev').glob('video*')) else ''
    media = given.media or (camera if given.live else str(share_folder() / DEFAULT_MEDIA))
    extra = dict(word.split(':=', 1) for word in given.arguments)
    return DemoOptions(
        media, given.live, given.output, given.model, given.start, given.seconds, extra
    )


def launch_arguments(options: DemoOptions) -> dict[str, str]:
    """Return the arguments with which the assistant is started."""
    return {
        'namespace': NAMESPACE,
        'media': options.media,
        'image_transport': image_transport(options.media),
        'audio_device': '' if options.live else 'none',
        'model_path': options.model,
        'use_events': 'false',  # a demonstration leaves no watches behind
        **options.extra,
    }


def image_transport(media: str) -> str:
    """Return 'compressed', which is small to record; 'raw' for a recording of raw pictures."""
    if not media or media.startswith(CAMERA_PREFIX):
        return 'compressed'
    kinds = getattr(open_media(media), 'kinds', {'compressed'})
    return 'raw' if 'image' in kinds and 'compressed' not in kinds else 'compressed'


def run_demo(options: DemoOptions) -> int:
    """Run the node set, watch it and write the results; return an exit code."""
    # rclpy reads the transport profile when it is imported by the modules below.
    os.environ.update(profile_variables(os.environ, share_folder()))
    os.environ.setdefault('ROS_DOMAIN_ID', str(20 + os.getpid() % 80))
    from minicpmo_ros.demo.session import DemoSession

    options.output.mkdir(parents=True, exist_ok=True)
    with (options.output / 'nodes.log').open('w') as log:
        session = DemoSession(options)
        with Bringup(ASSISTANT, launch_arguments(options), _log_to(log)) as bringup:
            try:
                ended = bringup.wait(session.step)
            except KeyboardInterrupt:
                ended = None
        session.finish()
    if session.failure:
        print(session.failure)
        return 1
    if ended is not None:
        print(f'{ended.name} ended with code {ended.exit_code}: {ended.last_line}')
        return 1
    return 0


def _log_to(log: TextIO) -> Callable[[str], None]:
    def write(line: str) -> None:
        log.write(line)
        log.flush()
        if '[WARN]' in line or '[ERROR]' in line or 'Error' in line:
            print(line, end='', flush=True)

    return write


def main(words: list[str] | None = None) -> int:
    """Run the demo and return an exit code."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        return run_demo(parse_options(words))
    except AssistantError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
