"""For WSGI servers: `gunicorn wsgi:app`."""

from autotag import create_app
from autotag.config import Config

app = create_app(Config.from_environment())
