"""Cursors come back as they went out, and nothing else is one."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskflow.pages import Cursors, Position
from taskflow.problems import InvalidRequest

CURSORS = Cursors("a key")
USER = UUID(int=7)


@given(moment=st.datetimes().map(lambda naive: naive.replace(tzinfo=UTC)), identifier=st.uuids())
def test_a_cursor_comes_back_as_its_position(moment: datetime, identifier: UUID) -> None:
    position = Position(moment, identifier)
    assert CURSORS.read(CURSORS.write(position, USER), USER) == position


@given(st.text(max_size=80))
def test_nobody_can_make_one_up(text: str) -> None:
    with pytest.raises(InvalidRequest):
        CURSORS.read(text, USER)


def test_a_cursor_is_good_for_one_user_and_one_key() -> None:
    cursor = CURSORS.write(Position(datetime(2026, 1, 1, tzinfo=UTC), uuid4()), USER)
    for reader, user in ((CURSORS, uuid4()), (Cursors("another key"), USER)):
        with pytest.raises(InvalidRequest):
            reader.read(cursor, user)
    with pytest.raises(InvalidRequest):
        CURSORS.read(cursor[:-2] + ("AA" if not cursor.endswith("AA") else "BB"), USER)
