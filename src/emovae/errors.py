"""What can go wrong in a way that a person can mend.

Every such error says what is wrong, where, how much, and what to do. The command line prints it as one message
and exits with 2; anything else that escapes is a defect of emovae itself.
"""


class EmovaeError(Exception):
    """Anything a person can mend: input, configuration, disk."""


class ConfigError(EmovaeError):
    """An experiment file, a preset or a `--set` that cannot be used."""


class CorpusError(EmovaeError):
    """A folder, a label file or a table that is not what its reader expects."""


class AudioError(EmovaeError):
    """A recording that cannot be used: missing, broken, silent or too short."""


class ProtocolError(EmovaeError):
    """A corpus that cannot be divided as the protocol asks."""


class OutputError(EmovaeError):
    """A folder that cannot be written."""


class DamagedError(OutputError):
    """A file of emovae's own that is not as it was written."""


class NoSpaceError(OutputError):
    """A disk that is full."""
