"""The ways in which a call to a service can fail before its answer is understood. Callers translate them."""


class OutboundError(Exception):
    """A call brought no answer; `code` is stable and for programs, `message` a sentence for people.

    Neither holds a key, a URL with a key, or a service's answer verbatim.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RequestRefused(OutboundError):
    """The address or the key cannot be used: asking again is of no use until somebody changes them."""


class ServiceUnreachable(OutboundError):
    """The service could not be reached, or did not answer in time: ask again later."""


class AnswerUnusable(ServiceUnreachable):
    """The answer cannot be read: ask again a few times at most."""
