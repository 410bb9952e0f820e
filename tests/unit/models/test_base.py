from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from autotag.models import Document, TaggingState
from tests.unit.conftest import Factory


def test_a_moment_comes_back_aware_and_in_utc(make: Factory, session: Session) -> None:
    moment = datetime(2026, 5, 3, 14, 5, 6, 789, tzinfo=timezone(timedelta(hours=2)))
    make.document(make.instance(), created_at=moment)
    found = session.scalars(select(Document.created_at)).one()
    assert found == moment
    assert found.tzinfo is UTC
    kept = session.scalar(text("SELECT CAST(created_at AS VARCHAR(40)) FROM document"))
    assert kept == "2026-05-03 12:05:06.000789"


def test_a_naive_moment_is_refused(make: Factory) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        make.document(make.instance(), created_at=datetime(2026, 5, 3))  # noqa: DTZ001 - that is the point


def test_a_choice_is_stored_as_its_text(make: Factory, session: Session) -> None:
    make.document(make.instance(), tagging_state=TaggingState.NO_TAGS)
    assert session.scalar(text("SELECT tagging_state FROM document")) == "no_tags"
    assert session.scalars(select(Document.tagging_state)).one() is TaggingState.NO_TAGS


def test_a_choice_outside_the_members_is_refused(make: Factory) -> None:
    with pytest.raises(StatementError, match="'lost' is not a valid TaggingState"):
        make.document(make.instance(), tagging_state="lost")
