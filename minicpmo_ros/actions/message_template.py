# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fills the message template of a target with the values of a request.

A text that is exactly ``$name`` becomes the argument, ``$name.field`` the field of the chosen
word, ``$now`` the time of sending; every other value is taken as it stands. Arguments are never
pasted into longer texts, so no value can change the shape of a message.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping

from minicpmo_ros.actions.skill import ArgumentSchema, ArgumentValue

_REFERENCE = re.compile(r'\$([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)')


def template_references(template: Any) -> Iterator[str]:
    """Yield every reference in a template without its dollar sign."""
    if isinstance(template, dict):
        for value in template.values():
            yield from template_references(value)
    elif isinstance(template, list):
        for value in template:
            yield from template_references(value)
    elif isinstance(template, str) and (found := _REFERENCE.fullmatch(template)):
        yield found[1]


def fill_template(
    template: Any,
    arguments: Mapping[str, ArgumentValue],
    schemas: Mapping[str, ArgumentSchema],
    now: Any,
) -> Any:
    """Return a copy of the template with its references replaced; ``now`` stands for ``$now``."""
    if isinstance(template, dict):
        return {k: fill_template(v, arguments, schemas, now) for k, v in template.items()}
    if isinstance(template, list):
        return [fill_template(value, arguments, schemas, now) for value in template]
    found = _REFERENCE.fullmatch(template) if isinstance(template, str) else None
    if found is None:
        return template
    name, _, member = found[1].partition('.')
    if name == 'now':
        return now
    value = arguments[name]
    return schemas[name].choices[str(value)][member] if member else value
