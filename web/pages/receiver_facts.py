"""What a loudspeaker says of itself, as labelled facts in groups (pure).

What was not measured says so; it is never shown as zero.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from scheduler.fleet.schemas import Condition, HeardView, ReceiverDetail
from web.i18n import N_
from web.pages import words
from web.pages.present import US_PER_S, Present
from web.pages.receiver_form import volume_rows
from web.pages.words import Look

BYTES_PER_MB = 1_000_000
NOT_MEASURED = N_("not measured")
RESTART_WITHIN = timedelta(hours=1)
"""After that a loudspeaker does not start again for an old asking."""
AWAY = (Condition.OFFLINE, Condition.SILENT, Condition.REVOKED)
"""Nobody knows what these do now."""


class Fact(Struct, frozen=True, kw_only=True):
    """A `value` in words or a state with its `look`; `at` is an instant whose age belongs to it."""

    label: str
    value: str = ""
    look: Look | None = None
    note: str = ""
    at: datetime | None = None
    part: int | None = None
    """Of a hundred, to be drawn."""
    measured: bool = True


class Group(Struct, frozen=True):
    title: str
    facts: tuple[Fact, ...]


def groups(show: Present, item: ReceiverDetail) -> list[Group]:
    """All of it; `item` is what was said last, however long ago."""
    say = show.translations.gettext
    return [
        Group(say(N_("Sound")), _sound(show, item)),
        Group(say(N_("Clock")), _clock(show, item)),
        Group(say(N_("Network")), _network(show, item)),
        Group(say(N_("Power and computer")), _machine(show, item)),
    ]


def settings(show: Present, item: ReceiverDetail) -> list[Fact]:
    """How it was set by people."""
    lead, tail = (
        show.number(ms / 1000, 1 if ms % 1000 else 0) for ms in (item.amplifier_lead_ms, item.amplifier_tail_ms)
    )
    say = show.translations.gettext
    amplifier = say(N_("on %(lead)s s before a sound, off %(tail)s s after it")) % {"lead": lead, "tail": tail}
    switched = item.amplifier_lead_ms or item.amplifier_tail_ms
    test = say(N_("every day at %(time)s")) % {"time": item.self_test_at} if item.self_test_at else say(N_("none"))
    messages = "\n".join(f"{message.title} ({message.name})" for message in item.messages)
    return [
        Fact(label=say(N_("Volume by hour")), value=volume_said(show, item.volume_by_hour)),
        Fact(label=say(N_("Amplifier switched")), value=amplifier if switched else say(N_("with the sound"))),
        Fact(label=say(N_("Microphone test")), value=test),
        Fact(label=say(N_("Messages kept there")), value=messages or say(N_("none"))),
    ]


def volume_said(show: Present, volume_by_hour: list[int] | None) -> str:
    """`05:00–21:00: 80%`, each on a line."""
    rows = volume_rows(volume_by_hour) or [(0, 100)]
    if len(rows) == 1:
        return show.translations.gettext(N_("%(percent)s%% all day")) % {"percent": rows[0][1]}
    ends = [hour for hour, _percent in (*rows[1:], rows[0])]
    return "\n".join(f"{hour:02d}:00–{end:02d}:00: {percent}%" for (hour, percent), end in zip(rows, ends, strict=True))


def heard_said(show: Present, heard: HeardView) -> str:
    """How sure the microphone is, how loud it was there, and how long after the device."""
    parts = [show.translations.gettext(N_("likeness %(share)s")) % {"share": show.percent(heard.correlation)}]
    parts += [show.dbfs(heard.level_dbfs)] if heard.level_dbfs is not None else []
    parts += [show.ms(heard.delay_us)] if heard.delay_us is not None else []
    return ", ".join(parts)


def _sound(show: Present, item: ReceiverDetail) -> tuple[Fact, ...]:
    say = show.translations.gettext
    volume = f"{item.volume_percent}%" if item.volume_percent is not None else ""
    level = show.dbfs(item.heard_dbfs) if item.heard_dbfs is not None else ""
    doing = words.look(words.PLAYER, item.player) if item.player and item.condition not in AWAY else None
    return (
        *((_state(show, N_("At the moment"), doing),) if doing else ()),
        _measured(show, N_("Volume"), volume),
        Fact(label=say(N_("Level last heard")), value=level or say(N_("nothing yet")), at=item.heard_at),
        _last_test(show, item),
    )


def _last_test(show: Present, item: ReceiverDetail) -> Fact:
    say, test = show.translations.gettext, item.self_test
    label = say(N_("Last microphone test"))
    note = ""
    if item.self_test_asked_at is not None and (test is None or test.at < item.self_test_asked_at):
        note = say(N_("Asked for %(ago)s, not done yet.")) % {"ago": show.from_now(item.self_test_asked_at)}
    if test is None:
        return Fact(label=label, value=say(N_("none yet")), note=note)
    if test.heard is None:
        return Fact(label=label, value=say(N_("no microphone to hear it")), at=test.at, note=note)
    look = words.look(words.MICROPHONE, test.heard.verdict.value)
    return Fact(label=label, look=look, at=test.at, note=note or heard_said(show, test.heard))


def _clock(show: Present, item: ReceiverDetail) -> tuple[Fact, ...]:
    clock = item.clock
    if clock is None:
        return (_measured(show, N_("Clock"), ""),)
    reason = show.translations.gettext(words.DOUBT[clock.reason]) if clock.reason in words.DOUBT else clock.reason
    return (
        _state(show, N_("Clock"), words.CLOCK_TRUSTED if clock.trusted else words.CLOCK_DOUBTED, reason),
        _measured(show, N_("Right within"), _span(show, clock.error_us) if clock.error_us is not None else ""),
        _measured(show, N_("Beside the centre's"), _apart(show, clock.offset_us, clock.offset_error_us)),
    )


def _apart(show: Present, offset_us: int | None, error_us: int | None) -> str:
    """`4 ms behind (± 30 ms)`; the offset is the centre's clock less the loudspeaker's."""
    if offset_us is None:
        return ""
    side = N_("%(span)s behind") if offset_us > 0 else N_("%(span)s ahead")
    said = show.translations.gettext(side) % {"span": _span(show, abs(offset_us))}
    return f"{said} (± {_span(show, error_us)})" if error_us is not None else said


def _span(show: Present, us: int) -> str:
    """Milliseconds, or what people say from a second on."""
    return f"{show.number(us / 1000, 1 if us < 10_000 else 0)} ms" if us < US_PER_S else show.duration(us)  # noqa: PLR2004


def _network(show: Present, item: ReceiverDetail) -> tuple[Fact, ...]:
    say, data, budget_mb = show.translations.gettext, item.data, item.month_budget_mb
    today = month = ""
    part = None
    if data is not None:
        sizes = {"up": show.size(data.day_up_bytes), "down": show.size(data.day_down_bytes)}
        today = say(N_("%(up)s sent, %(down)s received")) % sizes
        month = show.size(data.month_bytes)
    if data is not None and budget_mb is not None:
        month = say(N_("%(used)s of %(budget)s")) % {"used": month, "budget": show.size(budget_mb * BYTES_PER_MB)}
        part = data.month_bytes * 100 // (budget_mb * BYTES_PER_MB)
    return (
        _measured(show, N_("Way to the network"), _signal(show, item)),
        _measured(show, N_("Data today"), today),
        _measured(show, N_("Data this month"), month, part),
        Fact(label=say(N_("Reports not sent yet")), value=show.number(item.pending_reports)),
        Fact(label=say(N_("Orders refused")), value=_refused(show, item)),
    )


def _signal(show: Present, item: ReceiverDetail) -> str:
    signal = item.signal
    if signal is None:
        return ""
    kind = words.SIGNAL.get(signal.kind.lower(), signal.kind)
    strength = [f"{show.number(signal.percent)}%"] if signal.percent is not None else []
    strength += [f"{show.number(signal.dbm)}\u00a0dBm"] if signal.dbm is not None else []
    named = " ".join(part for part in (show.translations.gettext(kind), signal.operator) if part)
    return ", ".join([named, *strength])


def _refused(show: Present, item: ReceiverDetail) -> str:
    say = show.translations.gettext
    counts = sorted(item.refused.items(), key=lambda pair: (-pair[1], pair[0]))
    said = (f"{show.number(count)} {say(words.ORDER_REFUSED.get(reason, reason))}" for reason, count in counts if count)
    return ", ".join(said) or say(N_("none"))


def _machine(show: Present, item: ReceiverDetail) -> tuple[Fact, ...]:
    temperature = f"{show.number(item.temperature_c, 1)}\u00a0°C" if item.temperature_c is not None else ""
    return (
        _measured(show, N_("Power"), _power(show, item)),
        _measured(show, N_("Temperature"), temperature),
        _measured(show, N_("Room on the disk"), show.size(item.free_bytes) if item.free_bytes is not None else ""),
        _measured(show, N_("Running since"), show.moment(item.started_at) if item.started_at else ""),
        _measured(show, N_("Software"), item.software or ""),
    )


def _power(show: Present, item: ReceiverDetail) -> str:
    power, say = item.power, show.translations.gettext
    if power is None:
        return ""
    source = {True: [say(N_("mains"))], False: [say(N_("battery, no mains"))], None: []}[power.on_mains]
    charge = [f"{show.number(power.battery_percent)}%"] if power.battery_percent is not None else []
    volts = [f"{show.number(power.battery_v, 1)}\u00a0V"] if power.battery_v is not None else []
    if power.on_mains and (charge or volts):
        charge = [" ".join([say(N_("battery")), *charge])]
    return ", ".join([*source, *charge, *volts])


def _state(show: Present, label: str, look: Look | None, note: str = "") -> Fact:
    said = show.translations.gettext(label)
    return _measured(show, label, "") if look is None else Fact(label=said, look=look, note=note)


def _measured(show: Present, label: str, value: str, part: int | None = None) -> Fact:
    say = show.translations.gettext
    return Fact(label=say(label), value=value or say(NOT_MEASURED), part=part, measured=bool(value))


def restart_said(show: Present, item: ReceiverDetail) -> str:
    """What became of the last asking to start again; empty where nobody ever asked."""
    asked, say = item.restart_asked_at, show.translations.gettext
    if asked is None:
        return ""
    if item.started_at is not None and item.started_at > asked:
        return say(N_("Started again %(ago)s, as asked.")) % {"ago": show.from_now(item.started_at)}
    if show.now - asked > RESTART_WITHIN:
        return say(N_("Asked for %(ago)s; it did not start again.")) % {"ago": show.from_now(asked)}
    return say(N_("Asked for %(ago)s, not done yet.")) % {"ago": show.from_now(asked)}
