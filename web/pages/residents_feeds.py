"""What residents can follow: an RSS feed that podcast players take, and a calendar (pure).

Rules
- A feed has what was on the air, each notice once, the newest first; a calendar every time, also those to come, but
  what a notice says only at its last time: the others lead to its page.
- What is said stands there as far as ALL_LETTERS go, the newest first: what is followed is fetched again and again.
- Relays are in the calendar alone: a feed gives what can be read and heard again.
- The same plan gives the same bytes, so that an ETag of them says whether anything is new.
"""

from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from icalendar import Calendar, Event
from msgspec import Struct

from scheduler.announcements.rendition import BIT_RATE_BPS
from scheduler.residents.notice import Notice
from scheduler.residents.publishing import Said
from web.pages.present import US_PER_S

FEED_TYPE, CALENDAR_TYPE = "application/rss+xml", "text/calendar"
ITEMS = 50
TEXT_LETTERS = 2000
ALL_LETTERS = 20_000
_ITUNES, _ATOM = "http://www.itunes.com/dtds/podcast-1.0.dtd", "http://www.w3.org/2005/Atom"
ET.register_namespace("itunes", _ITUNES)
ET.register_namespace("atom", _ATOM)


class Source(Struct, frozen=True):
    """Whose feed: its name and a sentence of it, the page (with host) it belongs to, and its language."""

    title: str
    about: str
    page: str
    language: str


def feed(source: Source, notices: Iterable[Notice]) -> bytes:
    """RSS 2.0 with enclosures; the length of an MP3 is reckoned from its bit rate, as it is made when asked for."""
    root = ET.Element("rss", version="2.0")
    channel = ET.SubElement(root, "channel")
    _add(channel, "title", source.title)
    _add(channel, "link", source.page)
    _add(channel, "description", source.about)
    _add(channel, "language", source.language)
    _add(channel, "ttl", "15")
    _add(channel, f"{{{_ITUNES}}}author", source.title)
    _add(channel, f"{{{_ITUNES}}}explicit", "false")
    ET.SubElement(channel, f"{{{_ITUNES}}}category", text="Government")
    ET.SubElement(channel, f"{{{_ATOM}}}link", href=f"{source.page}/feed.xml", rel="self", type=FEED_TYPE)
    newest: dict[str, Notice] = {}
    for notice in sorted(notices, key=lambda one: one.times[0].start, reverse=True):
        if not notice.relay:
            newest.setdefault(notice.id, notice)  # what is on the air again was on before
    kept, texts = list(newest.values())[:ITEMS], _Texts()
    for notice in kept:
        _item(channel, source, notice, texts.of(notice))
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def calendar(source: Source, notices: Iterable[Notice]) -> bytes:
    """RFC 5545, with an event for each time."""
    made = Calendar()
    made.add("prodid", "-//Loa//residents//VI")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", source.title)
    made.add("x-published-ttl", "PT15M")
    host = urlsplit(source.page).hostname or "loa"
    times = [(time, notice) for notice in notices for time in notice.times]
    times.sort(key=lambda pair: (pair[0].start, pair[0].id))
    texts, said = _Texts(), dict[str, str]()
    for time, notice in reversed(times):
        said[time.id] = texts.of(notice)
    for time, notice in times:
        event = Event()
        event.add("uid", f"{time.id}@{host}")
        event.add("dtstamp", _whole(time.start))
        event.add("dtstart", _whole(time.start))
        event.add("dtend", _whole(time.end))
        event.add("summary", notice.title)
        if said[time.id]:
            event.add("description", said[time.id])
        event.add("url", source.page if notice.relay else f"{source.page}/{notice.id}")
        made.add_component(event)
    return bytes(made.to_ical())


class _Texts:
    """What notices say, each once and all together no more than ALL_LETTERS; who asks first gets theirs."""

    def __init__(self) -> None:
        self._left = ALL_LETTERS
        self._given: set[str] = set()

    def of(self, notice: Notice) -> str:
        text = "" if notice.id in self._given else (notice.text or "")[:TEXT_LETTERS]
        if len(text) > self._left:
            return ""
        self._given.add(notice.id)
        self._left -= len(text)
        return text


def _item(channel: ET.Element, source: Source, notice: Notice, text: str) -> None:
    made = ET.SubElement(channel, "item")
    page = f"{source.page}/{notice.id}"
    _add(made, "title", notice.title)
    _add(made, "link", page)
    _add(made, "guid", notice.id).set("isPermaLink", "false")
    _add(made, "pubDate", format_datetime(notice.times[0].start))
    _add(made, f"{{{_ITUNES}}}author", notice.sender)
    if text:
        _add(made, "description", text)
    if notice.recordings:
        _enclosure(made, page, notice.recordings[0])


def _enclosure(item: ET.Element, page: str, said: Said) -> None:
    seconds = round(said.duration_us / US_PER_S)
    length_bytes = max(1, said.duration_us * BIT_RATE_BPS // (8 * US_PER_S))
    ET.SubElement(item, "enclosure", url=f"{page}/{said.language}.mp3", length=str(length_bytes), type="audio/mpeg")
    _add(item, f"{{{_ITUNES}}}duration", str(max(1, seconds)))


def _add(parent: ET.Element, name: str, text: str) -> ET.Element:
    made = ET.SubElement(parent, name)
    made.text = "".join(c for c in text if c in "\n\t" or ord(c) >= ord(" "))
    return made


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
