# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns text, tags, events and direct requests into proposals; nothing here decides."""

from __future__ import annotations

from dataclasses import dataclass, field
import enum
import json
from typing import Any, Mapping

from minicpmo_ros.actions.action_tag import parse_tag
from minicpmo_ros.actions.phrase_pattern import PhrasePattern, sentences
from minicpmo_ros.actions.skill import Skill
from minicpmo_ros.errors import TagError

MAX_TURN_TEXT = 4000
MAX_REQUEST = 2000
_END_MARKS = '.!?;\n'


class TriggerKind(enum.IntEnum):
    """What made the proposal; equal to the constants of ActionRequest.msg."""

    TEXT = 0
    TAG = 1
    EVENT = 2
    REQUEST = 3
    USER_SPEECH = 4


@dataclass(frozen=True)
class Proposal:
    """A wish that still has to pass every gate. ``skill`` may name nothing that exists."""

    skill: str
    arguments: dict[str, Any]
    trigger: TriggerKind
    rationale: str
    turn_id: int = 0
    epoch: int = -1
    request_id: str = ''
    problem: str = ''


@dataclass
class SentenceBuffer:
    """Collects the text of one turn and gives out each sentence once, when it is complete.

    A sentence that does not end within MAX_TURN_TEXT characters is skipped as a whole: its tail
    must not pass for a sentence of its own.
    """

    text: str = ''
    turn_id: int = -1
    quoted: bool = False
    skipping: bool = False

    def feed(self, turn_id: int, delta: str, last: bool) -> list[str]:
        """Return the sentences that this delta completed; ``last`` completes the rest."""
        if turn_id != self.turn_id:
            self.reset(turn_id)
        self.text += delta
        end = len(self.text) if last else 1 + max(self.text.rfind(mark) for mark in _END_MARKS)
        complete, self.text = self.text[:end], self.text[end:]
        found = sentences(('"' if self.quoted else '') + complete)
        if self.skipping and complete:
            found, self.skipping = found[1:], False
        if len(self.text) > MAX_TURN_TEXT:
            self.text, self.skipping = '', True
        self.quoted ^= complete.count('"') % 2 == 1
        if last:
            self.reset(-1)
        return found

    def reset(self, turn_id: int) -> None:
        """Begin another turn."""
        self.text, self.turn_id = '', turn_id
        self.quoted = self.skipping = False


@dataclass
class TriggerTable:
    """All triggers of the allow-list, compiled once."""

    skills: Mapping[str, Skill]
    _phrases: list[tuple[str, PhrasePattern]] = field(default_factory=list)
    _user_phrases: list[tuple[str, PhrasePattern]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for skill in self.skills.values():
            for template in skill.phrases:
                self._phrases.append((skill.name, PhrasePattern(template, skill.arguments)))
            for template in skill.user_phrases:
                self._user_phrases.append((skill.name, PhrasePattern(template, skill.arguments)))

    def from_text(self, sentence: str, turn_id: int, epoch: int) -> list[Proposal]:
        """Return what a sentence the assistant said commits it to: at most one proposal."""
        return self._match(self._phrases, sentence, TriggerKind.TEXT, turn_id, epoch)

    def from_user(self, sentence: str, turn_id: int, epoch: int) -> list[Proposal]:
        """Return what a recognised sentence of the user asks for: at most one proposal."""
        return self._match(self._user_phrases, sentence, TriggerKind.USER_SPEECH, turn_id, epoch)

    @staticmethod
    def _match(
        patterns: list[tuple[str, PhrasePattern]],
        sentence: str,
        trigger: TriggerKind,
        turn_id: int,
        epoch: int,
    ) -> list[Proposal]:
        for name, pattern in patterns:
            words = pattern.match(sentence)
            if words is not None:
                return [Proposal(name, dict(words), trigger, sentence, turn_id, epoch)]
        return []

    def from_tag(self, text: str, turn_id: int, epoch: int) -> list[Proposal]:
        """Return the proposal of a tag; a malformed one or a barred skill carries its problem."""
        try:
            tag = parse_tag(text)
        except TagError:
            return [
                Proposal(
                    '', {}, TriggerKind.TAG, text[:200], turn_id, epoch, problem='malformed_tag'
                )
            ]
        skill = self.skills.get(tag.skill)
        problem = 'trigger_not_allowed' if skill and not skill.tags else ''
        arguments = dict(tag.arguments)
        return [
            Proposal(tag.skill, arguments, TriggerKind.TAG, text, turn_id, epoch, problem=problem)
        ]

    def from_event(
        self, kind: str, severity: int, event_id: str, turn_id: int, epoch: int
    ) -> list[Proposal]:
        """Return a proposal for every skill that waits for this kind of event."""
        return [
            Proposal(skill.name, {}, TriggerKind.EVENT, f'event {kind} {event_id}', turn_id, epoch)
            for skill in self.skills.values()
            for event in skill.events
            if event.kind == kind and severity >= event.min_severity
        ]

    def from_request(self, skill_name: str, arguments: str, request_id: str) -> Proposal:
        """Return the proposal of another program; ``arguments`` is a JSON object."""
        problem = ''
        values: Any = {}
        try:
            values = json.loads(arguments or '{}') if len(arguments) <= MAX_REQUEST else None
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            problem, values = 'malformed_arguments', {}
        skill = self.skills.get(skill_name)
        if skill and not skill.requests:
            problem = 'trigger_not_allowed'
        return Proposal(
            skill_name,
            values,
            TriggerKind.REQUEST,
            'direct request',
            request_id=request_id,
            problem=problem,
        )
