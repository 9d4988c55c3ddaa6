"""A microphone by WebSocket: what a browser's recorder sends, piece by piece, by a client that is none."""

import asyncio
import json
import subprocess
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from web.api.microphone import MAX_PIECE_BYTES, PROTOCOL, microphone
from web.live.lab import alignment, decoded, voice
from web.live.placing import RATE_HZ

SECONDS = 12
CLUSTER = bytes.fromhex("1f43b675")
END = json.dumps({"type": "end"})


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Someone speaks for SECONDS, in pieces of about 100 ms."""
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes((voice(SECONDS) * 32767).astype(np.int16).tobytes())
    how = ["-c:a", "libopus", "-b:a", "32k", "-live", "1", "-cluster_time_limit", "100", "-f", "webm", "-"]
    made = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), *how], check=True, capture_output=True).stdout
    head, *clusters = made.split(CLUSTER)
    return [head, *(CLUSTER + cluster for cluster in clusters)]


class HandSocket:
    """A connection, as our page makes it but for what `opened` is told otherwise."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, **words: str) -> dict[str, Any]:
        await self.socket.send(json.dumps(words))
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            heard: dict[str, Any] = json.loads(await self.socket.recv())
            return heard

    async def speak(self, pieces: list[bytes], every_s: float) -> None:
        for piece in pieces:
            await self.socket.send(piece)
            await asyncio.sleep(every_s)


@pytest.fixture
def opened(air: Any, address: str) -> Callable[..., Any]:
    @asynccontextmanager
    async def open_for(
        talk_id: str, *, cookie: bool = True, origin: str | None = "", **other: Any
    ) -> AsyncIterator[Any]:
        headers = {"Cookie": f"loa_session={air.operator.cookies['loa_session']}"} if cookie else {}
        asked: dict[str, Any] = {"subprotocols": [Subprotocol(PROTOCOL)], **other}
        url = f"{address.replace('http', 'ws')}/api/v1/live/{talk_id}/microphone"
        own = Origin(address if origin == "" else origin) if origin is not None else None
        async with connect(url, origin=own, additional_headers=headers, **asked) as socket:
            yield HandSocket(socket)

    return open_for


@pytest.fixture
def who(air: Any) -> dict[str, str]:
    return {"csrf_token": air.operator.headers["X-CSRF-Token"]}


@pytest.fixture
async def talking(air: Any, opened: Any, who: Any, pieces: list[bytes]) -> AsyncIterator[Any]:
    """Somebody on the air: the connection, their talk, what the talk's feed is, and whoever goes on speaking."""
    asked = await air.ask(delay_ms=1000)
    async with opened(asked["id"]) as hand:
        assert await hand.say(**who) == {"type": "ready"}
        speaking = asyncio.create_task(hand.speak(pieces, SECONDS / len(pieces)))
        await air.until(lambda: air.sent)
        yield hand, asked, air.studio.stage(asked["id"]).act, speaking
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


