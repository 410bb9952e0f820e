"""The form of the sign-in page."""

from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from autotag.blueprints.forms import TextFieldsForm
from autotag.instances.second_factor import LONGEST_CODE

EMAIL_LENGTH = 254
PASSWORD_LENGTH = 256


class SignInForm(TextFieldsForm):
    """An e-mail address and a password. Which of the two was wrong is never said."""

    email = StringField(
        "E-mail",
        filters=[lambda value: value.strip() if value else value],
        validators=[InputRequired("Enter your e-mail address."), Length(max=EMAIL_LENGTH)],
        render_kw={"type": "email"},
    )
    password = PasswordField(
        "Password", validators=[InputRequired("Enter your password."), Length(max=PASSWORD_LENGTH)]
    )


class CodeForm(TextFieldsForm):
    """A code of the second factor, or a recovery code."""

    code = StringField(
        "Code or recovery code", validators=[InputRequired("Enter a code."), Length(max=LONGEST_CODE)]
    )
