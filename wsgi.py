"""For WSGI servers: `gunicorn wsgi:app`."""

from autotag import create_app
from autotag.config import Config
from autotag.observability import configure_logging
from autotag.serving.private_files import make_private

config = Config.from_environment()
make_private(config.instance_path)
configure_logging(config.log_format)
app = create_app(config)
