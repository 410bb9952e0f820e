"""The left navigation and the cards of the Control Panel, in one list."""

from dataclasses import dataclass

from flask import request
from flask_login import current_user

from autotag.models import Role

CONTROL_PANEL = "Control Panel"


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """One entry of the left navigation. Those with the same `group` stand together, below a rule.

    An entry with a `section` also has a card there, with its `help`, on the overview of the Control Panel.
    """

    label: str
    icon: str
    endpoint: str
    role: Role = Role.VIEWER
    group: str = ""
    section: str = ""
    help: str = ""

    @property
    def is_current(self) -> bool:
        """Whether the page that is being shown belongs to this entry."""
        return request.blueprint == self.endpoint.partition(".")[0]


def _administration(
    label: str, icon: str, blueprint: str, role: Role, section: str, help: str
) -> NavigationEntry:
    return NavigationEntry(label, icon, f"{blueprint}.index", role, CONTROL_PANEL, section, help)


# In the order in which they stand. A new page adds its entry here and nowhere else.
NAVIGATION = (
    NavigationEntry("Documents and Media", "pictures", "documents.index"),
    NavigationEntry("Tags", "tag", "tags.index"),
    NavigationEntry("Tagging runs", "runs", "runs.index", Role.EDITOR),
    NavigationEntry("Recycle Bin", "trash", "recycle_bin.index", Role.EDITOR),
    _administration(CONTROL_PANEL, "panel", "control_panel", Role.ADMINISTRATOR, "", ""),
    _administration(
        "Operations",
        "pulse",
        "operations",
        Role.ADMINISTRATOR,
        "What is going on",
        "What waits, what failed and why, who does the work, and how quickly.",
    ),
    _administration(
        "System Settings",
        "server",
        "system_settings",
        Role.SYSTEM_ADMINISTRATOR,
        "Configuration",
        "Settings of the installation, and the defaults of all virtual instances.",
    ),
    _administration(
        "Instance Settings",
        "sliders",
        "instance_settings",
        Role.ADMINISTRATOR,
        "Configuration",
        "What this virtual instance does differently from the defaults.",
    ),
    _administration(
        "Webhooks",
        "webhook",
        "webhooks",
        Role.ADMINISTRATOR,
        "Configuration",
        "Addresses that are told when a document was tagged or failed, or a run finished.",
    ),
    _administration(
        "Virtual Instances",
        "instances",
        "instances",
        Role.SYSTEM_ADMINISTRATOR,
        "Instances and people",
        "Sites with addresses, people and files of their own.",
    ),
    _administration(
        "Users",
        "people",
        "users",
        Role.ADMINISTRATOR,
        "Instances and people",
        "Who can sign in here, and what they may do.",
    ),
    _administration(
        "Audit",
        "history",
        "audit",
        Role.ADMINISTRATOR,
        "Instances and people",
        "Who changed which setting or person, and when.",
    ),
)


def navigation() -> list[NavigationEntry]:
    """Return the entries that the signed-in person may use."""
    return [entry for entry in NAVIGATION if current_user.may(entry.role)]


def control_panel_cards() -> dict[str, list[NavigationEntry]]:
    """Return the cards of the Control Panel that the signed-in person may use, by section."""
    sections: dict[str, list[NavigationEntry]] = {}
    for entry in navigation():
        if entry.section:
            sections.setdefault(entry.section, []).append(entry)
    return sections
