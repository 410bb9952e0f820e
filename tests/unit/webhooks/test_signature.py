import time
from collections.abc import Callable

import pytest

from autotag.webhooks.signature import generate_secret, signature

BODY = '{"title":"Grüße"}'.encode()
Verify = Callable[[str, str, bytes], bool]


def test_the_documented_lines_accept_what_is_signed(documented_verification: Verify) -> None:
    secret = generate_secret()
    assert documented_verification(secret, signature(secret, BODY, int(time.time())), BODY)


@pytest.mark.parametrize("change", ["secret", "body", "time", "old"])
def test_the_documented_lines_refuse_anything_else(documented_verification: Verify, change: str) -> None:
    secret, now = "whsec_one", int(time.time())
    header, body = signature(secret, BODY, now - 600 if change == "old" else now), BODY
    if change == "secret":
        secret = "whsec_two"
    if change == "body":
        body += b" "
    if change == "time":
        header = header.replace(str(now), str(now + 1))
    assert not documented_verification(secret, header, body)


def test_the_signature_is_a_known_one() -> None:
    """Computed with openssl: printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_test"""
    assert signature("whsec_test", b"{}", 1700000000) == (
        "t=1700000000,v1=35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91"
    )


def test_secrets_are_long_and_differ() -> None:
    secrets = {generate_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert all(len(secret) == len("whsec_") + 43 for secret in secrets)
