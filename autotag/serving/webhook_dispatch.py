"""The scheduler's threads that send webhooks: one for a webhook, so that a dead address delays nobody else's."""

import threading
import time
from collections import Counter
from functools import partial

from sqlalchemy.orm import Session, sessionmaker

from autotag.guards import Guards
from autotag.tagging.failed_tries import PASSING
from autotag.webhooks.sender import WebhookSender, due_webhooks

STEP = "webhooks"
MOST_THREADS = 8
MOST_OF_AN_INSTANCE = 2
"""Threads for the webhooks of one instance: however many of its addresses are dead, others get theirs."""


class WebhookDispatch:
    """Begins a thread for each webhook that something is due for, within limits; the one that waited longest first.

    Each webhook has a guard: one whose thread raised rests before its next turn.

    The threads end with the process, wherever they are: what they had in hand is sent again after its lease.
    """

    def __init__(
        self,
        sessions: sessionmaker[Session],
        sender: WebhookSender,
        *,
        most_threads: int = MOST_THREADS,
        guards: Guards | None = None,
    ) -> None:
        self._guards = guards or Guards(passing=PASSING)
        self._sessions = sessions
        self._sender = sender
        self._most_threads = most_threads
        self._lock = threading.Lock()
        self._in_hand: dict[int, int] = {}
        self._begun: dict[int, float] = {}

    def step(self) -> int:
        """Begin what can be begun now; return how many webhooks that are."""
        if len(self.in_hand()) >= self._most_threads:
            return 0
        due = [
            pair for pair in due_webhooks(self._sessions) if not self._guards.rests(STEP, _subject(pair[0]))
        ]
        self._begun = {key: self._begun.get(key, 0.0) for key, _ in due}
        begun = 0
        for webhook_id, instance_id in sorted(due, key=lambda pair: self._begun[pair[0]]):
            if self._reserve(webhook_id, instance_id):
                self._begun[webhook_id] = time.monotonic()
                threading.Thread(target=self._work, args=(webhook_id,), daemon=True).start()
                begun += 1
        return begun

    def in_hand(self) -> tuple[int, ...]:
        """Return the webhooks that are being sent to."""
        with self._lock:
            return tuple(self._in_hand)

    def _reserve(self, webhook_id: int, instance_id: int) -> bool:
        with self._lock:
            of_instance = Counter(self._in_hand.values())[instance_id]
            full = len(self._in_hand) >= self._most_threads or of_instance >= MOST_OF_AN_INSTANCE
            if full or webhook_id in self._in_hand:
                return False
            self._in_hand[webhook_id] = instance_id
            return True

    def _work(self, webhook_id: int) -> None:
        try:
            self._guards.run(
                STEP, partial(self._sender.work_off, webhook_id), 0, subject=_subject(webhook_id)
            )
        finally:
            with self._lock:
                del self._in_hand[webhook_id]


def _subject(webhook_id: int) -> str:
    return f"webhook {webhook_id}"
