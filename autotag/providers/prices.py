"""What a service asks for its calls, as published; whoever reads an amount made from it reads an estimate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Tier:
    """The price of a thousand calls, up to this many calls in a month; None for all that follow."""

    up_to: int | None
    per_thousand: float


@dataclass(frozen=True, slots=True)
class Price:
    """A monthly price list: its tiers in their order, where it is published and when somebody read it there."""

    currency: str
    tiers: Sequence[Tier]
    source: str
    read_on: date

    def estimate(self, calls: int) -> float:
        """Return what so many calls in one month cost."""
        amount, counted = 0.0, 0
        for tier in self.tiers:
            upper = calls if tier.up_to is None else min(calls, tier.up_to)
            amount += max(0, upper - counted) * tier.per_thousand / 1000
            counted = max(counted, upper)
        return amount
