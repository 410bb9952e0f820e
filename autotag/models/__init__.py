"""Tables: SQLAlchemy 2 typed models, one concept a file, and the engine they live in."""

from autotag.models.audit import AuditEvent
from autotag.models.base import Base, TenantOwned
from autotag.models.configuration import ConfigurationRecord, ConfigurationState, Level
from autotag.models.document import Document, DocumentVersion, TaggingState
from autotag.models.folder import Folder
from autotag.models.model_installation import InstallationState, ModelInstallation
from autotag.models.prediction import PredictionSet
from autotag.models.provider import ProcessState, ProviderState, ProviderStatus, ProviderUsage
from autotag.models.tag import AssignmentSource, Tag, TagAssignment, TagRejection
from autotag.models.tagging_run import RunScope, RunState, TaggingAttempt, TaggingRun
from autotag.models.user import Role, User, UserSession
from autotag.models.virtual_instance import DEFAULT_WEB_ID, VirtualInstance

__all__ = [
    "DEFAULT_WEB_ID",
    "AssignmentSource",
    "AuditEvent",
    "Base",
    "ConfigurationRecord",
    "ConfigurationState",
    "Document",
    "DocumentVersion",
    "Folder",
    "InstallationState",
    "Level",
    "ModelInstallation",
    "PredictionSet",
    "ProcessState",
    "ProviderState",
    "ProviderStatus",
    "ProviderUsage",
    "Role",
    "RunScope",
    "RunState",
    "Tag",
    "TagAssignment",
    "TagRejection",
    "TaggingAttempt",
    "TaggingRun",
    "TaggingState",
    "TenantOwned",
    "User",
    "UserSession",
    "VirtualInstance",
]
