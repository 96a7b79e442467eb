"""Passwords: hashed over a keyed hash, checked at the same cost for everybody."""

import statistics
import time

import pytest

from taskflow.passwords import Passwords, common_passwords, refuse_weak

PASSWORDS = Passwords("a pepper", cost=4)


def test_a_password_matches_its_hash_and_no_other() -> None:
    stored = PASSWORDS.hash("correct horse")
    assert PASSWORDS.matches("correct horse", stored)
    assert not PASSWORDS.matches("correct horsf", stored)
    assert PASSWORDS.hash("correct horse") != stored


def test_every_character_counts_also_beyond_what_bcrypt_reads() -> None:
    long = "é" * 255
    stored = PASSWORDS.hash(long + "x")
    assert PASSWORDS.matches(long + "x", stored)
    assert not PASSWORDS.matches(long + "y", stored)


def test_a_nul_neither_ends_nor_breaks_a_password() -> None:
    assert not PASSWORDS.matches("eight\0eight", PASSWORDS.hash("eight\0other"))


def test_g6_a_stored_hash_is_worth_nothing_without_the_pepper() -> None:
    assert not Passwords("another pepper", cost=4).matches("correct horse", PASSWORDS.hash("correct horse"))
    assert "a pepper" not in repr(PASSWORDS)


def test_nobody_has_no_password() -> None:
    assert not PASSWORDS.matches("nobody has this password", None)


def test_a_hash_of_another_cost_is_outdated() -> None:
    stored = PASSWORDS.hash("correct horse")
    assert not PASSWORDS.outdated(stored)
    assert Passwords("a pepper", cost=5).outdated(stored)


def test_g6_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    passwords = Passwords("a pepper", cost=8)
    passwords.warm()
    stored = passwords.hash("correct horse")

    def median(known: str | None) -> float:
        times = []
        for _ in range(15):
            started = time.process_time()
            passwords.matches("wrong", known)
            times.append(time.process_time() - started)
        return statistics.median(times)

    assert 0.5 < median(stored) / median(None) < 2


@pytest.mark.parametrize("password", ["seven77", "x" * 257, "password123", "PassWord123", "12345678", "qwertyuiop"])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match=r"must have|common"):
        refuse_weak(password)


@pytest.mark.parametrize("password", ["eight ch", "x" * 256, "correct horse battery"])
def test_other_passwords_are_taken(password: str) -> None:
    assert refuse_weak(password) == password


def test_the_list_has_only_words_that_the_length_would_let_pass() -> None:
    assert len(common_passwords()) > 500
    assert all(len(word) >= 8 and word == word.casefold() for word in common_passwords())
