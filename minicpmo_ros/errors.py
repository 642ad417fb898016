# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All exceptions the nodes raise on purpose; each message names the value and the remedy."""


class AssistantError(Exception):
    """Base class of every error this package raises on purpose."""


class ParameterError(AssistantError, ValueError):
    """A parameter has a value that cannot be used."""


class MessageError(AssistantError, ValueError):
    """A message is malformed; it is reported and dropped, the next one is read as usual."""


class MediaError(AssistantError):
    """A media file, folder or recording cannot be opened or read."""


class DeviceError(AssistantError):
    """A camera, microphone or loudspeaker is missing, busy or failed."""


class BackendError(AssistantError):
    """The model cannot be loaded, or failed while running."""


class WorkspaceError(AssistantError):
    """The installation is incomplete, e.g. the messages were never built."""


class LocatedError(AssistantError, ValueError):
    """A problem in a configuration file, with its line (counted from 1)."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f'line {line}: {message}')
        self.line = line


class ArgumentError(AssistantError, ValueError):
    """An argument of an action does not fit its schema; ``code`` is what ActionStatus reports."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class PatternError(AssistantError, ValueError):
    """A phrase of a skill that cannot be compiled."""


class TagError(AssistantError, ValueError):
    """An action tag that does not follow the grammar."""


class WatchError(AssistantError, ValueError):
    """A watch that is empty, contradicts itself, or is one too many."""
