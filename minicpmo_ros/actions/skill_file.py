# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads config/skills.yaml, the allow-list of robot actions. Whatever is not in it is denied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import re
from typing import Any, Optional

from minicpmo_ros.actions.argument import validate_argument
from minicpmo_ros.actions.located_section import (
    Section,
    take_count,
    take_flag,
    take_list,
    take_mapping,
    take_member,
    take_number,
    take_positive_seconds,
    take_seconds,
    take_text,
)
from minicpmo_ros.actions.located_yaml import Located, parse_located_yaml
from minicpmo_ros.actions.message_template import template_references
from minicpmo_ros.actions.phrase_pattern import PhrasePattern
from minicpmo_ros.actions.skill import (
    ArgumentSchema,
    ArgumentType,
    Confirmation,
    EventTrigger,
    Skill,
    Target,
    TargetKind,
)
from minicpmo_ros.actions.target_policy import refuse_name, refuse_type
from minicpmo_ros.errors import ArgumentError, LocatedError, PatternError

MAX_SKILLS = 200
SEVERITIES = ('info', 'notice', 'warning', 'critical')
_WORD = re.compile(r'[a-z][a-z0-9_]{0,47}')
_CHOICE = re.compile(r"[\w][\w '-]{0,47}")


def load_skill_file(path: str | Path) -> dict[str, Skill]:
    """Return the skills of a file by name; raise LocatedError with the line of any problem."""
    try:
        text = Path(path).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise LocatedError(1, f'{path} cannot be read: {error}') from error
    return parse_skills(text)


def parse_skills(text: str) -> dict[str, Skill]:
    """Return the skills of a YAML document by name; raise LocatedError for any problem."""
    top = Section(parse_located_yaml(text), 'the file', required=('skills',))
    entries = take_mapping(top.take('skills'), 'skills')
    if len(entries) > MAX_SKILLS:
        raise LocatedError(top.line, f'{len(entries)} skills; at most {MAX_SKILLS} are allowed')
    return {name: _skill(name, entry) for name, entry in entries.items()}


def _skill(name: str, node: Located) -> Skill:
    title = f'skill {name}'
    if not _WORD.fullmatch(name):
        raise LocatedError(node.line, f'{title}: a name has a-z, 0-9 and _ and begins with a-z')
    section = Section(
        node,
        title,
        required=('description', 'target'),
        optional=('arguments', 'phrases', 'user_phrases', 'events', 'tags', 'requests', 'confirm',
                  'question', 'cooldown', 'timeout', 'enabled'),
    )  # fmt: skip
    arguments = section.get('arguments', {}, _arguments)
    defaults = Skill(name=name, description='', target=Target(TargetKind.TOPIC, '', ''))
    return Skill(
        name=name,
        description=take_text(section.take('description'), f'{title}.description'),
        target=_target(section.take('target'), f'{title}.target', arguments),
        arguments=arguments,
        phrases=section.get('phrases', (), _phrases(arguments)),
        user_phrases=section.get('user_phrases', (), _phrases(arguments)),
        events=section.get('events', (), _events(arguments)),
        tags=section.get('tags', defaults.tags, take_flag),
        requests=section.get('requests', defaults.requests, take_flag),
        confirm=section.get('confirm', defaults.confirm, take_member(Confirmation)),
        question=section.get('question', defaults.question, take_text),
        cooldown=section.get('cooldown', defaults.cooldown, take_seconds),
        timeout=section.get('timeout', defaults.timeout, take_positive_seconds),
        enabled=section.get('enabled', defaults.enabled, take_flag),
        line=node.line,
    )


def _target(node: Located, title: str, arguments: dict[str, ArgumentSchema]) -> Target:
    section = Section(node, title, ('kind', 'name', 'type'), ('message',))
    kind = take_member(TargetKind)(section.take('kind'), f'{title}.kind')
    name_node, type_node = section.take('name'), section.take('type')
    type_name = take_text(type_node, f'{title}.type')
    name = take_text(name_node, f'{title}.name')
    for line, reason in (
        (type_node.line, refuse_type(kind, type_name)),
        (name_node.line, refuse_name(name)),
    ):
        if reason:
            raise LocatedError(line, f'{title}: {reason}')
    message = section.get('message', {}, lambda item, where: _message(item, where, arguments))
    return Target(kind=kind, name=name, type=type_name, message=message)


def _message(node: Located, title: str, arguments: dict[str, ArgumentSchema]) -> dict[str, Any]:
    message = Located(take_mapping(node, title), node.line).plain()
    for reference in template_references(message):
        name, _, member = reference.partition('.')
        if reference == 'now':
            continue
        schema = arguments.get(name)
        if schema is None:
            raise LocatedError(node.line, f'{title}: ${reference} is not an argument')
        for word, fields in schema.choices.items() if member else ():
            if member not in fields:
                raise LocatedError(node.line, f'{title}: choice {word!r} has no field {member!r}')
        if member and not schema.choices:
            raise LocatedError(node.line, f'{title}: {name!r} has no choices to read from')
    return message


