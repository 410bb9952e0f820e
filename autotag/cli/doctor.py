"""`autotag doctor`."""

import json
import sys
from dataclasses import asdict

import click

from autotag.cli.common.environment import load_config
from autotag.cli.common.options import JSON
from autotag.cli.output import echo


@click.command(name="doctor")
@JSON
def command(as_json: bool) -> None:
    """Try every dependency and say what to do. Exit code 1 when something is wrong.

    \b
    Example:
      autotag doctor --json
    """
    from autotag.serving.doctor import examine

    checks = examine(load_config())
    if as_json:
        echo(json.dumps([asdict(check) for check in checks]))
    else:
        for check in checks:
            echo(f"{'ok ' if check.ok else 'BAD'}  {check.name:<10} {check.detail}")
            if check.advice:
                echo(f"     {'':<10} {check.advice}")
    sys.exit(0 if all(check.ok for check in checks) else 1)
