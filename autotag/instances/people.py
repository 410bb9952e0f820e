"""Users of an instance: creating them, checking passwords, opening and closing their sessions."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, joinedload

from autotag.control_characters import has_control_characters
from autotag.instances import passwords
from autotag.instances.audit import SESSION_ENDED, audit
from autotag.instances.directory import hold_instance
from autotag.instances.errors import PeopleError
from autotag.instances.passwords import NewPassword
from autotag.instances.tokens import revoke_all_tokens
from autotag.models import Role, User, UserSession, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.unit_of_work import UnitOfWork

EMAIL_MAXIMUM_LENGTH = 254
_EMAIL = re.compile(r"[^\s@\x00-\x1f<>\"',;]{1,64}@[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
IDLE_LIMIT = timedelta(days=14)
ABSOLUTE_LIMIT = timedelta(days=60)


def normalize_email(email: str) -> str:
    """Return an e-mail address as it is stored: in lower case. Raises PeopleError when it is none.

    Only its shape is checked: installations have domains like `localhost` that no public rule admits.
    """
    address = email.strip().lower()
    if (
        len(address) > EMAIL_MAXIMUM_LENGTH
        or has_control_characters(address)
        or not _EMAIL.fullmatch(address)
    ):
        raise PeopleError("email", f"{email!r} is no e-mail address.")
    return address


class SignInOvertaken(Exception):
    """The password was changed, or the person was shut out, while the sign-in was being checked."""


class SessionNotFound(LookupError):
    """No such session of this person."""


class UserNotFound(LookupError):
    """No such person in this instance; another instance's person is this, too."""


def create_user(
    work: UnitOfWork, instance: VirtualInstance, *, email: str, password: NewPassword, role: Role, actor: str
) -> User:
    """Add a person to an instance.

    Raises PeopleError when the address is taken there or is none, the role does not exist there, or the instance
    has as many users as it may.
    """
    address = normalize_email(email)
    _check_role(instance, role)
    hold_instance(work.session, instance.id)
    if find_user(work.session, instance.id, address) is not None:
        raise PeopleError("email", f"{address} is a user of this instance already.")
    _check_room(work.session, instance)
    user = User(
        instance_id=instance.id,
        email=address,
        password_hash=password.hash,
        must_change_password=password.is_generated,
        role=role,
    )
    work.session.add(user)
    work.session.flush()
    audit(work.session, instance.id, actor, "user created", address, [["Role", "", role]])
    return user


def load_user(session: Session, instance_id: int, user_id: int) -> User:
    """Return a person of this instance. Raises UserNotFound, for another instance's person as well."""
    user = session.scalar(select(User).where(User.instance_id == instance_id, User.id == user_id))
    if user is None:
        raise UserNotFound
    return user


def list_users(session: Session, instance_id: int) -> list[User]:
    """Return all people of an instance, active ones first, by address."""
    return list(
        session.scalars(
            select(User).where(User.instance_id == instance_id).order_by(User.is_active.desc(), User.email)
        )
    )


def set_password(
    work: UnitOfWork,
    user: User,
    password: NewPassword,
    *,
    actor: str,
    keep_session: int | None = None,
    keep_tokens: bool = False,
) -> None:
    """Change a password and end the person's sessions, except the one of this id, and their API tokens unless kept."""
    user.password_hash = password.hash
    user.must_change_password = password.is_generated
    # A sign-in with the old password waits for the person's row, so its session is among those that end, or never is.
    work.session.flush()
    end_sessions(work, user, actor=actor, keep_session=keep_session)
    audit(work.session, user.instance_id, actor, "password changed", user.email)
    if not keep_tokens:
        revoke_all_tokens(work, user, actor=actor)


def set_role(work: UnitOfWork, instance: VirtualInstance, user: User, role: Role, *, actor: str) -> None:
    """Change a role; it counts from the person's next request. Raises PeopleError for the last administrator."""
    _check_role(instance, role)
    # Two administrators who take each other's role at once would leave none.
    _hold_person(work.session, user)
    if user.role is role:
        return
    if user.is_active and not role.includes(top_role(instance)):
        _check_not_last(work.session, instance, user)
    audit(work.session, user.instance_id, actor, "role changed", user.email, [["Role", user.role, role]])
    user.role = role


