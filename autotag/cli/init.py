"""`autotag init`."""

import json

import click

from autotag.cli.common.environment import load_config
from autotag.cli.common.options import JSON
from autotag.cli.output import echo


@click.command(name="init")
@click.option("--quick-start", is_flag=True, help="Also enable TensorFlow tagging in the default instance.")
@JSON
def command(quick_start: bool, as_json: bool) -> None:
    """Set up the database, the default instance, its first administrator and the default model. Safe to repeat.

    \b
    Example:
      AUTOTAG_ADMIN_EMAIL=eva@acme.example autotag init
    """
    from sqlalchemy.exc import SQLAlchemyError

    from autotag.cli.common.database import unusable
    from autotag.inference.errors import InferenceError
    from autotag.instances.errors import PeopleError
    from autotag.observability import configure_logging
    from autotag.serving.setup import set_up

    config = load_config()
    configure_logging(config.log_format)
    try:
        done = set_up(config, quick_start=quick_start)
    except InferenceError as error:
        raise click.ClickException(f"The default model could not be built: {error}") from error
    except PeopleError as error:
        raise click.ClickException(f"The first administrator could not be made: {error}") from error
    except SQLAlchemyError as error:
        raise unusable(error) from error
    if as_json:
        answer = {"instance_path": str(config.instance_path), "model": done.model.name}
        echo(json.dumps(answer | {"email": done.email, "password": done.password}))
        return
    echo(f"Ready in {config.instance_path}")
    echo(f"  Model         {done.model.title}")
    echo(f"  Administrator {done.email}")
    if done.password:
        echo(f"  Password      {done.password}")
