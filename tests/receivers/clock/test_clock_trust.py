from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from receivers.clock_trust import (
    DAY_US,
    DOUBTS,
    EXPIRED_US,
    MADE_US,
    NEAR_US,
    PROGRAMME_US,
    SET_US,
    TOLERANCE_US,
    Doubt,
    Facts,
    Measured,
    Memory,
    Proof,
    judge,
)

YEAR_US = 365 * DAY_US
NOW_US = MADE_US + YEAR_US
SINCE_START_US = DAY_US
PLAIN = Facts(now_us=NOW_US, monotonic_us=SINCE_START_US, boot_id="b", disciplined=False, documents_us=NOW_US - DAY_US)
AGREES, IS_OFF = Measured(1_000_000, 50_000), Measured(NEAR_US + 100_000, 50_000)

instants = st.integers(0, MADE_US + 30 * YEAR_US)
measures = st.none() | st.builds(Measured, st.integers(-40 * YEAR_US, 40 * YEAR_US), st.integers(0, 2 * NEAR_US))
proofs = st.none() | st.builds(
    Proof,
    boot_id=st.sampled_from("bc"),
    ahead_us=st.integers(-2 * SET_US, 2 * SET_US).map(lambda us: us + NOW_US - SINCE_START_US),
    by_kernel=st.booleans(),
)
memories = st.builds(Memory, seen_us=instants, proof=proofs)
facts = st.builds(
    Facts,
    now_us=instants | st.just(NOW_US),
    monotonic_us=st.just(SINCE_START_US) | st.integers(0, YEAR_US),
    boot_id=st.just("b"),
    disciplined=st.booleans(),
    documents_us=instants | st.just(NOW_US),
    centre=measures,
    battery=measures,
)


def believed(known: Facts, memory: Memory = Memory()) -> Memory:  # noqa: B008 (frozen)
    verdict = judge(known, memory)
    assert verdict.doubt is None
    return verdict.memory


def set_by(known: Facts, step_us: int) -> Facts:
    """The wall clock is set; what other clocks said is as true as before."""
    return replace(
        known,
        now_us=known.now_us + step_us,
        centre=known.centre and Measured(known.centre.offset_us - step_us, known.centre.error_us),
        battery=known.battery and Measured(known.battery.offset_us - step_us, known.battery.error_us),
    )


def later(known: Facts, us: int) -> Facts:
    return replace(known, now_us=known.now_us + us, monotonic_us=known.monotonic_us + us)


@given(facts, memories)
def test_a_clock_that_is_not_believed_leaves_the_memory_alone_and_has_words(known: Facts, memory: Memory) -> None:
    verdict = judge(known, memory)
    assert set(DOUBTS) == set(Doubt)
    if verdict.doubt is None:
        assert verdict.memory.seen_us == known.now_us
        assert verdict.memory.proof is not None
        assert verdict.memory.proof.boot_id == known.boot_id
    else:
        assert verdict.memory == memory


@given(facts, memories)
def test_what_is_believed_is_believed_again_at_the_next_look(known: Facts, memory: Memory) -> None:
    verdict = judge(known, memory)
    if verdict.doubt is None:
        assert judge(known, verdict.memory) == verdict


@given(measures, measures, memories)
def test_nobody_but_the_signed_documents_can_silence_a_disciplined_clock(
    centre: Measured | None, battery: Measured | None, memory: Memory
) -> None:
    believed(replace(PLAIN, disciplined=True, centre=centre, battery=battery), memory)


@given(measures, memories, st.integers(0, PROGRAMME_US))
def test_a_centre_whose_clock_is_ahead_does_not_silence_a_disciplined_one(
    centre: Measured | None, memory: Memory, ahead_us: int
) -> None:
    believed(replace(PLAIN, disciplined=True, centre=centre, documents_us=NOW_US + ahead_us), memory)


@given(facts, memories)
def test_far_before_the_documents_or_the_product_nothing_is_believed(known: Facts, memory: Memory) -> None:
    if known.now_us < max(known.documents_us, MADE_US) - PROGRAMME_US:
        assert judge(known, memory).doubt is Doubt.BEFORE_DOCUMENTS


@given(facts, memories)
def test_before_the_documents_an_undisciplined_clock_needs_the_kernels_word_of_before(
    known: Facts, memory: Memory
) -> None:
    known = replace(known, disciplined=False)
    if known.now_us < known.documents_us - TOLERANCE_US and judge(known, memory).doubt is None:
        assert memory.proof is not None
        assert memory.proof.by_kernel


