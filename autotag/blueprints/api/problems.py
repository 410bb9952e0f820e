"""Every way in which a call can fail: its stable code, its status and when it happens; the document reads this."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One code: the status it comes with, and when, in a sentence."""

    status: int
    when: str


PROBLEMS = {
    "malformed_json": ProblemKind(400, "The body is no JSON."),
    "token_missing": ProblemKind(401, "There is no `Authorization: Bearer` header."),
    "token_invalid": ProblemKind(
        401, "The token is unknown on this host, expired or revoked, or its user is deactivated."
    ),
    "forbidden": ProblemKind(403, "The token or its user does not have the role that this asks for."),
    "not_found": ProblemKind(404, "There is nothing at this address."),
    "document_not_found": ProblemKind(404, "The instance has no such document outside the recycle bin."),
    "folder_not_found": ProblemKind(404, "The instance has no such folder."),
    "tag_not_found": ProblemKind(404, "The instance, or the document, has no such tag."),
    "bulk_action_not_found": ProblemKind(404, "The instance has no such bulk action."),
    "run_not_found": ProblemKind(404, "The instance has no such run."),
    "unknown_host": ProblemKind(404, "No virtual instance answers on this host."),
    "method_not_allowed": ProblemKind(405, "The address does not take this method; `Allow` says which."),
    "foreign_cursor": ProblemKind(409, "The cursor is of another list or order, or was changed."),
    "tag_name_taken": ProblemKind(409, "Another tag has the name; they can be merged."),
    "no_thumbnail": ProblemKind(409, "The picture is not made yet, or there is none for this type of file."),
    "idempotency_key_reused": ProblemKind(409, "The key was sent with another file or other fields."),
    "quota_exceeded": ProblemKind(
        409, "The instance holds as many files, or as many bytes, as it may; deleting for good makes room."
    ),
    "cannot_undo": ProblemKind(409, "The bulk action is under way, or cannot be undone."),
    "nothing_to_merge": ProblemKind(409, "There is no other tag left to merge."),
    "nothing_to_tag": ProblemKind(409, "There is no image among the documents."),
    "switched_off": ProblemKind(409, "The settings in force let no image be tagged."),
    "run_state": ProblemKind(409, "The run is over."),
    "nothing_selected": ProblemKind(409, "The document was deleted meanwhile."),
    "configuration_refused": ProblemKind(
        409, "The values do not go with other settings; `errors` says which."
    ),
    "changed_meanwhile": ProblemKind(409, "Somebody else saved the entry since the version that was sent."),
    "secret_unreadable": ProblemKind(
        409, "The stored key cannot be read any more. Remove it or send a new one."
    ),
    "file_too_large": ProblemKind(413, "The file is larger than the instance allows."),
    "request_entity_too_large": ProblemKind(413, "The request is larger than the server takes."),
    "unsupported_media_type": ProblemKind(415, "The body has another content type than the one asked for."),
    "invalid_request": ProblemKind(
        422, "Something sent cannot be used; `errors` says what and why, by field."
    ),
    "empty_file": ProblemKind(422, "The file is empty."),
    "extension_not_allowed": ProblemKind(422, "The instance does not take files with this extension."),
    "too_many_requests": ProblemKind(
        429, "Too many calls within a minute; `Retry-After` says how long to wait."
    ),
    "internal_server_error": ProblemKind(500, "The server failed. Nothing of the call was kept."),
    "unavailable": ProblemKind(
        503, "The database does not answer, or the server has too much to do. Nothing was changed."
    ),
    "storage_unavailable": ProblemKind(503, "The object storage does not answer. Nothing was changed."),
    "storage": ProblemKind(507, "The disk did not take the file."),
}
"""All codes, by status."""

ALWAYS = (
    "token_missing",
    "token_invalid",
    "unknown_host",
    "too_many_requests",
    "internal_server_error",
    "unavailable",
)
"""What every call can answer."""

WITH_JSON = ("malformed_json", "unsupported_media_type", "invalid_request", "request_entity_too_large")
"""What a call with a JSON body can answer besides."""
