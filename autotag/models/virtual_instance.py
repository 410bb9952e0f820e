"""A virtual instance: a tenant with a subdomain, users, files, tags and settings of its own."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from autotag.models.base import Base, UtcDateTime, utc_now

DEFAULT_WEB_ID = "default"


class VirtualInstance(Base):
    """One tenant. The one whose Web ID is `default` answers on the bare base domain and is always active."""

    __tablename__ = "virtual_instance"

    id: Mapped[int] = mapped_column(primary_key=True)
    web_id: Mapped[str] = mapped_column(String(75), unique=True)
    virtual_host: Mapped[str] = mapped_column(String(253), unique=True)
    mail_domain: Mapped[str] = mapped_column(String(253), default="")
    max_users: Mapped[int] = mapped_column(default=0)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    @property
    def is_default(self) -> bool:
        """Whether this is the instance that system administrators belong to."""
        return self.web_id == DEFAULT_WEB_ID
