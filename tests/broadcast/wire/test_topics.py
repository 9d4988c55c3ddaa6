"""Names of topics, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.wire import topics
from broadcast.wire.topics import Topic

ids = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")


@given(ids)
def test_a_topic_is_read_as_it_was_written(target: str) -> None:
    assert topics.parse(topics.programme(target)) == Topic("zones", target, "programme")
    for write in (topics.settings, topics.state, topics.reports, topics.ack):
        assert topics.parse(write(target)) == Topic("receivers", target, write.__name__)


@given(st.text(max_size=80))
def test_any_text_is_a_topic_of_ours_or_none(name: str) -> None:
    found = topics.parse(name)
    assert found is None or str(found) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "loa/v1/zones//programme",
        "loa/v1/zones/+/programme",
        "loa/v1/zones/#",
        "loa/v1/zones/tra-leng/programme/",
        "/loa/v1/zones/tra-leng/programme",
        "loa/v1/zones/tra-leng/settings",
        "loa/v1/receivers/r1/programme",
        "loa/v1/receivers/r1/State",
        "loa/v2/zones/tra-leng/programme",
        "loa/v1/zones/trà-leng/programme",
        "loa/v1/zones/tra\0leng/programme",
        "loa/v1/zones/tra-leng\n/programme",
        "loa/v1/zones/" + "a" * 65 + "/programme",
        "$SYS/broker/version",
    ],
)
def test_what_only_looks_like_a_topic_is_none(name: str) -> None:
    assert topics.parse(name) is None
