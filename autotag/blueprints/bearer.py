"""Who calls the API: a token's bearer, who may do what token and person may. Cookies count for nothing there."""

from flask import Response, g, request
from flask_login import UserMixin

from autotag.blueprints.errors import problem
from autotag.blueprints.signed_in import Nobody
from autotag.extensions import db
from autotag.instances.tokens import load_token, may, needs_note, note_use
from autotag.models import ApiToken, Role, User
from autotag.models.unit_of_work import unit_of_work

SCHEME = "Bearer"
LONGEST_TOKEN = 200


class Bearer(UserMixin):  # type: ignore[misc]  # Flask-Login carries no types
    """A program that calls for a person."""

    def __init__(self, token: ApiToken) -> None:
        self.user: User = token.user
        self._token = token

    def may(self, role: Role) -> bool:
        """Whether the token has at least this role, and its person still has."""
        return may(self._token, role)

    @property
    def role(self) -> Role:
        """The role that counts: the lower one of the token and its person."""
        return min(self._token.role, self.user.role, key=list(Role).index)


def identify() -> None:
    """Let this request's person be the bearer of its token in this instance, and nobody without one."""
    g._login_user = find_bearer() or Nobody()


def find_bearer() -> Bearer | None:
    """Return the bearer of the token that the request carries, if it is one of this instance; note its use."""
    token = sent_token()
    if not token or g.get("instance") is None:
        return None
    found = load_token(db.session(), g.instance.id, token)
    if found is None:
        return None
    if needs_note(found):
        with unit_of_work(db.session()) as work:
            note_use(work, found)
    return Bearer(found)


def sent_token() -> str:
    """Return the token that the request carries, "" without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == SCHEME.lower() and len(token) <= LONGEST_TOKEN else ""


def refuse() -> Response:
    """Answer a call without a token that opens anything here."""
    if sent_token():
        answer = problem(
            401, "token_invalid", "This token is not valid here: it is unknown, expired or revoked."
        )
    else:
        answer = problem(401, "token_missing", "Send a token: Authorization: Bearer TOKEN.")
    answer.headers["WWW-Authenticate"] = SCHEME
    return answer
