"""Tables: SQLAlchemy 2 typed models, one concept a file, and the engine they live in."""

from autotag.models.api_token import ApiToken, IdempotencyKey
from autotag.models.audit import AuditEvent
from autotag.models.base import Base, TenantOwned
from autotag.models.bulk_action import BulkAction, BulkActionState
from autotag.models.bulk_change import BulkChange
from autotag.models.configuration import ConfigurationRecord, ConfigurationState, Level
from autotag.models.document import Document, DocumentVersion, TaggingState
from autotag.models.folder import Folder
from autotag.models.model_installation import InstallationState, ModelInstallation
from autotag.models.prediction import PredictionSet
from autotag.models.provider import ProcessState, ProviderState, ProviderStatus, ProviderUsage
from autotag.models.released_content import ReleasedContent
from autotag.models.tag import AssignmentSource, Tag, TagAssignment, TagRejection
from autotag.models.tagging_run import (
    RunItemState,
    RunScope,
    RunState,
    TaggingAttempt,
    TaggingRun,
    TaggingRunItem,
)
from autotag.models.user import RecoveryCode, Role, User, UserSession
from autotag.models.virtual_instance import DEFAULT_WEB_ID, VirtualInstance
from autotag.models.webhook import DeliveryState, Webhook, WebhookDelivery, WebhookEvent

__all__ = [
    "DEFAULT_WEB_ID",
    "ApiToken",
    "AssignmentSource",
    "AuditEvent",
    "Base",
    "BulkAction",
    "BulkActionState",
    "BulkChange",
    "ConfigurationRecord",
    "ConfigurationState",
    "DeliveryState",
    "Document",
    "DocumentVersion",
    "Folder",
    "IdempotencyKey",
    "InstallationState",
    "Level",
    "ModelInstallation",
    "PredictionSet",
    "ProcessState",
    "ProviderState",
    "ProviderStatus",
    "ProviderUsage",
    "RecoveryCode",
    "ReleasedContent",
    "Role",
    "RunItemState",
    "RunScope",
    "RunState",
    "Tag",
    "TagAssignment",
    "TagRejection",
    "TaggingAttempt",
    "TaggingRun",
    "TaggingRunItem",
    "TaggingState",
    "TenantOwned",
    "User",
    "UserSession",
    "VirtualInstance",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
]
