"""The clock jumps, forward or back: sessions, leases, runs and what is on its way survive it.

The whole product asks one function what time it is, so the clock that it reads is what is moved here.
"""

from __future__ import annotations

import datetime as real
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from autotag.config import Config
from autotag.models import Role, RunState, TaggingState, User, base
from autotag.tagging.pipeline.claims import claim, claim_many
from autotag.tagging.pipeline.outcome import Outcome
from autotag.tagging.pipeline.record_outcome import record_many
from tests.faults.invariants import assert_sound
from tests.faults.roads import _runs, begin_run, prepare_untagged
from tests.faults.site import Site
from tests.unit.conftest import Factory

A_DAY = timedelta(days=1)
HOST = "acme.localhost"

Jump = Callable[[timedelta], None]


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Sets the clock so much ahead of the true time, or behind it."""

    def jump(by: timedelta) -> None:
        class Clock(real.datetime):
            @classmethod
            def now(cls, tz: real.tzinfo | None = None) -> real.datetime:  # type: ignore[override]
                return real.datetime.now(tz) + by

        monkeypatch.setattr(base, "datetime", Clock)

    return jump


def settle(site: Site) -> None:
    """What the scheduler and the worker do by themselves, without any help from the test."""
    site.go_on()
    assert site.document("one").tagging_state is TaggingState.TAGGED
    site.sweep()
    assert_sound(site.sessions.kw["bind"], site.files)


@pytest.mark.parametrize("by", [A_DAY, -A_DAY], ids=["forward", "back"])
def test_what_was_lost_on_the_way_is_found_after_a_jump(site: Site, jump: Jump, by: timedelta) -> None:
    site.upload("one")
    site.broker.flushall()
    assert site.tend() == 0  # handed out a moment ago
    jump(by)
    settle(site)


@pytest.mark.parametrize("by", [A_DAY, -A_DAY], ids=["forward", "back"])
def test_what_a_dead_worker_had_in_hand_is_taken_back_after_a_jump(
    site: Site, jump: Jump, by: timedelta
) -> None:
    document_id = site.upload("one")
    site.broker.flushall()
    assert claim(site.sessions, site.instance_id, document_id, "another")
    assert site.tend() == 0  # it may still be at work
    jump(by)
    settle(site)


@pytest.mark.parametrize("by", [A_DAY, -A_DAY], ids=["forward", "back"])
def test_a_worker_that_lives_on_through_a_jump_records_nothing_twice(
    site: Site, jump: Jump, by: timedelta
) -> None:
    document_id = site.upload("one")
    site.broker.flushall()
    (mine,) = claim_many(site.sessions, site.instance_id, [document_id], "another")
    jump(by)
    settle(site)
    late = record_many(site.sessions, [(mine, Outcome(TaggingState.FAILED, "late", "Too late."))], "another")
    assert late == []
    assert site.document("one").tagging_state is TaggingState.TAGGED


@pytest.mark.parametrize("by", [A_DAY, -A_DAY], ids=["forward", "back"])
def test_a_run_comes_to_its_end_through_a_jump(site: Site, jump: Jump, by: timedelta) -> None:
    for name in ("one", "two", "three"):
        site.upload(name)
    site.go_on()
    prepare_untagged(site)
    begin_run(site)
    site.tend()
    site.broker.flushall()
    jump(by)
    settle(site)
    (run,) = _runs(site)
    assert run.state is RunState.FINISHED


@pytest.mark.parametrize(
    ("by", "status"),
    [(-A_DAY, 200), (A_DAY, 200), (timedelta(days=15), 303)],
    ids=["back", "forward", "longer than a session lasts"],
)
def test_a_person_stays_signed_in_through_a_jump_that_a_session_outlasts(
    config: Config,
    make: Factory,
    build_app: Callable[[Config], Flask],
    sign_in: Callable[[FlaskClient, User, str], None],
    jump: Jump,
    by: timedelta,
    status: int,
) -> None:
    user = make.user(make.instance("acme"), Role.EDITOR)
    client = build_app(config).test_client()
    sign_in(client, user, HOST)
    pages = f"http://{HOST}/documents"
    assert client.get(pages).status_code == 200
    jump(by)
    assert client.get(pages).status_code == status
    jump(timedelta(0))
    assert client.get(pages).status_code == 200  # a clock that was wrong for a moment ended nobody's session
