# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""YAML that remembers line numbers and takes nothing but plain data.

Aliases, tags, merge keys and repeated keys are refused: an allow-list has no use for them, and
aliases are what a "billion laughs" file is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import yaml

from minicpmo_ros.errors import LocatedError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16


@dataclass(frozen=True)
class Located:
    """A value with the line it stands on; mappings hold Located values under plain keys."""

    value: Any
    line: int

    def plain(self) -> Any:
        """Return the value with all line numbers removed."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


def parse_located_yaml(text: str) -> Located:
    """Return the document in ``text``; raise LocatedError for anything but plain data."""
    if len(text.encode('utf-8', 'surrogatepass')) > MAX_BYTES:
        raise LocatedError(1, f'the file is larger than {MAX_BYTES} bytes')
    try:
        _refuse_aliases(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise LocatedError(mark.line + 1 if mark else 1, error.problem or str(error)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise LocatedError(1, f'not readable as YAML: {error}') from error
    if node is None:
        raise LocatedError(1, 'the file is empty')
    return _locate(node, 0)


def _refuse_aliases(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, 'anchor', None):
            raise LocatedError(line, 'anchors and aliases are not allowed here')
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        if depth > MAX_DEPTH:
            raise LocatedError(line, f'nested deeper than {MAX_DEPTH} levels')


def _locate(node: yaml.Node, depth: int) -> Located:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return Located(_mapping(node, depth), line)
    if isinstance(node, yaml.SequenceNode):
        return Located([_locate(item, depth + 1) for item in node.value], line)
    return Located(_scalar(node), line)


def _mapping(node: yaml.MappingNode, depth: int) -> dict[str, Located]:
    result: dict[str, Located] = {}
    for key_node, value_node in node.value:
        key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise LocatedError(line, f'key {key!r} is not a word; quote it')
        if key in result:
            raise LocatedError(line, f'key {key!r} stands here twice')
        result[key] = _locate(value_node, depth + 1)
    return result


_PLAIN_TAGS = frozenset(
    'tag:yaml.org,2002:' + name for name in ('str', 'int', 'float', 'bool', 'null')
)


def _scalar(node: yaml.ScalarNode) -> Optional[Any]:
    if node.tag not in _PLAIN_TAGS:
        line = node.start_mark.line + 1
        raise LocatedError(line, f'{node.value!r} is neither text, number, true/false nor null')
    return yaml.SafeLoader('').construct_object(node)
