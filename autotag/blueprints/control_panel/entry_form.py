"""A configuration entry as a form: made from its declaration, and read from what a browser sent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from werkzeug.datastructures import MultiDict

from autotag.blueprints.numbers import read_number
from autotag.configuration.declaration import Entry, Field, Kind
from autotag.configuration.secret_box import UNREADABLE
from autotag.configuration.store import Resolved, Submission, shown_values
from autotag.configuration.validation import Choices
from autotag.configuration.values import own_version

VERSION = "expected_version"
REMOVE = "remove"
ENTER_AGAIN = "The key you typed was not saved. Enter it again."
NO_VERSION = -1

_TICKED = frozenset({"true", "on", "yes", "1"})


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field as it is shown: its declaration, the text in its control, and what there is to say about it.

    `stored` is the text that somebody else saved meanwhile, when it is another one.
    """

    declared: Field
    text: str
    choices: Sequence[tuple[str, str]] = ()
    has_secret: bool = False
    is_removed: bool = False
    error: str = ""
    stored: str | None = None

    @property
    def control(self) -> str:
        """The id of the control."""
        return f"field-{self.declared.name}"

    @property
    def described_by(self) -> str:
        """The ids of the texts that belong to the control."""
        said = {"error": self.error, "stored": self.stored is not None, "secret": self.has_secret}
        return " ".join(f"{self.control}-{part}" for part in ("help", *(key for key in said if said[key])))

    @property
    def is_ticked(self) -> bool:
        """Whether a switch is on."""
        return self.text.lower() in _TICKED


@dataclass(frozen=True, slots=True)
class EntryForm:
    """An entry's form: its fields in their order and the version that it is about to replace, 0 for none."""

    fields: tuple[FieldView, ...]
    version: int
    is_unsaved: bool = False

    @property
    def has_errors(self) -> bool:
        """Whether a value cannot be saved."""
        return any(field.error for field in self.fields)


def stored_form(resolved: Resolved, choices: Choices) -> EntryForm:
    """Return the form with the values in force."""
    texts = shown_values(resolved)
    fields = tuple(
        FieldView(
            declared=field,
            text=texts.get(field.name, ""),
            choices=_offered(field, texts.get(field.name, ""), choices),
            has_secret=field.is_secret and bool(resolved.values[field.name]),
        )
        for field in resolved.entry.fields
    )
    return EntryForm(fields, own_version(resolved))


def marked_form(form: EntryForm, unreadable: Collection[str]) -> EntryForm:
    """Return the form with a reason at those of the fields, given by name, whose stored secret cannot be read."""
    fields = tuple(
        replace(field, error=UNREADABLE) if field.declared.name in unreadable else field
        for field in form.fields
    )
    return replace(form, fields=fields)


def read_submission(entry: Entry, sent: MultiDict[str, str], actor: str) -> Submission:
    """Read what a browser sent. A switch that is off sends nothing."""
    texts = {
        field.name: sent.get(field.name, "false" if field.kind is Kind.BOOLEAN else "")
        for field in entry.fields
    }
    version = sent.get(VERSION, "")
    number = read_number(version)
    return Submission(
        texts, actor, NO_VERSION if number is None else number, remove=frozenset(sent.getlist(REMOVE))
    )


def refused_form(
    resolved: Resolved, submission: Submission, choices: Choices, errors: Mapping[str, str]
) -> EntryForm:
    """Return the form as it was sent, with the reasons why it cannot be saved."""
    form = stored_form(resolved, choices)
    fields = tuple(
        replace(_as_sent(field, submission), error=_reason(field.declared, submission, errors))
        for field in form.fields
    )
    return EntryForm(fields, submission.expected_version or 0, is_unsaved=True)


def conflicting_form(current: Resolved, submission: Submission, choices: Choices) -> EntryForm:
    """Return the form as it was sent, beside what somebody else saved meanwhile; it replaces that when sent again."""
    form = stored_form(current, choices)
    fields = tuple(_beside(field, _as_sent(field, submission), submission) for field in form.fields)
    return EntryForm(fields, form.version, is_unsaved=True)


def _as_sent(field: FieldView, submission: Submission) -> FieldView:
    if field.declared.is_secret:
        return replace(field, is_removed=field.declared.name in submission.remove)
    return replace(field, text=submission.texts[field.declared.name])


def _beside(stored: FieldView, sent: FieldView, submission: Submission) -> FieldView:
    if stored.declared.is_secret:
        return replace(sent, error=ENTER_AGAIN if submission.texts[stored.declared.name] else "")
    same = (
        stored.is_ticked == sent.is_ticked
        if stored.declared.kind is Kind.BOOLEAN
        else stored.text == sent.text.strip()
    )
    return sent if same else replace(sent, stored=_said(stored))


def _said(field: FieldView) -> str:
    if field.declared.kind is Kind.BOOLEAN:
        return "on" if field.is_ticked else "off"
    return dict(field.choices).get(field.text, field.text) or "empty"


def _reason(field: Field, submission: Submission, errors: Mapping[str, str]) -> str:
    """Say what is wrong with a field. A key that was typed is never sent back, so it has to be typed again."""
    if field.name not in errors and field.is_secret and submission.texts[field.name]:
        return ENTER_AGAIN
    return errors.get(field.name, "")


def _offered(field: Field, text: str, choices: Choices) -> Sequence[tuple[str, str]]:
    if field.kind is not Kind.CHOICE:
        return ()
    offered = list(choices.get(field.choices, ()))
    if text not in dict(offered):
        offered.insert(0, (text, f"{text} (not installed)"))
    return offered