async def test_a_voice_goes_on_the_air_and_ends_with_its_last_words_and_the_chime(air: Any, talking: Any) -> None:
    hand, asked, act, speaking = talking
    chunks, opening = air.record(asked["id"]), act.opening_ms * RATE_HZ // 1000
    await air.until(lambda: act.feed.frames > opening + 3 * RATE_HZ)
    speaking.cancel()
    said = act.feed.frames
    assert await hand.say(type="end") == {"type": "over"}
    ended = await air.until_ended(asked["id"])
    assert ended["end_reason"] == "speaker"
    assert act.feed.frames > said + RATE_HZ
    sound = decoded(chunks)
    assert alignment(sound[opening + RATE_HZ // 2 : opening + 5 * RATE_HZ // 2], voice(SECONDS))[0] > 0.8
    assert air.studio.lines == {}
    with pytest.raises(ConnectionClosed):
        await hand.hear()


async def test_a_connection_that_is_lost_ends_the_talk_with_the_closing_chime(air: Any, talking: Any) -> None:
    hand, asked, act, speaking = talking
    await air.until(lambda: act.feed.frames > 4 * RATE_HZ)
    speaking.cancel()
    said = act.feed.frames
    hand.socket.transport.abort()
    ended = await air.until_ended(asked["id"])
    assert ended["end_reason"] == "gone"
    assert act.feed.frames - said > 3 * RATE_HZ  # two seconds of waiting, and the chime


async def test_what_others_end_is_told_at_once(air: Any, talking: Any) -> None:
    hand, asked, _act, _speaking = talking
    async with air.browser() as other:
        await air.sign_in(other, "official")
        assert (await other.post(f"/api/v1/live/{asked['id']}/end")).status_code == 200
    assert await hand.hear() == {"type": "over"}


async def test_a_second_connection_takes_the_place_of_the_first(
    air: Any, talking: Any, opened: Any, who: Any, pieces: list[bytes]
) -> None:
    hand, asked, act, speaking = talking
    await air.until(lambda: act.feed.frames > 4 * RATE_HZ)
    async with opened(asked["id"]) as second:
        assert await second.say(**who) == {"type": "ready"}
        assert await hand.hear() == {"type": "over"}
        await asyncio.gather(speaking, return_exceptions=True)
        going_on = asyncio.create_task(second.speak(pieces, SECONDS / len(pieces)))
        now = act.feed.frames
        await air.until(lambda: act.feed.frames > now + 3 * RATE_HZ)
        going_on.cancel()
    assert (await air.talk(asked["id"]))["state"] == "on_air"


async def test_a_bearer_token_in_the_first_message_is_enough(air: Any, opened: Any, pieces: list[bytes]) -> None:
    made = await air.operator.post(
        "/api/v1/tokens",
        json={
            "name": "máy trộn",
            "password": "một mật khẩu đủ dài",
            "scope": ["live.speak", "broadcast.read"],
            "expires_at": (air.centre.clock.now() + timedelta(days=1)).isoformat(),
        },
    )
    asked = await air.ask()
    async with opened(asked["id"], cookie=False, origin=None) as hand:
        assert await hand.say(token=made.json()["token"]) == {"type": "ready"}
        await hand.speak(pieces[:3], 0)
        await air.until(lambda: air.sent)


@pytest.mark.parametrize("other", [{"origin": "https://elsewhere.example"}, {"origin": "null"}, {"subprotocols": None}])
async def test_another_site_s_page_is_not_even_answered(air: Any, opened: Any, other: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened((await air.ask())["id"], **other):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("code", "how", "word"),
    [
        ("not_signed_in", {"cookie": False}, {"csrf_token": "right"}),
        ("not_signed_in", {"cookie": False}, {"token": "invented"}),
        ("csrf", {}, {"csrf_token": "wrong"}),
        ("csrf", {}, {}),
        ("cross_origin", {"origin": None}, {"csrf_token": "right"}),
        ("bad_word", {}, {"password": "x"}),
    ],
)
async def test_who_does_not_say_who_speaks_is_refused(
    air: Any, opened: Any, who: Any, *, code: str, how: dict[str, Any], word: dict[str, str]
) -> None:
    async with opened((await air.ask())["id"], **how) as hand:
        refused = await hand.say(**{name: who[name] if value == "right" else value for name, value in word.items()})
        assert (refused["type"], refused["code"]) == ("refused", code)
        assert refused["detail"]
        await hand.socket.wait_closed()
        assert hand.socket.close_code == 1008
    assert air.studio.lines == {}


async def test_who_says_nothing_is_let_go(air: Any, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.api.microphone.WORD_S", 0.05)
    async with opened((await air.ask())["id"]) as hand:
        assert (await hand.hear())["code"] == "not_signed_in"
    assert len(air.studio.strangers) == 0


async def test_strangers_leave_room_for_those_who_say_who_they_are(
    air: Any, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.live.socket.STRANGERS_OF_ADDRESS", 1)
    asked = await air.ask()
    async with opened(asked["id"]):
        with pytest.raises(InvalidStatus):
            async with opened(asked["id"]):
                pass


async def test_who_leaves_while_the_door_opens_keeps_no_room(air: Any) -> None:
    async def knock() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def broken(_message: Any) -> None:
        raise ConnectionResetError

    door = SimpleNamespace(state=SimpleNamespace(centre=air.centre))
    scope = {"type": "websocket", "app": door, "headers": [], "subprotocols": [PROTOCOL]}
    with pytest.raises(ConnectionResetError):
        await microphone(WebSocket(scope, knock, broken), "no talk")
    assert len(air.studio.strangers) == 0


async def test_whose_turn_it_is_not_is_told_why(air: Any, talking: Any, opened: Any, who: Any) -> None:
    waiting = await air.ask(title="Nhắc lại")
    async with opened(waiting["id"]) as hand:
        refused = await hand.say(**who)
    assert refused["code"] == "not_your_turn"
    async with opened("01KB3CWZ5M4Q7R8S9TAVBXCYDZ") as hand:
        assert (await hand.say(**who))["code"] == "not_found"
    assert len(air.studio.lines) == 1


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([b"OggS" + bytes(100)], "bad_sound"),
        ([bytes(MAX_PIECE_BYTES + 1)], "too_large"),
        ([b""] * 200, "too_much_sound"),
        (["{}"], "bad_word"),
        ([json.dumps({"type": "more"})], "bad_word"),
        (["x" * 5000], "bad_word"),
    ],
)
async def test_what_is_no_microphone_s_sound_ends_the_connection(
    air: Any, opened: Any, who: Any, sent: list[bytes | str], code: str
) -> None:
    async with opened((await air.ask())["id"]) as hand:
        assert await hand.say(**who) == {"type": "ready"}
        for piece in sent:
            await hand.socket.send(piece)
        assert (await hand.hear())["code"] == code
    await air.until(lambda: air.studio.lines == {})
    assert not air.sent


async def test_more_sound_than_a_microphone_makes_ends_the_connection(
    air: Any, opened: Any, who: Any, pieces: list[bytes]
) -> None:
    async with opened((await air.ask())["id"]) as hand:
        assert await hand.say(**who) == {"type": "ready"}
        flood = b"\xec\x70\x00" + bytes(0x3000)  # an element that says nothing
        for piece in [pieces[0], *[flood] * 9]:
            await hand.socket.send(piece)
        assert (await hand.hear())["code"] == "too_much_sound"
