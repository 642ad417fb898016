# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All exceptions the engine raises on purpose; each message names the value and the remedy."""


class MiniCPMOError(Exception):
    """Base class of every error the engine raises on purpose."""


class InputError(MiniCPMOError, ValueError):
    """A unit, image, audio array or option cannot be used; the session is unchanged."""


class ConfigurationError(MiniCPMOError, ValueError):
    """A configuration value is unknown, missing or contradicts another one."""


class QuantizationError(ConfigurationError):
    """The wanted quantisation cannot be had: no library, no such kernel, no fitting matrix."""


class MemoryShortageError(ConfigurationError):
    """The model does not fit into the memory that is free; the message says what would."""


class CheckpointError(MiniCPMOError):
    """A model folder is incomplete, damaged or does not fit the configuration."""


class ContextOverflowError(MiniCPMOError):
    """The key/value cache has no room for the next unit."""


class SessionStateError(MiniCPMOError, RuntimeError):
    """A call does not fit the state of the session, e.g. ``step`` before ``prepare``."""
