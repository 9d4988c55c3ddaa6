"""Sentences, forms and the matrix of emergencies, without a centre."""

from datetime import UTC, datetime, timedelta
from unicodedata import normalize

import pytest
from starlette.datastructures import FormData

from broadcast.wire.now import Purpose
from scheduler.emergency.life import State
from scheduler.emergency.schemas import (
    Hearing,
    OrderOut,
    OrderTargetOut,
    PartOut,
    ReceiverHearing,
    VillageHearing,
    WhoHeard,
)
from scheduler.zones.models import SecondPerson
from web import i18n
from web.pages import emergency_view as view
from web.pages import emergency_words as said
from web.pages.emergency_form import DEFAULT_EVERY_S, DEFAULT_MINUTES, asked, from_request, typed
from web.pages.present import Present

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SHOW = Present("vi", "Asia/Ho_Chi_Minh", NOW, i18n.translations("vi"))


def order(purpose: Purpose = Purpose.REAL, places: int = 1, every_s: int = 120) -> OrderOut:
    return OrderOut(
        id="O1",
        purpose=purpose,
        state=State.ISSUED,
        parts=[
            PartOut(kind="bank", title="Còi", bank_id="siren-rise-fall.1", text="rise-fall", duration_us=10_000_000),
            PartOut(kind="bank", title="Lũ quét", bank_id="flash-flood.1", text="Cảnh báo.", duration_us=20_000_000),
        ],
        targets=[
            OrderTargetOut(
                zone_id=f"Z{n}", name=f"Thôn {n}", place=["Đà Nẵng", "Trà Leng"], receivers=2, receivers_online=1
            )
            for n in range(places)
        ],
        every_s=every_s,
        minutes=30,
        until=None,
        reason="–",
        second_person=SecondPerson.TWO_PEOPLE,
        author_id="U1",
        author_name="Hạnh",
        confirmer_name="Minh",
        ender_name=None,
        corrects_id=None,
        asked_at=NOW,
        lapses_at=NOW + timedelta(minutes=15),
        issued_at=NOW,
        starts_at=NOW,
        ended_at=None,
        delivered=True,
        word="KHẨN CẤP",
        code_needed=False,
        version=1,
        possible=[],
    )


def test_what_is_listened_to_is_the_sound_that_is_told() -> None:
    sha256, parts = "ab" * 32, order().parts
    kinds = [
        parts[1].model_copy(update={"sha256": sha256, "language": "en"}),
        PartOut(kind="recording", title="Họp", recording_id="R1", sha256=sha256),
        PartOut(kind="text", title="Nước", text="Nước.", sha256=sha256),
        PartOut(kind="text", title="Nước", text="Nước.", state="making"),
    ]
    assert [one.url for one in view.sounds(SHOW, kinds)] == [
        "/api/v1/bank/flash-flood.1/audio?language=en&v=abababababab",
        "/api/v1/recordings/R1/audio?v=abababababab",
        f"/media/{sha256}",
        None,
    ]


def test_the_whole_is_said_in_one_sentence() -> None:
    assert said.sentence(SHOW, order(places=5)) == (
        "KHẨN CẤP: ngay khi được xác nhận, “Còi”, rồi “Lũ quét” (30 giây) sẽ phát tại Thôn 0, Thôn 1, Thôn 2 "
        "(Trà Leng), 2 nơi khác, 10 cụm loa, lặp lại mỗi 2 phút trong 30 phút."
    )


@pytest.mark.parametrize(("purpose", "word"), [(Purpose.DRILL, "DIỄN TẬP: "), (Purpose.TEST, "THỬ LOA: ")])
def test_what_is_not_real_says_so_first(purpose: Purpose, word: str) -> None:
    assert said.sentence(SHOW, order(purpose)).startswith(word)


def test_what_sounds_once_is_said_so() -> None:
    assert said.sentence(SHOW, order(every_s=0)).endswith(", một lần.")


def test_a_siren_s_tone_is_no_text() -> None:
    assert [sound.text for sound in view.sounds(SHOW, order().parts)] == [None, "Cảnh báo."]


@pytest.mark.parametrize("word", ["KHẨN CẤP", "khẩn cấp", " Khan  cap", "KHAN CAP", normalize("NFD", "khẩn cấp")])
def test_a_word_counts_without_its_marks(word: str) -> None:
    assert typed(word, "KHẨN CẤP") == "KHẨN CẤP"


@pytest.mark.parametrize("word", ["", "khan", "DIỄN TẬP", "khancap"])
def test_another_word_stays_another(word: str) -> None:
    assert typed(word, "KHẨN CẤP") == word