def set_user_active(
    work: UnitOfWork, instance: VirtualInstance, user: User, active: bool, *, actor: str
) -> None:
    """Let a person in or shut them out at once. Raises PeopleError for the last administrator or a full instance."""
    _hold_person(work.session, user)
    if user.is_active == active:
        return
    if active:
        _check_room(work.session, instance)
    else:
        _check_not_last(work.session, instance, user)
    user.is_active = active
    if not active:
        # After the change of the person's row, for which a sign-in waits: none can slip in behind it.
        work.session.flush()
        end_sessions(work, user, actor=actor)
        revoke_all_tokens(work, user, actor=actor)
    audit(
        work.session, user.instance_id, actor, "user activated" if active else "user deactivated", user.email
    )


def names_of(instance: VirtualInstance) -> tuple[str, ...]:
    """Return the names of an instance that anybody knows, which make no password."""
    return instance.web_id, instance.virtual_host, instance.mail_domain


def top_role(instance: VirtualInstance) -> Role:
    """Return the highest role of an instance, of which one active person must remain."""
    return Role.SYSTEM_ADMINISTRATOR if instance.is_default else Role.ADMINISTRATOR


def roles_of(instance: VirtualInstance) -> list[Role]:
    """Return the roles that exist in an instance, lowest first."""
    return [role for role in Role if instance.is_default or role is not Role.SYSTEM_ADMINISTRATOR]


def roles_to_give(instance: VirtualInstance, own: Role) -> list[Role]:
    """Return the roles of an instance that somebody with a role may give: none above their own."""
    return [role for role in roles_of(instance) if own.includes(role)]


def _check_role(instance: VirtualInstance, role: Role) -> None:
    if role not in roles_of(instance):
        raise PeopleError("role", "System administrators exist in the default instance only.")


def _check_room(session: Session, instance: VirtualInstance) -> None:
    # Not the instance that the caller loaded: the limit may have changed since.
    limit = session.scalar(select(VirtualInstance.max_users).where(VirtualInstance.id == instance.id))
    if not limit:
        return
    present = session.scalar(
        select(func.count()).select_from(User).where(User.instance_id == instance.id, User.is_active)
    )
    if (present or 0) >= limit:
        raise PeopleError("email", f"This instance may have {limit} active users and has them.")


def _hold_person(session: Session, user: User) -> None:
    """Let nobody else change the people of the person's instance before the transaction ends; read the person again."""
    hold_instance(session, user.instance_id)
    session.refresh(user)


def _check_not_last(session: Session, instance: VirtualInstance, user: User) -> None:
    highest = top_role(instance)
    if user.role is not highest:
        return
    others = (
        select(func.count())
        .select_from(User)
        .where(User.instance_id == instance.id, User.is_active, User.role == highest, User.id != user.id)
    )
    if not session.scalar(others):
        raise PeopleError(
            "role", f"{user.email} is the last {highest.replace('-', ' ')}; make another one first."
        )


def find_user(session: Session, instance_id: int, email: str) -> User | None:
    """Return the person with this address in this instance, or None."""
    return session.scalar(
        select(User).where(User.instance_id == instance_id, User.email == email.strip().lower())
    )


def authenticate(session: Session, instance_id: int, email: str, password: str) -> User | None:
    """Return the active user with this address and password, or None; both answers take the same time.

    Raises autotag.instances.passwords.PasswordsBusy.
    """
    user = find_user(session, instance_id, email)
    fits = passwords.matches(None if user is None else user.password_hash, password)
    return user if user is not None and fits and user.is_active else None


