"""What becomes of a microphone's sound where packets are lost: through aiortc's own receive path, and through ours."""

from collections.abc import AsyncIterator, Iterable
from random import Random

import numpy as np
import pytest
from aiortc import RTCRtpReceiver
from aiortc.codecs.opus import OpusEncoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import RtpPacket as AiortcPacket
from av.audio.frame import AudioFrame

from web.live.microphone import AiortcMovedError, Microphone, OpusDecoder, Samples, take_packets
from web.live.placing import PACKET_FRAMES, RATE_HZ, RtpPacket

OPUS = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=RATE_HZ, channels=2, payloadType=96)
PACKETS = 3000
LOST = 0.02


class Wire:
    """A transport that carries nothing: packets are handed to the receiver as the transport would."""

    state = "connected"
    _stats_id = "wire"

    def _register_rtp_receiver(self, *_: object) -> None: ...

    def _unregister_rtp_receiver(self, *_: object) -> None: ...

    def _get_stats(self) -> dict[str, object]:
        return {}

    async def _send_rtp(self, _data: bytes) -> None: ...


@pytest.fixture
async def receiver() -> AsyncIterator[RTCRtpReceiver]:
    made = RTCRtpReceiver("audio", Wire())  # type: ignore[arg-type]
    made._track = RemoteStreamTrack("audio")
    await made.receive(RTCRtpReceiveParameters(codecs=[OPUS]))
    yield made
    await made.stop()  # its thread would outlive the tests


async def hand(receiver: RTCRtpReceiver, payloads: list[bytes], numbers: Iterable[int]) -> None:
    for number in numbers:
        packet = AiortcPacket(payload_type=96, sequence_number=number, timestamp=number * PACKET_FRAMES, ssrc=1)
        packet.payload = payloads[number]
        await receiver._handle_rtp_packet(packet, arrival_time_ms=number * 20)


def sweep(packets: int) -> Samples:
    """A tone that never repeats, so that its every place can be told."""
    at = np.arange(packets * PACKET_FRAMES) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * (300 * at + 40 * at**2 % 700 * at))).astype(np.float32)


def encoded(samples: Samples) -> list[bytes]:
    encoder, packets = OpusEncoder(), []
    for at in range(0, len(samples), PACKET_FRAMES):
        block = (samples[at : at + PACKET_FRAMES] * 32767).astype(np.int16)
        frame = AudioFrame.from_ndarray(np.repeat(block, 2).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = RATE_HZ, at
        packets += encoder.encode(frame)[0]
    return packets


@pytest.fixture(scope="module")
def payloads() -> list[bytes]:
    return encoded(sweep(PACKETS + 4))[:PACKETS]


@pytest.fixture(scope="module")
def arriving() -> list[int]:
    """Which of the packets arrive: LOST of them do not."""
    chance = Random(4)  # noqa: S311 -- the same losses each time
    return [0, *(number for number in range(1, PACKETS) if chance.random() >= LOST)]


async def test_aiortc_loses_several_times_what_the_network_lost(
    receiver: RTCRtpReceiver, payloads: list[bytes], arriving: list[int]
) -> None:
    await hand(receiver, payloads, arriving)
    await receiver.stop()
    heard = set()
    track = receiver.track
    assert isinstance(track, RemoteStreamTrack)
    while (frame := await track._queue.get()) is not None:
        heard.add(frame.pts // PACKET_FRAMES)
    missing = 1 - len(heard) / PACKETS
    assert 1 - len(arriving) / PACKETS == pytest.approx(LOST, abs=0.005)
    assert missing > 4 * LOST


async def test_ours_loses_what_the_network_lost_and_conceals_that(
    receiver: RTCRtpReceiver, payloads: list[bytes], arriving: list[int]
) -> None:
    whole, lossy = (np.zeros(PACKETS * PACKET_FRAMES, dtype=np.float32) for _ in range(2))
    covered = np.zeros(len(lossy), dtype=bool)
    now = 0

    def heard(samples: Samples, at_frame: int) -> None:
        lossy[at_frame : at_frame + len(samples)] = samples[: len(lossy) - at_frame]
        covered[at_frame : at_frame + len(samples)] = True

    microphone = Microphone(lambda: now * PACKET_FRAMES, heard)
    take_packets(receiver, microphone.put)
    for number in arriving:
        now = number
        await hand(receiver, payloads, [number])
    decoder = OpusDecoder()
    for number, payload in enumerate(payloads):
        whole[number * PACKET_FRAMES : (number + 1) * PACKET_FRAMES] = decoder.decode(payload)
    assert covered.all()
    assert microphone.placing.lost == PACKETS - len(arriving)
    error, sound = (np.sqrt(np.mean(x.reshape(PACKETS, PACKET_FRAMES) ** 2, axis=1)) for x in (whole - lossy, whole))
    assert (error < 0.2 * sound).mean() > 1 - 3 * LOST  # a lost one is heard a little in those after it
    assert np.corrcoef(whole, lossy)[0, 1] > 0.97


async def test_nothing_piles_up_behind_what_we_take(receiver: RTCRtpReceiver, payloads: list[bytes]) -> None:
    taken = list[RtpPacket]()
    take_packets(receiver, taken.append)
    await hand(receiver, payloads, range(50))
    report = await receiver.getStats()
    assert [packet.payload for packet in taken] == payloads[:50]
    assert isinstance(receiver.track, RemoteStreamTrack)
    assert receiver.track._queue.empty()
    received = [stat for stat in report.values() if stat.type == "inbound-rtp"]
    assert [stat.packetsReceived for stat in received] == [50]  # so the browser still learns what was lost


async def test_an_aiortc_that_keeps_its_buffer_elsewhere_is_said_loudly(receiver: RTCRtpReceiver) -> None:
    del receiver._RTCRtpReceiver__jitter_buffer  # type: ignore[attr-defined]
    with pytest.raises(AiortcMovedError, match=r"1\.16"):
        take_packets(receiver, lambda _packet: None)


def test_what_is_no_opus_is_passed_over() -> None:
    decoder = OpusDecoder()
    assert len(decoder.decode(b"")) == 0
    assert len(decoder.decode(b"\xff\xff\xff\xff")) == 0
    assert len(decoder.decode(encoded(sweep(3))[1])) == PACKET_FRAMES


def test_a_decoded_sound_is_as_loud_as_it_was() -> None:
    decoder, said = OpusDecoder(), sweep(50)
    heard = np.concatenate([decoder.decode(packet) for packet in encoded(said)])
    assert np.sqrt(np.mean(heard[RATE_HZ // 4 :] ** 2)) == pytest.approx(np.sqrt(np.mean(said**2)), rel=0.1)
