"""A microphone by WHIP (RFC 9725), aiortc driven by hand as its other side; listening in by WHEP."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av.audio.frame import AudioFrame
from sqlmodel import select

from broadcast.wire.chunks import PRE_SKIP_FRAMES
from broadcast.wire.now import Purpose
from scheduler.emergency.models import EmergencyOrder
from scheduler.live import repository
from scheduler.live.models import LiveTalk
from scheduler.people.models import AuditEntry
from web.live.lab import HandMicrophone, alignment, decoded, voice
from web.live.placing import RATE_HZ
from web.live.switchboard import MAX_LISTENERS

SDP = {"content-type": "application/sdp"}
FRAGMENT = {"content-type": "application/trickle-ice-sdpfrag"}
Make = Callable[..., HandMicrophone]


async def test_a_voice_goes_on_the_air_and_is_kept(air: Any, microphone: Make) -> None:
    asked = await air.ask(delay_ms=600)
    assert asked["may_begin"]
    said = voice(30)
    hand = microphone(said)
    answer = await hand.connect(asked["id"])
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/sdp"
    assert answer.headers["location"].startswith(f"/api/v1/live/{asked['id']}/whip/")
    await air.until(lambda: air.sent)
    chunks = air.record(asked["id"])
    assert air.sent[0] == {air.places.leng}
    stage = air.studio.stage(asked["id"])
    assert stage is not None
    assert stage.act is not None
    opening = stage.act.opening_ms * RATE_HZ // 1000
    feed, listener = stage.act.feed, await listening(air)
    await air.until(lambda: feed.frames > opening + 3 * RATE_HZ)
    listened = await listener
    await air.operator.delete(hand.location)
    ended = await air.until_ended(asked["id"])
    assert (ended["end_reason"], ended["ahead"]) == ("speaker", [])
    sound = decoded(chunks)[PRE_SKIP_FRAMES:]
    assert alignment(listened[RATE_HZ // 2 :], sound)[0] > 0.8  # what the zone hears
    assert np.abs(sound[RATE_HZ // 2 : RATE_HZ]).max() > 0.1  # the opening chime
    spoken = sound[opening + RATE_HZ // 2 : opening + 5 * RATE_HZ // 2]
    assert alignment(spoken, said)[0] > 0.8
    assert np.abs(sound[-RATE_HZ : -RATE_HZ // 2]).max() > 0.01  # and the closing one
    await air.until(lambda: air.studio.lines == {})
    with air.centre.store.reading() as db:
        talk = repository.get(db, asked["id"])
        assert talk is not None
        assert talk.frames
        assert talk.frames == feed.frames
        audited = [row.action for row in db.exec(select(AuditEntry)).all()]
    assert {"live.ask", "live.begin", "live.end"} <= set(audited)
    kept = await until_kept(air, asked["id"])
    sha256 = kept["recordings"][0]["sha256"]
    assert air.centre.media is not None
    assert air.centre.media.verify(sha256)
    assert kept["recordings"][0]["duration_us"] == pytest.approx(talk.frames * 1_000_000 / RATE_HZ, abs=1000)


async def until_kept(air: Any, talk_id: str) -> dict[str, Any]:
    found = await air.until_talk(talk_id, lambda talk: talk["announcement_id"] is not None)
    answer = await air.operator.get(f"/api/v1/announcements/{found['announcement_id']}")
    kept: dict[str, Any] = answer.json()
    return kept


async def listening(air: Any) -> "asyncio.Task[Any]":
    """A WHEP client; what comes of it is two seconds of what it heard."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("audio", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp
    answer = await air.operator.post(f"/api/v1/zones/{air.places.leng_1}/whep", content=offer, headers=SDP)
    assert answer.status_code == 201, answer.text
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    (receiver,) = peer.getReceivers()

    async def hear() -> Any:
        frames = [await receiver.track.recv() for _ in range(100)]
        await air.operator.delete(answer.headers["location"])
        await peer.close()
        stereo = [frame.to_ndarray().reshape(-1) for frame in frames if isinstance(frame, AudioFrame)]
        return np.concatenate(stereo)[::2].astype(np.float32)

    return asyncio.create_task(hear())


