"""Where browsers listen to what was produced (pure).

An address names its sound: what is read aloud anew under the same id has another one, and no browser plays the old
sound beside the new text.
"""

_VERSION_LETTERS = 12


def version(sha256: str) -> str:
    """What an address carries of the sound's hash."""
    return sha256[:_VERSION_LETTERS]


def of_recording(recording_id: str, sha256: str) -> str:
    return f"/api/v1/recordings/{recording_id}/audio?v={version(sha256)}"


def of_bank(bank_id: str, language: str, sha256: str) -> str:
    return f"/api/v1/bank/{bank_id}/audio?language={language}&v={version(sha256)}"
