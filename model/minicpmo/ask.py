# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ask a model one question: ``python -m minicpmo.ask FOLDER "What is this?" --picture p.png``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import sys
from typing import Optional

from minicpmo.chat_prompt import Message
from minicpmo.engine import Engine
from minicpmo.errors import MiniCPMOError
from minicpmo.replay import read_picture, read_sound


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Print the answer as it is decoded; return 1 when something cannot be used."""
    parser = argparse.ArgumentParser(prog='python -m minicpmo.ask', description=__doc__)
    parser.add_argument('folder', help='model folder')
    parser.add_argument('question')
    parser.add_argument('--picture', action='append', default=[])
    parser.add_argument('--sound', action='append', default=[])
    parser.add_argument('--system', help='system message')
    parser.add_argument('--max-tokens', type=int, default=512)
    parser.add_argument('--greedy', action='store_true', help='take the likeliest token')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--dtype', default='auto')
    options = parser.parse_args(arguments)
    try:
        media = [read_picture(path) for path in options.picture]
        media += [read_sound(path) for path in options.sound]
        system = (Message('system', (options.system,)),) if options.system else ()
        engine = Engine.load(options.folder, options.device, options.dtype)
        session = engine.chat(max_tokens=options.max_tokens, greedy=options.greedy)
        for piece in session.reply((*system, Message('user', (*media, options.question)))):
            print(piece.text, end='', flush=True)
    except MiniCPMOError as error:
        print(error, file=sys.stderr)
        return 1
    print()
    return 0


if __name__ == '__main__':
    sys.exit(main())
