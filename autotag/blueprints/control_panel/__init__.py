"""The Control Panel: its overview, the virtual instances, the people of one, the audit trail."""

from autotag.blueprints.control_panel import audit, instances, overview, users

BLUEPRINTS = (overview.blueprint, instances.blueprint, users.blueprint, audit.blueprint)
