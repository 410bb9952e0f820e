"""A receiver of webhooks: it takes what it is sent with 204, and fails as planned."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent))  # run and loaded by path, never as part of a package

from stub_service import Canned, Received, StubService, serve


class WebhookReceiver(StubService):
    """Takes everything; `events` are the bodies that it answered with 2xx."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.taken: list[Received] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in list(self.taken)]

    def answer(self, request: Received) -> Canned:
        self.taken.append(request)
        return Canned(204)

    def error(self, status: int, message: str, **headers: str) -> Canned:
        return Canned.json({"error": message}, status, **headers)

    def reset(self) -> None:
        super().reset()
        self.taken.clear()


if __name__ == "__main__":
    serve(WebhookReceiver)
