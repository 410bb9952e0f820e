"""`autotag assets reconcile`."""

import click
from redis.exceptions import RedisError

from autotag.cli.assets.options import INSTANCE, counted, print_answer
from autotag.cli.common.database import open_sessions, reading
from autotag.cli.common.environment import load_config
from autotag.cli.common.options import JSON
from autotag.instances.administration import find_by_web_id
from autotag.models import TaggingState
from autotag.operations.document_counts import count_states
from autotag.tagging.pipeline.release_claims import release_expired_claims
from autotag.tagging.queueing.queue import TaggingQueue, connect
from autotag.tagging.queueing.reconcile import reconcile as hand_out_again


@click.command(name="reconcile")
@INSTANCE
@JSON
def reconcile(web_id: str, as_json: bool) -> None:
    """Take back what dead workers had in hand, and hand out again what was lost on the way to one.

    The scheduler does the same each second, so this is for when it does not run.

    \b
    Example:
      autotag assets reconcile --instance default
    """
    config = load_config()
    with reading(config) as session:
        instance_id = find_by_web_id(session, web_id).id
    sessions = open_sessions(config)
    taken_back = release_expired_claims(sessions)
    with connect(config.broker_url) as connection:
        queue = TaggingQueue(connection)
        try:
            queue.waiting()
        except RedisError as error:
            raise click.ClickException(
                "The broker does not answer, so nothing can be handed out. It runs with: autotag up"
            ) from error
        handed_out = hand_out_again(sessions, queue, instance_id=instance_id)
    with sessions() as session:
        queued = count_states(session, instance_id)[TaggingState.QUEUED]
    answer = {"taken_back": taken_back, "handed_out": handed_out, "queued": queued}
    line = f"{counted(taken_back, 'file')} taken back, {handed_out:,} handed out; {queued:,} queued in all."
    print_answer(answer, line, as_json=as_json)
