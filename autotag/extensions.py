"""Flask's extensions: created here without an application, bound in `create_app`."""

from flask_compress import Compress
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_talisman import Talisman
from flask_wtf import CSRFProtect

from autotag.models import Base

db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
csrf = CSRFProtect()
login_manager = LoginManager()
limiter = Limiter(get_remote_address)
talisman = Talisman()
compress = Compress()
