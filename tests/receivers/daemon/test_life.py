from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import receivers
from receivers import life
from receivers.incidents import FILE_NAME, LIMIT_BYTES, OLDER_NAME, Diary, Incident, IncidentLog, replay
from receivers.life import Being, Event, Hands, Health, Hold, Horn, Impossible, Life, Link, Seen, Time

NOON = 1_800_000_000_000_000
SEEN = st.builds(
    Seen,
    online=st.booleans(),
    clock_trusted=st.booleans(),
    horn=st.sampled_from(Horn),
    stopped=st.booleans(),
    faults=st.frozensets(st.sampled_from(["disk", "audio_device", "media_missing"])),
)


def _diary(folder: Path) -> Diary:
    diary = Diary(IncidentLog(folder))
    for event in (Event.ENROLLED, Event.READY):
        diary.note(event, NOON)
    return diary


def _is(told: Life, seen: Seen) -> bool:
    return (told.link, told.time, told.horn, told.hands, told.health) == (
        Link.ONLINE if seen.online else Link.OFFLINE,
        Time.TRUSTED if seen.clock_trusted else Time.UNTRUSTED,
        seen.horn,
        Hands.STOPPED if seen.stopped else Hands.FREE,
        Health.DEGRADED if seen.faults else Health.WELL,
    )


@given(looks=st.lists(SEEN, max_size=20))
def test_whatever_is_seen_the_life_is_what_was_seen_last_and_its_log_replays_to_it(
    looks: list[Seen], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    diary = _diary(folder)
    for number, seen in enumerate(looks):
        diary.look(seen, NOON + number)
        assert _is(diary.life, seen)
        assert not diary.look(seen, NOON + number)
    replayed = list(replay((folder / FILE_NAME).read_bytes()))
    assert all(entry.agrees for entry in replayed)
    assert replayed[-1].life == diary.life


@given(now=SEEN, then=SEEN)
def test_neither_the_link_nor_a_fault_silences_or_holds_anything(now: Seen, then: Seen) -> None:
    alone = replace(then, horn=now.horn, stopped=now.stopped, clock_trusted=now.clock_trusted)
    lives = []
    for seen in (now, alone):
        lived = Life(being=Being.RUNNING)
        for event, _ in life.events(Seen(), seen):
            lived, _ = life.step(lived, event)
        lives.append(lived)
    assert lives[0].horn == lives[1].horn
    assert life.hold(lives[0]) == life.hold(lives[1])
    assert life.player(lives[0]) == life.player(lives[1])


@pytest.mark.parametrize("event", sorted(set(Event) - {Event.ENROLLED}))
@pytest.mark.parametrize("being", [Being.UNENROLLED, Being.ENDED])
def test_before_and_after_a_life_nothing_happens_to_it(being: Being, event: Event) -> None:
    with pytest.raises(Impossible):
        life.step(Life(being=being), event)


@pytest.mark.parametrize("name", ["link", "time", "hands", "health"])
def test_these_regions_know_each_of_their_events_in_each_state(name: str) -> None:
    table = life.REGIONS[name]
    states, events = {state for state, _ in table}, {event for _, event in table}
    assert table.keys() == {(state, event) for state in states for event in events}
    assert states == set(type(next(iter(states))))


def test_every_state_of_the_horn_can_be_reached_and_left() -> None:
    for state in Horn:
        assert {event for at, event in life.HORN if at is state}
        assert any(to is state and at is not state for (at, _), (to, _) in life.HORN.items())


def test_a_horn_that_is_not_there_cannot_sound() -> None:
    with pytest.raises(Impossible):
        life.step(Life(being=Being.RUNNING), Event.EMERGENCY)


def test_stop_holds_everything_and_a_doubtful_clock_all_but_emergencies() -> None:
    lived = Life(being=Being.RUNNING)
    assert life.hold(lived) is Hold.ALL_BUT_EMERGENCIES
    proven, effects = life.step(lived, Event.CLOCK_PROVEN)
    assert life.hold(proven) is Hold.NOTHING
    assert life.Effect.ASK_AGAIN in effects
    stopped, effects = life.step(proven, Event.STOP)
    assert life.hold(stopped) is Hold.EVERYTHING
    assert life.Effect.REPLAN in effects
    assert life.hold(life.step(stopped, Event.GO)[0]) is Hold.NOTHING


def test_the_published_word_says_stopped_before_what_would_sound() -> None:
    lived = Life(being=Being.RUNNING, horn=Horn.PLAYING)
    assert life.player(lived) == "playing"
    assert life.player(replace(lived, hands=Hands.STOPPED)) == "stopped"
    assert life.player(Life(being=Being.RUNNING, hands=Hands.STOPPED)) == "no_device"
    assert life.player(Life(being=Being.ENDED, horn=Horn.PLAYING)) == "off"


def test_the_documents_diagram_is_the_tables() -> None:
    """`python -m receivers.life > docs/life.md` makes it so again."""
    assert (Path(receivers.__file__).parent.parent / "docs" / "life.md").read_text() == life.diagram()


def test_a_replay_names_the_line_that_was_changed_and_goes_on(tmp_path: Path) -> None:
    diary = _diary(tmp_path)
    diary.look(Seen(online=True, clock_trusted=True, horn=Horn.IDLE), NOON)
    diary.look(Seen(online=True, clock_trusted=True, horn=Horn.PLAYING), NOON)
    lines = (tmp_path / FILE_NAME).read_bytes().splitlines()
    lines[3] = lines[3].replace(b'"event":"device_back"', b'"event":"emergency"')
    lines.insert(5, b"\xff not a line")
    replayed = list(replay(b"\n".join(lines)))
    assert [entry.line for entry in replayed if not entry.agrees] == [4, 6]
    assert replayed[-1].life == diary.life


@given(raw=st.binary(max_size=300))
def test_any_bytes_can_be_replayed(raw: bytes) -> None:
    assert len(list(replay(raw))) == len(raw.splitlines())


def test_the_log_stays_small_and_keeps_the_newest(tmp_path: Path) -> None:
    log = IncidentLog(tmp_path)
    incident = Incident(at_us=NOON, event=Event.FAULT, life=Life(being=Being.RUNNING), detail="x" * 200)
    for number in range(LIMIT_BYTES // 200):
        log.add(replace(incident, at_us=number))
    sizes = [(tmp_path / name).stat().st_size for name in (FILE_NAME, OLDER_NAME)]
    assert max(sizes) <= LIMIT_BYTES
    last = list(replay((tmp_path / FILE_NAME).read_bytes()))[-1].incident
    assert last is not None
    assert last.at_us == LIMIT_BYTES // 200 - 1


def test_a_log_that_cannot_be_written_disturbs_nothing(tmp_path: Path) -> None:
    diary = Diary(IncidentLog(tmp_path / "missing"))
    diary.note(Event.ENROLLED, NOON)
    assert diary.life.being is Being.STARTING