@given(facts, memories, st.integers(0, 2 * NEAR_US))
def test_a_surer_measurement_of_a_right_clock_never_takes_trust_away(
    known: Facts, memory: Memory, error_us: int
) -> None:
    rough = replace(known, centre=Measured(0, error_us))
    sure = replace(known, centre=Measured(0, error_us // 2))
    if judge(rough, memory).doubt is None:
        assert judge(sure, memory).doubt is None


@given(st.sampled_from(["kernel", "centre", "battery"]), st.integers(0, 7 * DAY_US))
def test_seven_days_alone(witness: str, alone_us: int) -> None:
    known = {
        "kernel": replace(PLAIN, disciplined=True),
        "centre": replace(PLAIN, centre=AGREES),
        "battery": replace(PLAIN, battery=AGREES),
    }[witness]
    memory = believed(known)
    believed(later(replace(known, disciplined=False, centre=None, battery=None), alone_us), memory)


@given(
    st.sampled_from(["kernel", "centre", "battery", "all"]),
    st.integers(2 * NEAR_US, 20 * YEAR_US) | st.integers(-PLAIN.now_us, -2 * NEAR_US),
    st.integers(0, DAY_US),
)
def test_a_clock_that_is_set_is_doubted_and_set_back_is_believed(witness: str, step_us: int, wait_us: int) -> None:
    known = replace(
        PLAIN,
        disciplined=witness in ("kernel", "all"),
        centre=AGREES if witness in ("centre", "all") else None,
        battery=AGREES if witness in ("battery", "all") else None,
    )
    memory = believed(known)
    stepped = later(set_by(replace(known, disciplined=False), step_us), wait_us)  # the kernel forgets its discipline
    verdict = judge(stepped, memory)
    assert verdict.doubt is not None
    believed(set_by(stepped, -step_us), verdict.memory)


@given(st.integers(-MADE_US, 20 * YEAR_US))
def test_a_start_with_no_witness_is_never_believed(away_us: int) -> None:
    known = replace(PLAIN, now_us=NOW_US + away_us, boot_id="next")
    assert judge(known, believed(replace(PLAIN, disciplined=True))).doubt is not None


def test_the_battery_counts_only_near_what_was_seen_last() -> None:
    memory = Memory(seen_us=NOW_US)
    for away_us, doubt in (
        (-TOLERANCE_US - 1, Doubt.WENT_BACK),
        (-TOLERANCE_US, None),
        (EXPIRED_US, None),
        (EXPIRED_US + 1, Doubt.UNPROVEN),
        (10 * YEAR_US, Doubt.UNPROVEN),
    ):
        assert judge(replace(PLAIN, now_us=NOW_US + away_us, battery=AGREES), memory).doubt is doubt
    assert judge(replace(PLAIN, now_us=86_400_000_000, battery=AGREES), memory).doubt is Doubt.BEFORE_DOCUMENTS
    apart = Measured(-3 * 3600 * 1_000_000, 500_000)  # the system's clock was taken from a file, not from the battery's
    assert judge(replace(PLAIN, battery=apart), memory).doubt is Doubt.UNPROVEN


def test_the_centre_goes_before_a_clock_that_only_a_battery_or_the_centre_vouched_for() -> None:
    for known in (replace(PLAIN, battery=AGREES), replace(PLAIN, centre=AGREES)):
        memory = believed(known)
        assert judge(replace(known, centre=IS_OFF), memory).doubt is Doubt.OFF_CENTRE
    memory = believed(replace(PLAIN, disciplined=True))
    believed(replace(PLAIN, centre=IS_OFF), memory)


def test_a_clock_believed_wrongly_once_does_no_lasting_harm() -> None:
    """A time server lied by ten years: as soon as one tells the truth, all is as before."""
    poisoned = believed(replace(PLAIN, now_us=NOW_US + 10 * YEAR_US, disciplined=True))
    assert judge(PLAIN, poisoned).doubt is not None
    assert believed(replace(PLAIN, disciplined=True), poisoned).seen_us == NOW_US
    assert believed(replace(PLAIN, centre=AGREES), poisoned).seen_us == NOW_US


def test_what_the_reasons_are() -> None:
    assert judge(PLAIN, Memory()).doubt is Doubt.UNPROVEN
    assert judge(replace(PLAIN, now_us=0), Memory()).doubt is Doubt.BEFORE_DOCUMENTS
    assert judge(replace(PLAIN, centre=IS_OFF), Memory()).doubt is Doubt.OFF_CENTRE
    memory = believed(replace(PLAIN, disciplined=True))
    assert judge(set_by(PLAIN, 3600 * 1_000_000), memory).doubt is Doubt.WAS_SET
    assert judge(replace(PLAIN, centre=Measured(0, 2 * NEAR_US)), Memory()).doubt is Doubt.UNPROVEN
