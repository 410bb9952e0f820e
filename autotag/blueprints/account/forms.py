"""The form of one's own password."""

from wtforms import PasswordField
from wtforms.validators import EqualTo, InputRequired, Length

from autotag.blueprints.control_panel.forms import RefusableForm
from autotag.instances.people import PASSWORD_MAXIMUM_LENGTH


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
