"""The signed-in person of a request: Flask-Login's user, backed by a session that the server can end."""

from contextlib import suppress
from datetime import timedelta

from flask import g, session
from flask_login import AnonymousUserMixin, UserMixin, login_user, logout_user
from sqlalchemy.exc import OperationalError

from autotag.blueprints import security_events
from autotag.extensions import db, login_manager
from autotag.instances.people import close_session, load_session, touch_session
from autotag.models import Role, User, UserSession
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work

TOUCH_AFTER = timedelta(hours=1)


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login carries no types
    """A person with a live session in this request's instance."""

    def __init__(self, user_session: UserSession, token: str) -> None:
        self.user: User = user_session.user
        self.session_id: int = user_session.id
        self.token = token

    @property
    def role(self) -> Role:
        """The person's role in this instance."""
        return self.user.role

    def may(self, role: Role) -> bool:
        """Whether the person has at least this role."""
        return self.user.role.includes(role)

    def get_id(self) -> str:
        """What the cookie keeps."""
        return self.token


class Nobody(AnonymousUserMixin):  # type: ignore[misc]  # as above
    """Somebody who has not signed in."""

    user: User | None = None

    def may(self, role: Role) -> bool:  # noqa: ARG002 - the same call as SignedIn's
        """Nobody may do anything."""
        return False


login_manager.anonymous_user = Nobody
login_manager.login_view = "auth.sign_in"
login_manager.login_message = None
login_manager.session_protection = None


@login_manager.user_loader  # type: ignore[untyped-decorator]  # as above
def load(token: str) -> SignedIn | None:
    """Return the person whose session this is, in this request's instance only."""
    if g.get("instance") is None:
        return None
    found = load_session(db.session(), g.instance.id, token)
    if found is None:
        return None
    if utc_now() - found.last_seen_at > TOUCH_AFTER:
        # A page that only reads is not refused because somebody else writes for long.
        with suppress(OperationalError), unit_of_work(db.session()) as work:
            touch_session(work, found)
    return SignedIn(found, token)


def start(token: str) -> None:
    """Sign the browser in with a new session, dropping whatever its cookie held before."""
    session.clear()
    found = load_session(db.session(), g.instance.id, token)
    if found is not None:
        login_user(SignedIn(found, token))
        session.permanent = True


def stop() -> None:
    """End the session on the server and forget it in the browser."""
    from flask_login import current_user

    if current_user.is_authenticated:
        with unit_of_work(db.session()) as work:
            close_session(work, current_user.token)
            security_events.signed_out(work, current_user.user)
    logout_user()
    session.clear()