async def test_a_page_that_is_closed_ends_its_talk_with_the_closing_chime(air: Any, microphone: Make) -> None:
    asked = await air.ask()
    hand = microphone()
    await hand.connect(asked["id"])
    await air.until(lambda: air.sent)
    stage = air.studio.stage(asked["id"])
    assert stage is not None
    assert stage.act is not None
    feed = stage.act.feed
    await air.until(lambda: feed.frames > 4 * RATE_HZ)
    said = feed.frames
    await hand.close()
    ended = await air.until_ended(asked["id"])
    assert ended["end_reason"] == "gone"
    assert feed.ended
    assert feed.frames - said > 3 * RATE_HZ  # two seconds of waiting, and the chime


async def test_a_talk_for_an_order_is_over_chime_and_all_before_the_order_is(air: Any, microphone: Make) -> None:
    asked, now = await air.ask(delay_ms=600), air.centre.clock.now()
    with air.centre.store.writing() as db:
        order = EmergencyOrder(
            id="E1", purpose=Purpose.REAL, state="issued", parts=[{"kind": "live"}], reason="Lũ",
            asked_at=now, lapses_at=now, until_at=now + timedelta(seconds=14),
        )  # fmt: skip
        db.add(order)
        db.get_one(LiveTalk, asked["id"]).order_id = order.id
    await microphone().connect(asked["id"])
    await air.until(lambda: air.sent)
    shown = await air.talk(asked["id"])
    assert datetime.fromisoformat(shown["ends_at"]) < now + timedelta(seconds=10)  # what the speaker's page counts to
    chunks = air.record(asked["id"])
    assert (await air.until_ended(asked["id"]))["end_reason"] == "limit"
    assert np.abs(decoded(chunks)[-RATE_HZ : -RATE_HZ // 2]).max() > 0.01


async def test_a_second_connection_takes_the_place_of_the_first(air: Any, microphone: Make) -> None:
    asked = await air.ask()
    first, second = microphone(), microphone()
    await first.connect(asked["id"])
    await air.until(lambda: air.sent)
    await first.close()  # the network went, and is back
    await second.connect(asked["id"])
    stage = air.studio.stage(asked["id"])
    assert stage is not None
    assert stage.act is not None
    feed = stage.act.feed
    await air.until(lambda: feed.frames > 6 * RATE_HZ)
    assert (await air.talk(asked["id"]))["state"] == "on_air"
    assert len(air.studio.lines) == 1


async def test_what_others_end_is_silent_at_once(air: Any, microphone: Make) -> None:
    asked = await air.ask()
    hand = microphone()
    await hand.connect(asked["id"])
    await air.until(lambda: air.sent)
    async with air.browser() as other:
        await air.sign_in(other, "official")  # may stop what is heard in the own commune
        answer = await other.post(f"/api/v1/live/{asked['id']}/end")
    assert answer.status_code == 200, answer.text
    assert answer.json()["end_reason"] == "stopped"
    await air.until(lambda: air.studio.stage(asked["id"]) is None)
    assert air.studio.desk.get(asked["id"]) is None


async def test_a_centre_that_stops_says_so(air: Any, microphone: Make) -> None:
    asked = await air.ask()
    hand = microphone()
    await hand.connect(asked["id"])
    await air.until(lambda: air.sent)
    await air.studio.close()
    assert (await air.talk(asked["id"]))["end_reason"] == "centre_left"


async def test_candidates_are_taken_and_restarts_are_not(air: Any, microphone: Make) -> None:
    asked = await air.ask()
    hand = microphone()
    await hand.connect(asked["id"])
    more = "a=mid:0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n"

    async def patch(content: str, **headers: str) -> int:
        answer = await air.operator.patch(hand.location, content=content, headers=FRAGMENT | headers)
        return int(answer.status_code)

    assert await patch(more, **{"if-match": hand.etag}) == 204
    assert await patch(more) == 428
    assert await patch(more, **{"if-match": '"another"'}) == 412
    assert await patch("a=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\n", **{"if-match": hand.etag}) == 422
    assert await patch("a=candidate:nonsense\r\n", **{"if-match": hand.etag}) == 422
    assert await patch(more * 60, **{"if-match": hand.etag}) == 422
    wrong = await air.operator.patch(hand.location, content=more, headers=SDP | {"if-match": hand.etag})
    assert wrong.status_code == 415


async def test_who_has_no_turn_or_no_right_connects_nothing(air: Any, microphone: Make) -> None:
    asked = await air.ask()
    hand = microphone()
    await hand.connect(asked["id"])
    await air.until(lambda: air.sent)
    waiting = await air.ask(title="Nhắc lại")
    assert [one["id"] for one in waiting["ahead"]] == [asked["id"]]
    assert (await microphone().connect(waiting["id"])).status_code == 409
    async with air.browser() as nobody:
        assert (await microphone(client=nobody).connect(asked["id"])).status_code == 401
    async with air.browser() as other:
        await air.sign_in(other, "official")
        assert (await microphone(client=other).connect(asked["id"])).status_code == 409
        assert (await other.delete(hand.location)).status_code == 404
        del other.headers["X-CSRF-Token"]
        assert (await microphone(client=other).connect(asked["id"])).status_code == 403
    assert len(air.studio.lines) == 1


async def test_a_bearer_token_is_enough(air: Any, microphone: Make) -> None:
    made = await air.operator.post(
        "/api/v1/tokens",
        json={
            "name": "máy trộn",
            "password": "một mật khẩu đủ dài",
            "scope": ["live.speak", "broadcast.read"],
            "expires_at": (air.centre.clock.now() + timedelta(days=1)).isoformat(),
        },
    )
    assert made.status_code == 201, made.text
    asked = await air.ask()
    async with air.browser() as encoder:
        encoder.headers["authorization"] = f"Bearer {made.json()['token']}"
        answer = await microphone(client=encoder).connect(asked["id"])
        assert answer.status_code == 201
    await air.until(lambda: air.sent)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda _offer: "nonsense", 422),
        (lambda _offer: "", 422),
        (lambda _offer: "v=0\r\nm=audio x y z\r\n", 422),
        (lambda offer: offer.replace("opus/48000", "speex/48000"), 422),
        (lambda offer: offer.replace("a=sendonly", "a=recvonly"), 422),
        (lambda offer: offer + offer[offer.index("m=audio") :].replace("m=audio", "m=video"), 422),
        (lambda offer: offer + "a=x:" + "y" * 70_000, 413),
    ],
)
async def test_what_is_no_microphone_is_refused(
    air: Any, microphone: Make, change: Callable[[str], str], status: int
) -> None:
    asked = await air.ask()
    offer = change(await microphone().offer())
    answer = await air.operator.post(f"/api/v1/live/{asked['id']}/whip", content=offer, headers=SDP)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert air.studio.lines == {}


async def test_those_who_listen_in_leave_room_for_a_microphone(air: Any, microphone: Make) -> None:
    asked, other = await air.ask(), await air.ask(zone_id=air.places.van, zone_ids=[air.places.van])
    assert (await microphone().connect(asked["id"])).status_code == 201
    await air.until(lambda: air.sent)
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("audio", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    listen = f"/api/v1/zones/{air.places.leng_1}/whep"
    offer = {"content": peer.localDescription.sdp, "headers": SDP}
    answers = [(await air.operator.post(listen, **offer)).status_code for _one in range(MAX_LISTENERS + 1)]
    await peer.close()
    assert answers == [201] * MAX_LISTENERS + [429]
    assert (await microphone().connect(other["id"])).status_code == 201


async def test_where_nobody_speaks_there_is_nothing_to_listen_in_to(air: Any) -> None:
    answer = await air.operator.post(f"/api/v1/zones/{air.places.van}/whep", content="v=0", headers=SDP)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_live")


async def test_a_browser_of_another_site_learns_what_a_token_may_do(air: Any) -> None:
    answer = await air.operator.options("/api/v1/live/x/whip", headers={"origin": "https://mixer.example"})
    assert answer.status_code == 204
    assert answer.headers["accept-post"] == "application/sdp"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