def test_what_the_desk_does_not_offer_is_not_taken() -> None:
    form = from_request(
        FormData([("zone", "Z1"), ("zone", "Z1"), ("every_s", "7"), ("minutes", "99999"), ("message", "a.1 b.2")])
    )
    assert (form.every_s, form.minutes) == (DEFAULT_EVERY_S, DEFAULT_MINUTES)
    draft = asked(form)
    assert draft.zone_ids == ["Z1"]
    assert [part.model_dump() for part in draft.parts] == [{"kind": "bank", "id": "a.1"}, {"kind": "bank", "id": "b.2"}]
    assert draft.purpose is None


def hearing(number: int, state: Hearing) -> ReceiverHearing:
    return ReceiverHearing(receiver_id=f"R{number}", name=f"Loa {number}", zone_id="Z0", state=state, seen_at=NOW)


def village(number: int, *states: Hearing) -> VillageHearing:
    heard = sum(state in (Hearing.HEARD, Hearing.PLAYING) for state in states)
    return VillageHearing(
        zone_id=f"V{number}",
        name=f"Thôn {number}",
        place=["Trà Leng"],
        heard=heard,
        total=len(states),
        call=heard < len(states),
        receivers=[hearing(n, state) for n, state in enumerate(states)],
    )


def who(*villages: VillageHearing) -> WhoHeard:
    return WhoHeard(order_id="O1", at=NOW, counts={}, villages=list(villages))


def test_whom_to_telephone_stands_by_place_and_name() -> None:
    found = who(*(village(number, Hearing.FAILED) for number in (3, 1, 2)))
    found.villages[0].place = ["Trà Don"]
    assert [call.village for call in view.to_call(SHOW, found)] == ["Thôn 3", "Thôn 1", "Thôn 2"]
    found.villages[0].place = ["Trà Vân"]
    assert [call.village for call in view.to_call(SHOW, found)] == ["Thôn 1", "Thôn 2", "Thôn 3"]


def test_what_is_wrong_comes_first() -> None:
    found = who(village(1, Hearing.HEARD), village(2, Hearing.HEARD, Hearing.UNREACHABLE, Hearing.FAILED))
    shown = view.villages(SHOW, order(), found)
    assert [one.id for one in shown] == ["V2", "V1"]
    assert [row.look.word for row in shown[0].rows] == ["failed", "cannot be reached", "heard"]
    assert [call.village for call in view.to_call(SHOW, found)] == ["Thôn 2"]
    assert shown[0].rows[1].old
    assert not shown[0].rows[0].old


def test_who_lacked_a_part_is_not_among_those_that_heard_it_whole() -> None:
    whole, lacking = village(1, Hearing.HEARD), village(2, Hearing.HEARD, Hearing.HEARD)
    lacking.receivers[1].partly, lacking.receivers[1].reason, lacking.partly = True, "unknown_message", 1
    found = who(whole, lacking)
    found.partly = 1
    shown = view.villages(SHOW, order(), found)
    assert [one.id for one in shown] == ["V2", "V1"]
    assert [(row.look, row.reason) for row in shown[0].rows][:1] == [(said.PARTLY, "chưa có tin này")]
    assert shown[0].tallies[0] == view.tallies(found)[-1] == view.Tally(said.PARTLY, 1)


def test_a_page_lists_no_more_receivers_than_a_telephone_bears() -> None:
    full = [village(n, *[Hearing.HEARD] * 100) for n in range(20)]
    assert sum(one.total for one in view.villages(SHOW, order(), who(*full))) == view.ROWS


@pytest.mark.parametrize(
    ("every_s", "since_s", "spoken", "heading"),
    [
        (0, 29, False, "Đang phát KHẨN CẤP"),
        (0, 31, False, "KHẨN CẤP còn hiệu lực"),
        (0, 31, True, "Đang phát KHẨN CẤP"),
        (120, 300, False, "Đang phát KHẨN CẤP"),
    ],
)
def test_only_what_sounds_or_will_again_is_said_to_sound(
    every_s: int, since_s: int, heading: str, *, spoken: bool
) -> None:
    told = order(every_s=every_s)
    told.starts_at = NOW - timedelta(seconds=since_s)
    assert view.alarm(SHOW, told, "U1", (), silences=False, spoken=spoken).heading == heading


def test_a_live_voice_is_read_back_with_its_limit() -> None:
    told = order(every_s=0)
    told.parts = [PartOut(kind="live", title="")]
    assert said.sentence(SHOW, told).endswith("một lần, dài nhất 30 phút.")
