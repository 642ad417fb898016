# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads config/watches.yaml; a mistake is reported with the line it stands on."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from minicpmo_ros.actions.located_section import (
    Section,
    take_flag,
    take_list,
    take_mapping,
    take_member,
    take_seconds,
    take_text,
)
from minicpmo_ros.actions.located_yaml import Located, parse_located_yaml
from minicpmo_ros.errors import LocatedError, WatchError
from minicpmo_ros.watch.schedule import Schedule
from minicpmo_ros.watch.watch import Severity, Watch, WatchKind
from minicpmo_ros.watch.watch_list import MOST_WATCHES

_KEYS = (
    'zone', 'kind', 'severity', 'when', 'times', 'weekdays', 'cooldown', 'say', 'expires',
    'reports',
)  # fmt: skip
_SAY = {'spoken': False, 'silent': True}


def load_watch_file(path: Path | str) -> list[Watch]:
    """Return the watches of a file; raise LocatedError for a mistake in it."""
    return parse_watches(Path(path).read_text(encoding='utf-8'))


def parse_watches(text: str) -> list[Watch]:
    """Return the watches in the text of a file; ``watches: {}`` means none."""
    root = Section(parse_located_yaml(text), 'file', required=('watches',))
    entries = take_mapping(root.take('watches'), 'watches')
    if len(entries) > MOST_WATCHES:
        raise LocatedError(
            root.take('watches').line, f'{len(entries)} watches; {MOST_WATCHES} are the limit'
        )
    return [_watch(name, node) for name, node in entries.items()]


def _watch(name: str, node: Located) -> Watch:
    section = Section(node, name, ('text',), _KEYS)
    expires = section.get('expires', None, _take_instant)
    try:
        return Watch(
            id=name,
            text=take_text(section.take('text'), f'{name}.text'),
            zone=section.get('zone', '', take_text),
            kind=section.get('kind', WatchKind.EVENT, take_member(WatchKind)),
            severity=section.get('severity', Severity.NOTICE, _take_severity),
            when=section.get('when', '', take_text),
            schedule=Schedule(
                section.get('times', (), _take_words), section.get('weekdays', (), _take_words)
            ),
            cooldown=section.get('cooldown', None, take_seconds),
            silent=section.get('say', False, _take_say),
            expires=expires,
            reports=section.get('reports', (), _take_words),
        )
    except WatchError as error:
        raise LocatedError(node.line, str(error)) from error


def _take_severity(node: Located, title: str) -> Severity:
    names = {severity.name.lower(): severity for severity in Severity}
    if node.value not in names:
        raise LocatedError(node.line, f'{title}: {node.value!r} is not {", ".join(names)}')
    return names[node.value]


def _take_say(node: Located, title: str) -> bool:
    if isinstance(node.value, bool):  # a bare no or off is a truth value in YAML
        return not take_flag(node, title)
    if node.value not in _SAY:
        raise LocatedError(node.line, f'{title}: {node.value!r} is not {", ".join(_SAY)}')
    return _SAY[node.value]


def _take_words(node: Located, title: str) -> tuple[str, ...]:
    return tuple(take_text(item, title) for item in take_list(node, title))


def _take_instant(node: Located, title: str) -> float:
    text = take_text(node, title)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise LocatedError(
            node.line, f"{title}: {text!r} is no date; write '2026-12-31T18:00'"
        ) from error
    return moment.timestamp() if moment.tzinfo else moment.astimezone(timezone.utc).timestamp()
