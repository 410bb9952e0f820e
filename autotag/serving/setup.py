"""Setting up an installation: tables, default instance, first administrator, default model. Safe to repeat."""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from autotag.config import Config
from autotag.configuration.context import installed_choices, secret_box
from autotag.configuration.entries import TENSORFLOW
from autotag.configuration.secret_box import SecretBox
from autotag.configuration.store import Place, Source, Submission, resolve, save, shown_values
from autotag.configuration.validation import Choices
from autotag.inference.model import ModelDescription
from autotag.inference.store import ModelStore
from autotag.instances.directory import ensure_default_instance, hold_instance
from autotag.instances.first_sign_in import keep_first_sign_in, read_first_password
from autotag.instances.people import create_user
from autotag.models import Role, User, schema
from autotag.models.engine import lent_sessions
from autotag.models.unit_of_work import UnitOfWork, unit_of_work
from autotag.serving.private_files import tighten


@dataclass(frozen=True, slots=True)
class SetUp:
    """What is there after setting up. `password` is that of the first administrator while it is the generated one."""

    email: str
    password: str | None
    model: ModelDescription


def set_up(config: Config, *, quick_start: bool = False) -> SetUp:
    """Bring the installation to a state in which it can be started. Processes that do it at once take turns.

    `quick_start` saves the TensorFlow entry as enabled for the default instance, unless it has a record of its own.
    """
    with _locked(config.instance_path / ".set-up.lock"), lent_sessions(config.database_url) as sessions:
        with sessions() as session:
            engine = session.get_bind().engine
            if not schema.is_current(engine):
                schema.upgrade(engine)
            with unit_of_work(session) as work:
                instance = ensure_default_instance(work.session, config.base_domain)
                hold_instance(work.session, instance.id)
                email = _first_administrator(session, instance.id)
                if email is None:
                    email, password = config.admin_email, config.admin_password or _generate(config)
                    create_user(
                        work,
                        instance,
                        email=email,
                        password=password,
                        role=Role.SYSTEM_ADMINISTRATOR,
                        actor="autotag init",
                    )
        models = ModelStore(config.models_path)
        model = models.install_default()
        if quick_start:
            with sessions() as session, unit_of_work(session) as work:
                _enable_tensorflow(work, instance.id, secret_box(config), installed_choices(models))
    tighten(config)
    return SetUp(email, read_first_password(config.instance_path, email), model)


def _first_administrator(session: Session, instance_id: int) -> str | None:
    statement = select(User.email).where(
        User.instance_id == instance_id, User.role == Role.SYSTEM_ADMINISTRATOR, User.is_active
    )
    return session.scalar(statement.order_by(User.id).limit(1))


def _enable_tensorflow(work: UnitOfWork, instance_id: int, box: SecretBox, choices: Choices) -> None:
    place = Place.of(TENSORFLOW, instance_id)
    resolved = resolve(work.session, place)
    if resolved.source is not Source.OWN:
        texts = shown_values(resolved) | {"enabled": "true"}
        save(work, place, Submission(texts, "autotag init --quick-start"), box=box, choices=choices)


def _generate(config: Config) -> str:
    password = secrets.token_urlsafe(12)
    keep_first_sign_in(config.instance_path, config.admin_email, password)
    return password


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
