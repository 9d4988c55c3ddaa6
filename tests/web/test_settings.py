import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from broadcast.wire.now import Feed
from web.settings import EVERYWHERE, Settings

LONGEST_ID = "x" * 64


@given(
    st.one_of(
        st.text(max_size=30).map("https://{}".format),
        st.from_regex(r"https?://[a-z0-9.\[\]:/?#@%-]{1,40}", fullmatch=True),
        st.integers(1, 600).map(lambda letters: "https://" + "a" * letters),
    )
)
def test_whatever_address_is_taken_receivers_take_the_feeds_behind_it(url: str) -> None:
    try:
        base = Settings(live_url=url).live_base_url(8001)
    except ValidationError:
        return
    feed = Feed(id=LONGEST_ID, key="k" * 43, urls=(f"{base}/live/{LONGEST_ID}",))
    assert msgspec.convert(msgspec.to_builtins(feed), Feed) == feed


@pytest.mark.parametrize(
    "url", ["https://centre.example", "http://10.0.0.1:8001/", "https://[2001:db8::1]:8443/loa", "", None]
)
def test_addresses_as_they_are_written_are_taken(url: str | None) -> None:
    assert Settings(live_url=url, public_url=url).live_base_url(8001).startswith("http")


@pytest.mark.parametrize(
    ("settings", "doubted"),
    [
        (Settings(), []),
        (Settings(host=EVERYWHERE[0]), ["LOA_PUBLIC_URL", "LOA_LIVE_URL"]),
        (Settings(host=EVERYWHERE[1], live_url="http://10.0.0.1:8001"), ["LOA_PUBLIC_URL"]),
        (Settings(host=EVERYWHERE[0], public_url="https://centre.example"), []),
    ],
)
def test_who_listens_everywhere_without_saying_where_is_warned(settings: Settings, doubted: list[str]) -> None:
    assert [doubt.rstrip(".").rpartition(" ")[2] for doubt in settings.doubts] == doubted
