from collections.abc import Iterator
from pathlib import Path
from typing import Any

import scheduler
from broadcast.wire import topics
from scheduler import asyncapi
from scheduler.publisher import MARK

FILE = Path(scheduler.__file__).parent.parent / "docs" / "asyncapi.yaml"


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_the_file_is_what_the_code_says() -> None:
    """`python -m scheduler.asyncapi > docs/asyncapi.yaml` makes it so again."""
    assert FILE.read_text() == asyncapi.text()


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi.document()
    found = set(references(document))
    assert found
    for reference in found:
        part = document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_every_topic_is_described_and_every_description_is_a_topic() -> None:
    described = {name for name, channel in asyncapi.document()["channels"].items() if "{" in channel["address"]}
    assert described == set(topics.ZONE_KINDS + topics.RECEIVER_KINDS)
    for channel in asyncapi.document()["channels"].values():
        address = channel["address"].replace("{zone}", "z1").replace("{receiver}", "r1")
        assert topics.parse(address) is not None or address == MARK
