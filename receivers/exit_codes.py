"""What the exit codes of `loa receiver` say to a supervisor."""

from enum import IntEnum


class ExitCode(IntEnum):
    """2 is the command line's own: wrong usage."""

    DONE = 0
    NOT_RUNNING = 1  # status, and what hands ask for: the daemon is not running
    NOT_ENROLLED = 3  # enrol first
    REFUSED = 4  # the centre refused the enrolment or could not be trusted; the daemon did not do what hands asked for
    UNREACHABLE = 5  # the centre, or the daemon, did not answer; the same may be tried again
    ALREADY = 6  # another daemon runs on this state folder, or it is enrolled already
    NO_SOUND = 7  # the sound library is missing
    DIFFERS = 8  # replay: the log does not follow from the tables
    BROKEN = 70  # a mistake in Loa: the daemon ended and should be started again
    SOUND_HANGS = 71  # calls to the sound device do not return; a new process may have more luck
    DISK = 74  # the state folder cannot be read or written
    CONFIG = 78  # receiver.toml must be mended; starting again will not help
