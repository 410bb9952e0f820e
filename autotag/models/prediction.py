"""What a provider said about some bytes, kept whether or not it became a tag."""

from datetime import datetime

from sqlalchemy import JSON, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, TenantOwned, UtcDateTime, utc_now


class PredictionSet(TenantOwned, Base):
    """All predictions of one provider and model version for one content, highest score first.

    Keyed by content hash and not by document: the same bytes need no second call, and a threshold can be
    applied again later without inference. `predictions` is a list of [name, score] pairs, score 0 to 1.
    One row holds them all, because they are always read and written together.
    """

    __tablename__ = "prediction_set"
    __table_args__ = (
        UniqueConstraint(
            "instance_id", "sha256", "provider", "model", "model_version", name="uq_prediction_set_content"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    provider: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(128))
    model_version: Mapped[str] = mapped_column(String(128))
    runtime: Mapped[str] = mapped_column(String(64), default="")
    predictions: Mapped[list[list[str | float]]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