def replace_hash(work: UnitOfWork, user: User, renewed: str) -> None:
    """Store a stronger hash of the same password, unless the password was changed since it was checked."""
    changed = work.session.execute(
        update(User)
        .where(User.id == user.id, User.password_hash == user.password_hash)
        .values(password_hash=renewed)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    ).all()
    if changed:
        work.session.refresh(user)


def open_session(
    work: UnitOfWork, user: User, *, address: str, browser: str, proven_hash: str | None = None
) -> str:
    """Begin a signed-in session and return its token, 256 random bits, which only the browser keeps.

    `proven_hash` is the password hash that the sign-in was checked against. Raises SignInOvertaken when the person
    has another one by now, or may not sign in any more.
    """
    current = work.session.scalar(
        select(User.password_hash).where(User.id == user.id, User.is_active).with_for_update(key_share=True)
    )
    if current is None or proven_hash not in (None, current):
        raise SignInOvertaken
    token = secrets.token_urlsafe(32)
    now = utc_now()
    work.session.add(
        UserSession(
            instance_id=user.instance_id,
            user_id=user.id,
            token_sha256=_fingerprint(token),
            address=address[:64],
            browser=browser[:255],
        )
    )
    user.last_sign_in_at = now
    _end_stale_sessions(work.session, user.id, now)
    return token


def load_session(session: Session, instance_id: int, token: str) -> UserSession | None:
    """Return the live session of a token in this instance with its active user, or None."""
    found = session.scalar(
        select(UserSession)
        .where(UserSession.instance_id == instance_id, UserSession.token_sha256 == _fingerprint(token))
        .options(joinedload(UserSession.user))
    )
    if found is None or not found.user.is_active:
        return None
    now = utc_now()
    if now - found.last_seen_at > IDLE_LIMIT or now - found.created_at > ABSOLUTE_LIMIT:
        return None
    return found


def touch_session(work: UnitOfWork, user_session: UserSession) -> None:
    """Note that a session is in use, so that it does not end for idleness."""
    work.session.execute(
        update(UserSession).where(UserSession.id == user_session.id).values(last_seen_at=utc_now())
    )


def close_session(work: UnitOfWork, token: str) -> None:
    """End the session of a token; a copy of its cookie is worth nothing afterwards."""
    work.session.execute(delete(UserSession).where(UserSession.token_sha256 == _fingerprint(token)))


def list_sessions(session: Session, user: User) -> list[UserSession]:
    """Return a person's sessions, the one used last first."""
    return list(
        session.scalars(
            select(UserSession)
            .where(UserSession.instance_id == user.instance_id, UserSession.user_id == user.id)
            .order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())
        )
    )


def end_session(work: UnitOfWork, user: User, session_id: int) -> None:
    """End one of a person's own sessions. Raises SessionNotFound when it is another person's or gone."""
    ended = work.session.execute(
        delete(UserSession)
        .where(
            UserSession.instance_id == user.instance_id,
            UserSession.user_id == user.id,
            UserSession.id == session_id,
        )
        .returning(UserSession.address)
    ).all()
    if not ended:
        raise SessionNotFound
    audit(
        work.session,
        user.instance_id,
        user.email,
        SESSION_ENDED,
        user.email,
        [["Address", ended[0].address, ""]],
    )


def end_sessions(work: UnitOfWork, user: User, *, actor: str, keep_session: int | None = None) -> None:
    """End all of a person's sessions, except the one of this id."""
    statement = delete(UserSession).where(UserSession.user_id == user.id)
    if keep_session is not None:
        statement = statement.where(UserSession.id != keep_session)
    ended = len(work.session.execute(statement.returning(UserSession.id)).all())
    if ended:
        audit(work.session, user.instance_id, actor, SESSION_ENDED, user.email, [["Sessions", ended, 0]])


def _end_stale_sessions(session: Session, user_id: int, now: datetime) -> None:
    session.execute(
        delete(UserSession).where(
            UserSession.user_id == user_id,
            (UserSession.last_seen_at < now - IDLE_LIMIT) | (UserSession.created_at < now - ABSOLUTE_LIMIT),
        )
    )


def _fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
