"""The forms of one's own password, and of a new API token."""

from wtforms import BooleanField, PasswordField, SelectField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from autotag.blueprints.control_panel.forms import RoleForm
from autotag.blueprints.forms import RefusableForm
from autotag.instances.passwords import MAXIMUM_LENGTH
from autotag.instances.second_factor import LONGEST_CODE
from autotag.instances.tokens import NAME_LENGTH

LIFETIMES = (7, 30, 90, 365)
DEFAULT_LIFETIME = 90


class OwnPasswordForm(RefusableForm):
    """The password there is, and the new one twice."""

    current = PasswordField(
        "Current password",
        validators=[InputRequired("Enter your current password."), Length(max=MAXIMUM_LENGTH)],
    )
    password = PasswordField(
        "New password",
        validators=[InputRequired("Enter a new password."), Length(max=MAXIMUM_LENGTH)],
    )
    again = PasswordField(
        "New password again", validators=[EqualTo("password", "This is not the same password.")]
    )
    end_tokens = BooleanField("Also revoke my API tokens")


class TokenForm(RoleForm):
    """What a token is for, what it may do and how long it is good."""

    name = StringField(
        "Name",
        validators=[InputRequired("Enter a name that says what the token is for."), Length(max=NAME_LENGTH)],
    )
    days = SelectField("Good for", coerce=int)
    current = PasswordField(
        "Your password",
        validators=[InputRequired("Enter your password."), Length(max=MAXIMUM_LENGTH)],
    )

    def offer_lifetimes(self, longest: int) -> None:
        """Let the token be good for so many days at most."""
        days = sorted({each for each in LIFETIMES if each < longest} | {longest})
        self.days.choices = [(each, "1 day" if each == 1 else f"{each} days") for each in days]
        if not self.is_submitted():
            self.days.data = min(DEFAULT_LIFETIME, longest)


class SecondFactorForm(RefusableForm):
    """One's password, and a code of the app that is being set up."""

    current = PasswordField(
        "Your password",
        validators=[InputRequired("Enter your password."), Length(max=MAXIMUM_LENGTH)],
    )
    code = StringField(
        "Code", validators=[InputRequired("Enter the code that the app shows."), Length(max=LONGEST_CODE)]
    )


class TurnOffForm(SecondFactorForm):
    """The same for a second factor that is on, for which a recovery code does as well."""

    code = StringField(
        "Code or recovery code", validators=[InputRequired("Enter a code."), Length(max=LONGEST_CODE)]
    )
