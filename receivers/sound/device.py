"""The sound card, through PortAudio: one output stream, 48 kHz mono 16-bit, that asks for blocks of 960 frames."""

from broadcast.clock import Clock


class DeviceError(Exception):
    """The sound device cannot be used; the message says which and why."""


class Device:
    """An output device by name (as PortAudio lists it), or the system's default for None."""

    def __init__(self, name: str | None, clock: Clock) -> None:
        raise NotImplementedError
