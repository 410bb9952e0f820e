"""What all forms have in common."""

from collections.abc import Mapping
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict


class TextFieldsForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """A form whose fields are texts.

    Flask-WTF also takes a file or a JSON body for a field, and then the field has a value of another type. Here such a
    field counts as missing.
    """

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # as above
        """How the form reads a request."""

        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:  # noqa: ARG002 - WTForms names it
            """Read the texts of the request's form only, unless the caller gives some of its own."""
            if formdata is None or isinstance(formdata, MultiDict):
                return formdata
            return (request.form or None) if request.method == "POST" else None


class RefusableForm(TextFieldsForm):
    """A form that takes up the reasons for which a service refused it."""

    def refuse(self, errors: Mapping[str, str]) -> None:
        """Put each reason beside its field, and on top of the form when that field is not shown."""
        for name, reason in errors.items():
            if name in self._fields:
                self._fields[name].errors = [reason]
            else:
                self.form_errors.append(reason)
