"""Finding, holding and creating virtual instances."""

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from autotag.instances.hosts import RequestedHost
from autotag.models import DEFAULT_WEB_ID, VirtualInstance
from autotag.models.base import utc_now
from autotag.models.insertion import insert_new

# A loopback address is how health checks and a person on the machine itself reach the installation.
LOOPBACK_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})


def find_instance(session: Session, host: RequestedHost) -> VirtualInstance | None:
    """Return the active virtual instance that answers on this host, or None.

    The base domain and loopback addresses mean the default instance; a label under the base domain, or a
    full host name, means the instance that was given it. There is no fall-back to any other.
    """
    statement = select(VirtualInstance).where(VirtualInstance.is_active)
    if host.label == "" or (host.label is None and host.name in LOOPBACK_NAMES):
        return session.scalar(statement.where(VirtualInstance.web_id == DEFAULT_WEB_ID))
    if host.label is None and "." not in host.name:
        # A single word is somebody's label only under the base domain.
        return None
    name = host.name if host.label is None else host.label
    return session.scalar(statement.where(VirtualInstance.virtual_host == name))


def hold_instance(session: Session, instance_id: int) -> None:
    """Let nobody else who holds the instance go on before the transaction ends. Readers do, and so do others who write.

    On SQLite there is one writer anyway.
    """
    session.execute(
        select(VirtualInstance.id).where(VirtualInstance.id == instance_id).with_for_update(key_share=True)
    )


class InstanceNames:
    """The Web IDs of instances by their numbers, each looked up once: a Web ID never changes."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions
        self._known: dict[int, str] = {}

    def __call__(self, instance_id: int) -> str:
        """Return the Web ID, or the number as text while it cannot be told. Never raises: it is for the log."""
        if instance_id not in self._known:
            try:
                with self._sessions() as session:
                    found = session.scalar(
                        select(VirtualInstance.web_id).where(VirtualInstance.id == instance_id)
                    )
            except SQLAlchemyError:
                found = None
            if found is None:
                return str(instance_id)
            self._known[instance_id] = found
        return self._known[instance_id]


def all_instances(session: Session) -> list[VirtualInstance]:
    """Return every instance, active or not, the default one first. For system administrators."""
    instances = session.scalars(select(VirtualInstance).order_by(VirtualInstance.web_id))
    return sorted(instances, key=lambda instance: not instance.is_default)


def host_name(instance: VirtualInstance, base_domain: str) -> str:
    """Return the full host name that an instance answers on: a name without a dot stands under the base domain."""
    if instance.is_default:
        return base_domain
    name = instance.virtual_host
    return name if "." in name else f"{name}.{base_domain}"


def ensure_default_instance(session: Session, base_domain: str) -> VirtualInstance:
    """Return the default virtual instance, creating it at the first time."""
    statement = select(VirtualInstance).where(VirtualInstance.web_id == DEFAULT_WEB_ID)
    instance = session.scalar(statement)
    if instance is None:
        # Two machines may set up one database at once; whoever comes second finds it.
        row: dict[str, object] = {
            "web_id": DEFAULT_WEB_ID,
            "virtual_host": base_domain,
            "mail_domain": base_domain,
            "max_users": 0,
            "is_active": True,
            "created_at": utc_now(),
        }
        insert_new(session, VirtualInstance.__table__, [row])
        instance = session.scalars(statement).one()
    return instance
