import pytest

from scheduler.errors import Invalid
from scheduler.people import passwords


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "password_short"),
        ("chín ký t", "password_short"),
        ("x" * 201, "password_long"),
        ("lan.traleng", "password_is_login"),
        ("Lan.TraLeng1", "password_is_login"),
        ("1234567890", "password_common"),
        ("MatKhau123", "password_common"),
        ("aaaaaaaaaaaa", "password_common"),
        ("121212121212", "password_common"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.checked(password, "lan.traleng")
    assert (refused.value.code, refused.value.field) == (code, "new_password")


@pytest.mark.parametrize("password", ["bốn từ thường nối nhau", "suối-đá-trăng-gió", "x7Kq!m2Zp9"])
def test_a_good_password_is_taken_as_it_is(password: str) -> None:
    assert passwords.checked(password, "lan.traleng") == password


def test_a_hash_is_argon2_and_knows_its_password_only() -> None:
    kept = passwords.hashed("bốn từ thường")
    assert kept.startswith("$argon2id$")
    assert passwords.verified("bốn từ thường", kept)
    assert not passwords.verified("bốn từ thương", kept)
    assert not passwords.verified("anything", None)


def test_one_time_passwords_can_be_typed_from_paper_and_pass_the_rules() -> None:
    made = {passwords.one_time() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        assert not set(password) & set("0O1lIi")
        assert passwords.checked(password, "lan")
