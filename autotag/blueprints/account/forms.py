"""The forms of one's own password, and of a new API token."""

from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from autotag.blueprints.control_panel.forms import RoleForm
from autotag.blueprints.forms import RefusableForm
from autotag.instances.people import PASSWORD_MAXIMUM_LENGTH
from autotag.instances.tokens import NAME_LENGTH
from autotag.models import Role

LIFETIMES = (("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("", "Until it is revoked"))


class OwnPasswordForm(RefusableForm):
    """The password there is, and the new one twice."""

    current = PasswordField(
        "Current password",
        validators=[InputRequired("Enter your current password."), Length(max=PASSWORD_MAXIMUM_LENGTH)],
    )
    password = PasswordField(
        "New password",
        validators=[InputRequired("Enter a new password."), Length(max=PASSWORD_MAXIMUM_LENGTH)],
    )
    again = PasswordField(
        "New password again", validators=[EqualTo("password", "This is not the same password.")]
    )


class TokenForm(RoleForm):
    """What a token is for, what it may do and how long it is good."""

    name = StringField(
        "Name",
        validators=[InputRequired("Enter a name that says what the token is for."), Length(max=NAME_LENGTH)],
    )
    days = SelectField("Good for", default="90")

    def offer(self, roles: list[Role]) -> None:
        """Let these roles be chosen, and how long the token is good."""
        super().offer(roles)
        self.days.choices = list(LIFETIMES)
