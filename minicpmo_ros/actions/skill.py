# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One entry of the allow-list: what may be done, with which arguments, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
import enum
from typing import Any, Optional

ArgumentValue = str | int | float | bool


class TargetKind(enum.Enum):
    """How a target is reached."""

    TOPIC = 'topic'
    SERVICE = 'service'
    ACTION = 'action'


class Confirmation(enum.Enum):
    """Whether a person has to agree before the request is sent."""

    NEVER = 'never'
    ALWAYS = 'always'


class ArgumentType(enum.Enum):
    """Types an argument may have."""

    STRING = 'string'
    INTEGER = 'integer'
    NUMBER = 'number'
    BOOLEAN = 'boolean'


@dataclass(frozen=True)
class ArgumentSchema:
    """What one argument may be.

    choices: the allowed words of a string, each with the fields a message template may read
    (``$place.x``); empty for the other types. max_length: characters of a free string.
    """

    name: str
    type: ArgumentType
    description: str = ''
    choices: dict[str, dict[str, Any]] = field(default_factory=dict)
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    max_length: Optional[int] = None
    default: Optional[ArgumentValue] = None


@dataclass(frozen=True)
class Target:
    """The ROS interface that carries the skill out.

    type: full interface name such as ``std_srvs/srv/Trigger``. name: as written in the file;
    the resolved name is compared with the forbidden ones again when the client is made.
    """

    kind: TargetKind
    name: str
    type: str
    message: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EventTrigger:
    """Start the skill when an event of this kind and at least this severity is opened."""

    kind: str
    min_severity: int = 0


@dataclass(frozen=True)
class Skill:
    """One allowed robot action. Times are seconds; ``line`` is where the file defines it."""

    name: str
    description: str
    target: Target
    arguments: dict[str, ArgumentSchema] = field(default_factory=dict)
    phrases: tuple[str, ...] = ()
    user_phrases: tuple[str, ...] = ()
    events: tuple[EventTrigger, ...] = ()
    tags: bool = True
    requests: bool = True
    confirm: Confirmation = Confirmation.ALWAYS
    question: str = ''
    cooldown: float = 5.0
    timeout: float = 60.0
    enabled: bool = True
    line: int = 0