def _arguments(node: Located, title: str) -> dict[str, ArgumentSchema]:
    return {
        name: _argument(name, item, f'{title}.{name}')
        for name, item in take_mapping(node, title).items()
    }


def _argument(name: str, node: Located, title: str) -> ArgumentSchema:
    if not _WORD.fullmatch(name) or name == 'now':
        raise LocatedError(node.line, f'{title}: not usable as the name of an argument')
    section = Section(
        node,
        title,
        required=('type',),
        optional=('description', 'choices', 'minimum', 'maximum', 'max_length', 'default'),
    )
    schema = ArgumentSchema(
        name=name,
        type=take_member(ArgumentType)(section.take('type'), f'{title}.type'),
        description=section.get('description', '', take_text),
        choices=section.get('choices', {}, _choices),
        minimum=section.get('minimum', None, take_number),
        maximum=section.get('maximum', None, take_number),
        max_length=section.get('max_length', None, take_count),
    )
    _check_limits(schema, node.line, title)
    return _with_default(schema, section.items.get('default'), title)


def _check_limits(schema: ArgumentSchema, line: int, title: str) -> None:
    numeric = schema.type in (ArgumentType.INTEGER, ArgumentType.NUMBER)
    textual = schema.type is ArgumentType.STRING
    if numeric and (schema.minimum is None or schema.maximum is None):
        raise LocatedError(line, f'{title}: a number needs minimum and maximum')
    if numeric and schema.minimum > schema.maximum:
        raise LocatedError(line, f'{title}: minimum is larger than maximum')
    if textual and not schema.choices and schema.max_length is None:
        raise LocatedError(line, f'{title}: a text needs choices or max_length')
    if not numeric and (schema.minimum is not None or schema.maximum is not None):
        raise LocatedError(line, f'{title}: minimum and maximum are for numbers')
    if not textual and (schema.choices or schema.max_length is not None):
        raise LocatedError(line, f'{title}: choices and max_length are for texts')


def _with_default(schema: ArgumentSchema, node: Optional[Located], title: str) -> ArgumentSchema:
    if node is None:
        return schema
    try:
        default = validate_argument(schema, node.value)
    except ArgumentError as error:
        raise LocatedError(node.line, f'{title}.default: {error}') from error
    return ArgumentSchema(**{**schema.__dict__, 'default': default})


def _choices(node: Located, title: str) -> dict[str, dict[str, Any]]:
    if isinstance(node.value, list):
        pairs = [(item, Located({}, item.line)) for item in node.value]
    else:
        pairs = [(Located(k, v.line), v) for k, v in take_mapping(node, title).items()]
    choices: dict[str, dict[str, Any]] = {}
    for word_node, fields_node in pairs:
        word = take_text(word_node, title).casefold()
        if not _CHOICE.fullmatch(word) or word in choices:
            raise LocatedError(word_node.line, f'{title}: {word!r} is repeated or not a word')
        fields = take_mapping(fields_node, f'{title}.{word}')
        choices[word] = {key: item.plain() for key, item in fields.items()}
    if not choices:
        raise LocatedError(node.line, f'{title}: no choice is left')
    return choices


Schemas = dict[str, ArgumentSchema]


def _phrases(arguments: Schemas) -> Callable[[Located, str], tuple[str, ...]]:
    def convert(node: Located, title: str) -> tuple[str, ...]:
        templates = []
        for item in take_list(node, title):
            template = take_text(item, title)
            try:
                PhrasePattern(template, arguments)
            except (PatternError, re.error) as error:
                raise LocatedError(item.line, f'{title}: {error}') from error
            templates.append(template)
        return tuple(templates)

    return convert


def _events(
    arguments: dict[str, ArgumentSchema],
) -> Callable[[Located, str], tuple[EventTrigger, ...]]:
    def convert(node: Located, title: str) -> tuple[EventTrigger, ...]:
        if any(schema.default is None for schema in arguments.values()):
            raise LocatedError(node.line, f'{title}: every argument needs a default for events')
        return tuple(_event(item, title) for item in take_list(node, title))

    return convert


def _event(node: Located, title: str) -> EventTrigger:
    section = Section(node, title, required=('kind',), optional=('min_severity',))
    kind_node = section.take('kind')
    kind = take_text(kind_node, title)
    if not _WORD.fullmatch(kind):
        raise LocatedError(kind_node.line, f'{title}: {kind!r} is not an event kind')
    word_node = section.items.get('min_severity')
    if word_node is None:
        return EventTrigger(kind)
    if word_node.value not in SEVERITIES:
        words = ', '.join(SEVERITIES)
        raise LocatedError(word_node.line, f'{title}: {word_node.value!r} is not {words}')
    return EventTrigger(kind, SEVERITIES.index(word_node.value))
