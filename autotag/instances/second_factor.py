"""The second factor: codes from an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost.

A code is six digits, changes every 30 seconds and is accepted one step early or late, because clocks differ. It works
once: so does every earlier one.
"""

import base64
import hashlib
import re
import secrets
import time
from typing import Protocol

import pyotp
import structlog
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from autotag.instances.audit import audit
from autotag.instances.errors import PeopleError
from autotag.instances.people import end_sessions
from autotag.models import RecoveryCode, User
from autotag.models.unit_of_work import UnitOfWork

STEP_SECONDS = 30
STEPS_OF_DRIFT = 1
RECOVERY_CODES = 10
RECOVERY_BYTES = 15
"""120 random bits. From 112 on a fast hash is enough (OWASP ASVS 5.0, 6.5.2)."""

GROUP = 6
LONGEST_CODE = 64
WRONG_CODE = "This code is wrong, or it was used already."
PRODUCT = "Autotag"

logger = structlog.stdlib.get_logger(__name__)


class Box(Protocol):
    """Encrypts texts for a place. `open` raises ValueError for what it cannot decrypt there."""

    def seal(self, secret: str, place: str) -> str:
        """Encrypt a text for a place."""
        ...

    def open(self, text: str, place: str) -> str:
        """Decrypt what was sealed for the same place."""
        ...

    def is_current(self, text: str) -> bool:
        """Whether the current key encrypted the text."""
        ...


def new_secret() -> str:
    """Return a new secret for an authenticator app: 160 random bits in Base32 (RFC 4226, 4)."""
    return pyotp.random_base32()


def app_address(secret: str, user: User, host: str) -> str:
    """Return the address that an authenticator app reads from the QR code, with the account's name for its list."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=f"{PRODUCT} {host}")


def has_second_factor(user: User) -> bool:
    """Whether a person signs in with a second factor."""
    return user.totp_secret is not None


def set_up(work: UnitOfWork, user: User, secret: str, code: str, *, box: Box, keep_session: int) -> list[str]:
    """Turn the second factor on, end the person's other sessions, and return the recovery codes, which are shown once.

    Raises PeopleError when the code is not one of the secret, or the person has a second factor already.
    """
    step = _step_of(secret, code)
    if step is None:
        raise PeopleError(
            "code", "This is not the code that the app shows now. Check the clock of your phone."
        )
    turned_on = work.session.execute(
        update(User)
        .where(User.id == user.id, User.instance_id == user.instance_id, User.totp_secret.is_(None))
        .values(totp_secret=box.seal(secret, _place(user)), totp_last_step=step)
        .returning(User.id)
    ).all()
    if not turned_on:
        raise PeopleError("code", "Your second factor is on already.")
    end_sessions(work, user, actor=user.email, keep_session=keep_session)
    audit(work.session, user.instance_id, user.email, "second factor turned on", user.email)
    return _make_recovery_codes(work, user)


def verify(work: UnitOfWork, user: User, code: str, *, box: Box) -> bool:
    """Whether a code of the app or a recovery code is right; it is used up by this."""
    text = _clean(code)
    if re.fullmatch(r"\d{6}", text, re.ASCII):
        step = _step_of(_secret_of(user, box), text)
        return step is not None and _use_step(work, user, step)
    used = work.session.execute(
        delete(RecoveryCode)
        .where(
            RecoveryCode.instance_id == user.instance_id,
            RecoveryCode.user_id == user.id,
            RecoveryCode.code_sha256 == _fingerprint(text),
        )
        .returning(RecoveryCode.id)
    ).all()
    if used:
        left = count_recovery_codes(work.session, user)
        changes = [["Recovery codes", left + 1, left]]
        audit(work.session, user.instance_id, user.email, "recovery code used", user.email, changes)
    return bool(used)


def renew_recovery_codes(work: UnitOfWork, user: User) -> list[str]:
    """Replace a person's recovery codes and return the new ones, which are shown once."""
    audit(work.session, user.instance_id, user.email, "recovery codes replaced", user.email)
    return _make_recovery_codes(work, user)


def count_recovery_codes(session: Session, user: User) -> int:
    """Return how many recovery codes a person has left."""
    return session.scalar(select(func.count()).where(RecoveryCode.user_id == user.id)) or 0


def remove(work: UnitOfWork, user: User, *, actor: str, keep_session: int | None = None) -> bool:
    """Turn a person's second factor off and end their sessions, except the one of this id; False when it was off.

    API tokens go on: they never needed it.
    """
    if not has_second_factor(user):
        return False
    user.totp_secret = user.totp_last_step = None
    work.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    end_sessions(work, user, actor=actor, keep_session=keep_session)
    own = actor == user.email
    audit(
        work.session, user.instance_id, actor, f"second factor {'turned off' if own else 'reset'}", user.email
    )
    return True


def rotate_secrets(work: UnitOfWork, box: Box) -> int:
    """Encrypt with the current key what an earlier key encrypted, in all instances; return how many secrets."""
    rotated = 0
    for user in work.session.scalars(select(User).where(User.totp_secret.is_not(None))):
        if user.totp_secret is not None and not box.is_current(user.totp_secret):
            user.totp_secret = box.seal(box.open(user.totp_secret, _place(user)), _place(user))
            rotated += 1
    return rotated


def _make_recovery_codes(work: UnitOfWork, user: User) -> list[str]:
    work.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = [
        base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)
    ]
    work.session.add_all(
        RecoveryCode(instance_id=user.instance_id, user_id=user.id, code_sha256=_fingerprint(code))
        for code in codes
    )
    work.session.flush()
    return ["-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP)) for code in codes]


def _use_step(work: UnitOfWork, user: User, step: int) -> bool:
    """Take a step that is later than all that were used; of two who try at once, one succeeds."""
    return bool(
        work.session.execute(
            update(User)
            .where(
                User.id == user.id,
                User.instance_id == user.instance_id,
                or_(User.totp_last_step.is_(None), User.totp_last_step < step),
            )
            .values(totp_last_step=step)
            .returning(User.id)
        ).all()
    )


def _step_of(secret: str, code: str) -> int | None:
    """Return the time step of a code, None when it is none of the steps around now."""
    if not secret or not re.fullmatch(r"\d{6}", _clean(code), re.ASCII):
        return None
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    try:
        return totp.verify_and_get_timecode(_clean(code), for_time=_now(), valid_window=STEPS_OF_DRIFT)
    except OTPVerificationError:
        return None


def _now() -> float:
    return time.time()


def _secret_of(user: User, box: Box) -> str:
    """Return a person's secret; "" when it cannot be read, which leaves the recovery codes and an administrator."""
    try:
        return box.open(user.totp_secret or "", _place(user))
    except ValueError:
        logger.exception("a second factor cannot be read", user_id=user.id)
        return ""


def _clean(code: str) -> str:
    return re.sub(r"[\s-]", "", code[:LONGEST_CODE]).lower()


def _place(user: User) -> str:
    return f"second-factor/{user.instance_id}/{user.id}"


def _fingerprint(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
