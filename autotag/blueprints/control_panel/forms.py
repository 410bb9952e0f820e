"""The forms about instances and people. What a service refuses stands beside its field."""

from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Regexp

from autotag.blueprints.forms import RefusableForm
from autotag.blueprints.numbers import read_number
from autotag.blueprints.presentation import role_label
from autotag.instances.administration import InstanceFields
from autotag.instances.passwords import MAXIMUM_LENGTH
from autotag.instances.people import EMAIL_MAXIMUM_LENGTH
from autotag.models import Role, VirtualInstance

NAME_LENGTH = 253


class RoleForm(RefusableForm):
    """The role of a person."""

    role = SelectField("Role")

    def offer(self, roles: list[Role]) -> None:
        """Let these roles be chosen."""
        self.role.choices = [(role.value, role_label(role)) for role in roles]
        self.role.validate_choice = True


class PasswordForm(RefusableForm):
    """A new password for a person; empty to have one generated."""

    password = PasswordField("New password", validators=[Length(max=MAXIMUM_LENGTH)])


class UserForm(RoleForm):
    """A new person: an address, a role and a password; an empty one is generated."""

    email = StringField(
        "E-mail",
        validators=[InputRequired("Enter an e-mail address."), Length(max=EMAIL_MAXIMUM_LENGTH)],
        render_kw={"type": "email"},
    )
    password = PasswordField("Password", validators=[Length(max=MAXIMUM_LENGTH)])


class InstanceForm(RefusableForm):
    """What can be changed of a virtual instance."""

    web_id = StringField("Web ID", validators=[Length(max=NAME_LENGTH)])
    virtual_host = StringField("Virtual Host", validators=[Length(max=NAME_LENGTH)])
    mail_domain = StringField("Mail Domain", validators=[Length(max=NAME_LENGTH)])
    max_users = StringField(
        "Max Users",
        validators=[Regexp(r"\s*+\d{0,9}\s*+\Z", message="Enter a whole number; 0 means no limit.")],
    )

    @property
    def instance_fields(self) -> InstanceFields:
        """What was entered, for the service."""
        return InstanceFields(
            web_id=self.web_id.data or "",
            virtual_host=self.virtual_host.data or "",
            mail_domain=self.mail_domain.data or "",
            max_users=read_number(self.max_users.data or "") or 0,
        )

    def show(self, instance: VirtualInstance) -> None:
        """Fill in what is stored."""
        self.web_id.data = instance.web_id
        self.virtual_host.data = instance.virtual_host
        self.mail_domain.data = instance.mail_domain
        self.max_users.data = str(instance.max_users)


class NewInstanceForm(InstanceForm):
    """A new virtual instance with its first administrator; an empty password is generated."""

    email = StringField(
        "E-mail",
        validators=[InputRequired("Enter an e-mail address."), Length(max=EMAIL_MAXIMUM_LENGTH)],
        render_kw={"type": "email"},
    )
    password = PasswordField("Password", validators=[Length(max=MAXIMUM_LENGTH)])
