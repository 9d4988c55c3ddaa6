"""MQTT topic names (pure); `docs/asyncapi.yaml` describes the same and a test compares the two."""

import re
from typing import NamedTuple

PREFIX = "loa/v1"
MARK = f"{PREFIX}/centre/mark"
"""The centre's own note of what the broker holds."""
ZONE_KINDS = ("programme", "now", "bank")
RECEIVER_KINDS = ("settings", "state", "reports", "ack", "beat", "time")
_TARGET = re.compile(r"[A-Za-z0-9_-]{1,64}")  # documents.Id: no wildcard, level or NUL can hide in it


class Topic(NamedTuple):
    """`scope` is `zones` or `receivers`, `target` a zone's or a receiver's id."""

    scope: str
    target: str
    kind: str

    def __str__(self) -> str:
        return f"{PREFIX}/{self.scope}/{self.target}/{self.kind}"


def programme(zone_id: str) -> str:
    return str(Topic("zones", zone_id, "programme"))


def now(zone_id: str) -> str:
    return str(Topic("zones", zone_id, "now"))


def bank(zone_id: str) -> str:
    return str(Topic("zones", zone_id, "bank"))


def settings(receiver_id: str) -> str:
    return str(Topic("receivers", receiver_id, "settings"))


def state(receiver_id: str) -> str:
    return str(Topic("receivers", receiver_id, "state"))


def reports(receiver_id: str) -> str:
    return str(Topic("receivers", receiver_id, "reports"))


def ack(receiver_id: str) -> str:
    return str(Topic("receivers", receiver_id, "ack"))


def beat(receiver_id: str) -> str:
    return str(Topic("receivers", receiver_id, "beat"))


def time(receiver_id: str) -> str:
    return str(Topic("receivers", receiver_id, "time"))


def parse(name: str) -> Topic | None:
    """The parts of one of Loa's topics, or None for any other name."""
    match name.split("/"):
        case ["loa", "v1", "zones", target, kind] if _TARGET.fullmatch(target) and kind in ZONE_KINDS:
            return Topic("zones", target, kind)
        case ["loa", "v1", "receivers", target, kind] if _TARGET.fullmatch(target) and kind in RECEIVER_KINDS:
            return Topic("receivers", target, kind)
    return None
