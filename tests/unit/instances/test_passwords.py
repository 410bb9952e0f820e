import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.security import generate_password_hash

from autotag.instances import passwords
from autotag.instances.errors import PeopleError
from autotag.instances.passwords import (
    MAXIMUM_LENGTH,
    PasswordsBusy,
    choose_or_generate,
    choose_password,
    matches,
    renew,
)
from tests.unit.conftest import QUICK_METHOD

PASSWORD = "correct horse"


@pytest.mark.parametrize("length", [0, 9, 257])
def test_a_password_outside_the_limits_is_refused(length: int) -> None:
    with pytest.raises(PeopleError, match="10 to 256 characters") as caught:
        choose_password(("an odd one" * 30)[:length])
    assert caught.value.field == "password"


def test_a_password_is_hashed_at_the_cost_that_owasp_asks_for() -> None:
    """In a process of its own: the other tests hash with less work."""
    program = "from autotag.instances.passwords import choose_password; print(choose_password('correct horse').hash)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("scrypt:131072:8:1$")


def test_the_same_password_never_has_the_same_hash() -> None:
    first, second = choose_password(PASSWORD).hash, choose_password(PASSWORD).hash
    assert PASSWORD not in first
    assert first != second
    assert matches(first, PASSWORD)
    assert matches(second, PASSWORD)


def test_a_generated_password_is_known_as_one() -> None:
    text, generated = choose_or_generate(None)
    assert len(text) == 16
    assert matches(generated.hash, text)
    assert generated.is_generated
    assert not choose_or_generate(PASSWORD)[1].is_generated
    with pytest.raises(PeopleError):
        choose_or_generate("")


@pytest.mark.parametrize(
    "password",
    ["1234567890", "Password123", "qwertyuiop", "dragon!!!!", "aaaaaaaaaaaa", "abcabcabcabc", "monkeymonkey"],
)
def test_a_common_password_is_refused(password: str) -> None:
    with pytest.raises(PeopleError, match="Many people use this password"):
        choose_password(password)


@pytest.mark.parametrize(
    "password", ["autotag2026!", "Ann@Example.test", "ann.globex.1", "globex-globex", "AUTOTAG-globex"]
)
def test_what_anybody_knows_about_a_person_makes_no_password(password: str) -> None:
    about = ("ann@example.test", "globex", "globex.example", "")
    with pytest.raises(PeopleError, match="mostly an address or a name"):
        choose_password(password, about=about)
    assert choose_password(f"{password} and six words more", about=about)


@pytest.mark.parametrize(
    ("stored", "hashed"),
    [(QUICK_METHOD, [QUICK_METHOD]), (None, [QUICK_METHOD]), ("scrypt:256:8:1", ["scrypt:256:8:1"] * 4)],
    ids=["known", "nobody", "an older, cheaper hash"],
)
def test_the_same_work_is_done_whether_or_not_the_address_is_known(
    monkeypatch: pytest.MonkeyPatch, stored: str | None, hashed: list[str]
) -> None:
    """A hash of a quarter of the cost is checked four times."""
    kept = stored and generate_password_hash(PASSWORD, method=stored)
    checked: list[str] = []

    def check(each: str, _password: str) -> bool:
        checked.append(each.partition("$")[0])
        return each == kept

    monkeypatch.setattr(passwords, "check_password_hash", check)
    assert matches(kept, PASSWORD) is (stored is not None)
    assert checked == hashed


def test_an_older_hash_is_renewed_and_todays_is_not() -> None:
    older = generate_password_hash(PASSWORD, method="scrypt:256:8:1")
    newer = renew(older, PASSWORD)
    assert newer is not None
    assert newer.startswith(f"{QUICK_METHOD}$")
    assert matches(newer, PASSWORD)
    assert renew(newer, PASSWORD) is None


def test_more_than_the_longest_password_is_not_that_password() -> None:
    longest = ("an odd pass " * 30)[:MAXIMUM_LENGTH]
    assert not matches(choose_password(longest).hash, longest + "x")


def test_few_passwords_are_hashed_at_once_and_the_rest_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each takes 128 MiB and a thread of the web server."""
    going, running, most, lock = threading.Event(), 0, 0, threading.Lock()

    def check(_stored: str, _password: str) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        going.wait(20)
        with lock:
            running -= 1
        return False

    kept = choose_password(PASSWORD).hash
    monkeypatch.setattr(passwords, "check_password_hash", check)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(matches, kept, PASSWORD) for _ in range(8)]
        deadline = time.monotonic() + 20
        while sum(each.done() for each in asked) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        refused = [each for each in asked if each.done()]
        going.set()
        assert [type(each.exception()) for each in refused] == [PasswordsBusy] * 4
        assert [each.result() for each in asked if each not in refused] == [False] * 4
    assert most == passwords.HASHES_AT_ONCE
