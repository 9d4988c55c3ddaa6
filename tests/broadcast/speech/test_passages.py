from hypothesis import given
from hypothesis import strategies as st

from broadcast.speech.passages import passages

WORDS = st.lists(st.text("abcđê.!? \n", min_size=1, max_size=12), max_size=40).map(" ".join)


@given(WORDS, st.integers(5, 60))
def test_no_word_is_lost_and_their_order_stays(text: str, limit_chars: int) -> None:
    assert " ".join(piece.text for piece in passages(text, limit_chars)).split() == text.split()


@given(WORDS, st.integers(5, 60))
def test_pieces_keep_the_limit_unless_one_word_is_longer(text: str, limit_chars: int) -> None:
    for piece in passages(text, limit_chars):
        assert len(piece.text) <= limit_chars or len(piece.text.split()) == 1


def test_pieces_end_with_sentences_and_know_their_paragraph() -> None:
    pieces = passages("Một hai. Ba bốn năm. Sáu.\nBảy 1.5 tám", 19)
    assert [(piece.text, piece.ends_paragraph) for piece in pieces] == [
        ("Một hai.", False),
        ("Ba bốn năm. Sáu.", True),
        ("Bảy 1.5 tám", True),
    ]


def test_nothing_to_say() -> None:
    assert passages(" \n \n") == []
