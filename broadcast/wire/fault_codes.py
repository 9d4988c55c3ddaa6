"""Every fault that a receiver can tell of (pure); pages have words for each."""

from enum import StrEnum


class FaultCode(StrEnum):
    """The `code` of a `Fault`. A code once given is never used for something else."""

    AUDIO_DEVICE = "audio_device"  # the sound device cannot be opened, or moves no samples
    MEDIA_MISSING = "media_missing"  # what it must play is not on the node
    MEDIA_CORRUPT = "media_corrupt"  # what is on the node is not what was signed
    MEDIA_REFUSED = "media_refused"  # what was fetched is not what was signed
    MEDIA_UNFETCHED = "media_unfetched"  # it cannot be fetched
    BANK_MISSING = "bank_missing"  # a prepared message of the bank is not on the node
    ORDER_REFUSED = "order_refused"
    SETTINGS_MISSING = "settings_missing"
    SETTINGS_BAD = "settings_bad"
    DISK = "disk"  # cannot be written
    DISK_FULL = "disk_full"
    CLOCK_UNTRUSTED = "clock_untrusted"
    CLOCK_OFF_CENTRE = "clock_off_centre"  # it differs from the centre's
    CERTIFICATE_REFUSED = "certificate_refused"
    CERTIFICATE_EXPIRES = "certificate_expires"
    DATA_BUDGET_NEAR = "data_budget_near"
    DATA_BUDGET_OVER = "data_budget_over"
    MICROPHONE = "microphone"  # it gives nothing
    HORN_NOT_HEARD = "horn_not_heard"  # the microphone does not hear what was played
    GPIO = "gpio"  # contacts and relay cannot be used
    CONTACT_STUCK = "contact_stuck"
    STOPPED_LOCALLY = "stopped_locally"
    MEMORY = "memory"
