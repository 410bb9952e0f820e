from datetime import date

import pytest

from autotag.providers.prices import Price, Tier
from autotag.providers.registry import BUILDERS, published_price

PRICE = Price(
    "USD", (Tier(1000, 0), Tier(5000, 1.5), Tier(None, 1.0)), "https://example.test", date(2026, 1, 1)
)


@pytest.mark.parametrize(
    ("calls", "amount"), [(0, 0), (1000, 0), (1001, 0.0015), (5000, 6), (6000, 7), (1_005_000, 1006)]
)
def test_each_tier_has_its_price(calls: int, amount: float) -> None:
    assert PRICE.estimate(calls) == pytest.approx(amount)


def test_a_price_names_its_source_and_the_day_it_was_read() -> None:
    price = published_price("google-cloud-vision")
    assert price is not None
    assert price.source.startswith("https://")
    assert price.read_on >= date(2026, 1, 1)
    assert price.estimate(2000) == pytest.approx(1.5)


def test_a_provider_without_a_published_price_has_none() -> None:
    assert [name for name in BUILDERS if published_price(name)] == ["google-cloud-vision"]
    assert published_price("never heard of") is None
