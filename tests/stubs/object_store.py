"""A server that speaks S3 (moto's), in this process: it can go away and come back with what it holds."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

BUCKET = "autotag-files"
PREFIX = "team/one"


class ObjectStore:
    """Serves one bucket on an address of this machine while the block lasts."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.port = port
        self.url = f"http://{host}:{port}"
        self._host = host
        self._server: ThreadedMotoServer | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What an installation needs to keep its files here."""
        return {
            "AUTOTAG_STORAGE_URL": f"s3://{BUCKET}/{PREFIX}",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        self._server = ThreadedMotoServer(ip_address=self._host, port=self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        """Refuse connections from now on; what is kept is kept."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def clear(self) -> None:
        """Begin with an empty bucket."""
        backend = self._backend
        if BUCKET not in backend.buckets:
            backend.create_bucket(BUCKET, "us-east-1")
        backend.buckets[BUCKET].keys.clear()
        backend.buckets[BUCKET].multiparts.clear()

    def kept(self, prefix: str = PREFIX) -> dict[str, Any]:
        """What lies in the bucket below a prefix, by key."""
        start = f"{prefix}/"
        found: dict[str, Any] = dict(self._backend.buckets[BUCKET].keys.items())
        return {name.removeprefix(start): kept for name, kept in found.items() if name.startswith(start)}

    def parts_left(self) -> int:
        """How many uploads in parts were begun and neither ended nor given up."""
        return len(self._backend.buckets[BUCKET].multiparts)

    def age(self, seconds: float) -> None:
        """Let all that is kept have been put up that long ago."""
        for kept in self.kept().values():
            kept.last_modified = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=seconds)

    @property
    def _backend(self) -> Any:
        return s3_backends["123456789012"]["aws"]

    def __enter__(self) -> ObjectStore:
        self.start()
        self.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
