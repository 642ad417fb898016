# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the action hooks."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.parameter import parameter


@dataclass(frozen=True)
class ActionParameters:
    """Parameters of the action hooks."""

    actions_enabled: bool = parameter(False, 'allow robot actions at all')
    skills_file: str = parameter(
        'skills.yaml',
        'allow-list: a path, or a file in the config folder of this package; empty: none',
        read_only=True,
    )
    execution: str = parameter(
        'internal',
        'who carries requests out: this node, or subscribers of action_request',
        choices=('internal', 'external'),
    )
    confirmation_timeout: float = parameter(
        10.0, 'a question without an answer means no after this time', 1.0, 120.0, unit='s'
    )
    confirmation_words: tuple[str, ...] = parameter(
        ('yes', 'yes please', 'please do', 'go ahead', 'do it'), 'words of the user that mean yes'
    )
    refusal_words: tuple[str, ...] = parameter(
        ('no', 'no thanks', 'no thank you', "don't", 'stop', 'cancel', 'wait'),
        'words of the user that mean no',
    )
    max_actions_per_minute: int = parameter(6, 'limit over all skills', 1, 120)
    audit_file: str = parameter(
        '~/.ros/minicpmo_ros/actions.jsonl', 'JSON lines of every request; empty: none',
        read_only=True,
    )  # fmt: skip
