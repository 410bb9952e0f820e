"""How the people and programs of an instance sign in, as its settings say."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from autotag.configuration.entries import SIGN_IN
from autotag.configuration.store import Place, resolve


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """What is in force for an instance. `longest_token_days` bounds the life of new API tokens."""

    requires_second_factor: bool

    longest_token_days: int


def load_sign_in_settings(session: Session, instance_id: int) -> SignInSettings:
    """Read the settings in force for an instance."""
    values = resolve(session, Place.of(SIGN_IN, instance_id)).values
    return SignInSettings(
        requires_second_factor=values["require_second_factor"],
        longest_token_days=values["maximum_token_lifetime"],
    )
