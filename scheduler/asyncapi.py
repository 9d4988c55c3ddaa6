"""What is said over MQTT, as an AsyncAPI 3 document made from the code (pure; the command prints it).

`python -m scheduler.asyncapi > docs/asyncapi.yaml` writes the file that a test compares with this.
"""

import sys
from typing import Any

import msgspec
import yaml

from broadcast.broker.config import RECEIVER_READS, RECEIVER_WRITES
from broadcast.bus import AT_LEAST_ONCE, AT_MOST_ONCE
from broadcast.wire import topics
from broadcast.wire.documents import (
    MAX_DOCUMENT_BYTES,
    Ack,
    Beat,
    PlayReport,
    Programme,
    ReceiverSettings,
    ReceiverState,
    TimeTold,
)
from broadcast.wire.now import Bank, Now
from scheduler.fleet.inbox import MAX_BEAT_BYTES, MAX_REPORT_BYTES, MAX_STATE_BYTES
from scheduler.publisher import MARK, Mark

SIGNED = (
    "A JSON Web Signature in compact form (RFC 7515), EdDSA with Ed25519 (RFC 8037); this is its payload. "
    f"At most {MAX_DOCUMENT_BYTES} bytes with the signature."
)
PLAIN = "JSON in UTF-8."


class _Said(msgspec.Struct, frozen=True):
    """One topic: `placeholder` stands for the target in the address; what is `passing` is sent once or not at all."""

    name: str
    address: str
    payload: type[msgspec.Struct]
    summary: str
    down: bool
    signed: bool = False
    limit: int | None = None
    passing: bool = False


BROKER = {
    "host": "broker.example:8883",
    "protocol": "secure-mqtt",
    "security": [{"$ref": "#/components/securitySchemes/certificate"}],
}
ZONE, RECEIVER = "{zone}", "{receiver}"
SAID = (
    _Said(
        "programme",
        topics.programme(ZONE),
        Programme,
        "What a zone plays from the start of the local day on, seven days ahead. Receivers of the zone and of all "
        "below it obey it.",
        down=True,
        signed=True,
    ),
    _Said(
        "now",
        topics.now(ZONE),
        Now,
        "What sounds in a zone outside its programme: emergencies, drills and live sessions in force, and STOP ALL.",
        down=True,
        signed=True,
    ),
    _Said(
        "bank",
        topics.bank(ZONE),
        Bank,
        "The messages that every receiver of a zone holds ahead of time, for orders that name them.",
        down=True,
        signed=True,
    ),
    _Said(
        "settings",
        topics.settings(RECEIVER),
        ReceiverSettings,
        "How one receiver behaves: its zones, rules, languages, volume, prepared messages, amplifier and self-test.",
        down=True,
        signed=True,
    ),
    _Said(
        "ack",
        topics.ack(RECEIVER),
        Ack,
        "Up to which number the centre has stored the receiver's reports.",
        down=True,
    ),
    _Said(
        "state",
        topics.state(RECEIVER),
        ReceiverState,
        "What a receiver says of itself, when it changes. Its last will says that it is gone.",
        down=False,
        limit=MAX_STATE_BYTES,
    ),
    _Said(
        "reports",
        topics.reports(RECEIVER),
        PlayReport,
        "What a receiver measured for one airing; sent again until an ack covers it. Not retained.",
        down=False,
        limit=MAX_REPORT_BYTES,
    ),
    _Said(
        "beat",
        topics.beat(RECEIVER),
        Beat,
        "A sign of life and a question for the time: after connecting, and every ten minutes. Not retained, and lost "
        "with the connection.",
        down=False,
        limit=MAX_BEAT_BYTES,
        passing=True,
    ),
    _Said(
        "time",
        topics.time(RECEIVER),
        TimeTold,
        "The answer to a beat, one a second and receiver at most. Not retained, and lost with the connection.",
        down=True,
        passing=True,
    ),
    _Said(
        "mark",
        MARK,
        Mark,
        "The centre's own note of what the broker holds; receivers may not read it.",
        down=True,
    ),
)
RETAINED_NOT = frozenset({"reports", "beat", "time"})


def document() -> dict[str, Any]:
    """The whole description."""
    _references, schemas = msgspec.json.schema_components(
        [said.payload for said in SAID], ref_template="#/components/schemas/{name}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Loa over MQTT",
            "version": "1",
            "description": "MQTT 5 over TLS with client certificates; the certificate's name is user name and client "
            "id. A receiver may read " + _listed(RECEIVER_READS) + " and write " + _listed(RECEIVER_WRITES) + ", where "
            "%u is its own id. Unknown fields are ignored.",
        },
        "defaultContentType": "application/json",
        "servers": {"broker": BROKER},
        "channels": {said.name: _channel(said) for said in SAID},
        "operations": {said.name: _operation(said) for said in SAID},
        "components": {
            "securitySchemes": {
                "certificate": {"type": "X509", "description": "Signed by the centre's CA when a receiver enrols."}
            },
            "messages": {said.name: _message(said) for said in SAID},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def text() -> str:
    """The description as the file has it."""
    head = "# Made by `python -m scheduler.asyncapi`; change the code, not this file.\n"
    return head + yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=110)


def _channel(said: _Said) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": said.address,
        "summary": said.summary,
        "messages": {said.name: _ref("messages", said.name)},
    }
    if "{" in said.address:
        name = said.address.split("{")[1].split("}")[0]
        channel["parameters"] = {name: {"description": f"The {name}'s id."}}
    return channel


def _operation(said: _Said) -> dict[str, Any]:
    return {
        "action": "send" if said.down else "receive",
        "channel": {"$ref": f"#/channels/{said.name}"},
        "summary": "The centre publishes it." if said.down else "The centre subscribes to it.",
        "bindings": {
            "mqtt": {
                "qos": AT_MOST_ONCE if said.passing else AT_LEAST_ONCE,
                "retain": said.name not in RETAINED_NOT,
                "bindingVersion": "0.2.0",
            }
        },
    }


def _message(said: _Said) -> dict[str, Any]:
    limit = f" At most {said.limit} bytes." if said.limit else ""
    return {
        "name": said.payload.__name__,
        "contentType": "application/jose" if said.signed else "application/json",
        "description": SIGNED if said.signed else PLAIN + limit,
        "payload": _ref("schemas", said.payload.__name__),
    }


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(text())
