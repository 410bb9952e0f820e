"""What can be wrong with what somebody enters about a person."""


class PeopleError(Exception):
    """A user cannot be made or changed as asked; `field` names what is wrong, the message says how."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
