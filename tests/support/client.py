"""A person at the pages of an installation."""

from __future__ import annotations

import re
import time
from typing import Any

import requests

from tests.support.places import EMAIL, PASSWORD


class _Session(requests.Session):
    """One that keeps no connection until the server, after 15 idle seconds, ends it just as a request goes out."""

    LONGEST_IDLE_SECONDS = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._used = time.monotonic()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        now = time.monotonic()
        if now - self._used > self.LONGEST_IDLE_SECONDS:
            self.close()
        self._used = now
        return super().send(request, **options)


class Client:
    """A person at the pages: cookies, CSRF tokens, uploads the way the page's script sends them."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = _Session()
        # No proxy, no .netrc: the server is on this machine.
        self.session.trust_env = False
        self.is_signed_in = False
        self._token: str | None = None

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.address + path, timeout=90, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.session.post(self.address + path, timeout=90, **options)

    def csrf_token(self, path: str = "/documents") -> str:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(path).text)
        assert found, f"no CSRF token on {path}"
        return found[1]

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> requests.Response:
        form = {"email": email, "password": password, "csrf_token": self.csrf_token("/sign-in")}
        answer = self.post("/sign-in", data=form)
        self.is_signed_in = answer.url == f"{self.address}/documents"
        return answer

    def sign_in_first(self, email: str, generated: str) -> None:
        """Sign in with a generated password and replace it, which the site asks for before anything else."""
        assert self.sign_in(email, generated).url == f"{self.address}/account"
        form = {"current": generated, "password": PASSWORD, "again": PASSWORD}
        answer = self.post("/account/password", data=form | {"csrf_token": self.csrf_token("/account")})
        self.is_signed_in = answer.url == f"{self.address}/documents"
        assert self.is_signed_in, answer.text[:500]

    def send(self, name: str, content: bytes) -> requests.Response:
        """Upload one file as the page's script does; whatever comes back is returned."""
        self._token = self._token or self.csrf_token()
        headers = {"Accept": "application/json", "X-CSRFToken": self._token}
        return self.post("/documents", files={"file": (name, content)}, headers=headers)

    def upload(self, name: str, content: bytes) -> int:
        """Upload one file that has to be accepted; return the document's id."""
        answer = self.send(name, content)
        assert answer.status_code == 201, f"{name}: {answer.status_code} {answer.text[:300]}"
        document_id: int = answer.json()["id"]
        return document_id

    def close(self) -> None:
        self.session.close()


class From(requests.adapters.HTTPAdapter):
    """Connections come from this loopback address."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(self._address, 0))
