"""For WSGI servers: `gunicorn wsgi:app`."""

from autotag import create_app
from autotag.config import Config
from autotag.observability import configure_logging

config = Config.from_environment()
configure_logging(config.log_format)
app = create_app(config)
