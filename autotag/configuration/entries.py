"""All configuration entries, in the order in which the pages show them."""

from autotag.configuration.declaration import (
    Category,
    Entry,
    Field,
    Kind,
    Scope,
    Values,
    boolean,
    calls_limit,
    integer,
    threshold,
)
from autotag.configuration.plugins import installed_entries
from autotag.inference.models.catalogue import DEFAULT_MODEL

INSTALLED_MODELS = "installed-models"

ASSETS = Category(
    key="assets", title="Assets", help="Auto tagging: whether, by which providers, how many tags."
)
DOCUMENTS_AND_MEDIA = Category(
    key="documents-and-media", title="Documents and Media", help="What may be uploaded."
)
PEOPLE = Category(key="people", title="People", help="How people and programs sign in.")
CATEGORIES = (ASSETS, DOCUMENTS_AND_MEDIA, PEOPLE)


def _within_system_maximum(values: Values, bounds: Values) -> dict[str, str]:
    limit = bounds["maximum_number_of_tags"]
    wanted = values["maximum_number_of_tags"]
    if not limit or 0 < wanted <= limit:
        return {}
    reason = f"System Settings allow {limit} tags at most: enter a number from 1 to {limit}."
    return {"maximum_number_of_tags": reason}


ASSET_AUTO_TAGGING_SYSTEM = Entry(
    key="asset-auto-tagging-system",
    title="Asset Auto Tagging",
    category=ASSETS.key,
    scope=Scope.SYSTEM,
    help="Whether anything is tagged automatically in this installation.",
    hidden_when_off=False,
    fields=(
        boolean(
            "enabled",
            "Enable Auto Tagging of Assets",
            True,
            "The master switch. While it is off, nothing is tagged automatically in any instance.",
        ),
        integer(
            "maximum_number_of_tags",
            "Maximum Number of Tags",
            0,
            "The most automatic tags for one asset in any instance. 0 means no limit.",
            minimum=0,
            maximum=1000,
        ),
    ),
)

ASSET_AUTO_TAGGING = Entry(
    key="asset-auto-tagging",
    title="Asset Auto Tagging",
    category=ASSETS.key,
    scope=Scope.INSTANCE,
    help="Whether assets of an instance are tagged automatically.",
    bounded_by=ASSET_AUTO_TAGGING_SYSTEM.key,
    rules=(_within_system_maximum,),
    fields=(
        boolean(
            "enabled",
            "Enable Auto Tagging of Assets",
            True,
            "While it is off, no provider tags anything in the instance.",
        ),
        integer(
            "maximum_number_of_tags",
            "Maximum Number of Tags",
            0,
            "The most automatic tags for one asset. 0 means no limit. It cannot exceed the maximum of the system.",
            minimum=0,
            maximum=1000,
        ),
        boolean(
            "update_auto_tags",
            "Update Auto Tags",
            False,
            "Tag again when a new version of a file is uploaded.",
        ),
    ),
)

TENSORFLOW = Entry(
    key="tensorflow",
    title="TensorFlow Image Auto Tagging",
    category=ASSETS.key,
    scope=Scope.INSTANCE,
    help="Tags images with a model that runs on this machine. No account is needed. Tags are in English.",
    enabled_by="enabled",
    provider="tensorflow",
    fields=(
        boolean(
            "enabled",
            "Enable TensorFlow Image Auto Tagging",
            False,
            "Whether TensorFlow tags images in every instance in which auto tagging is enabled.",
        ),
        Field(
            name="model",
            label="Model",
            kind=Kind.CHOICE,
            default=DEFAULT_MODEL,
            help="The installed model that tags.",
            choices=INSTALLED_MODELS,
        ),
        threshold(0.1, "TensorFlow"),
    ),
)

TENSORFLOW_PROCESS = Entry(
    key="tensorflow-process",
    title="TensorFlow Image Auto Tagging Process",
    category=ASSETS.key,
    scope=Scope.SYSTEM,
    help="How often the process that runs TensorFlow may crash.",
    fields=(
        integer(
            "maximum_number_of_relaunches",
            "Maximum Number of Relaunches",
            5,
            "How many times the process may crash before it is permanently disabled.",
            minimum=0,
            maximum=1000,
        ),
        integer(
            "maximum_number_of_relaunches_time_interval",
            "Maximum Number of Relaunches Time Interval",
            60,
            "The time in seconds after which the counter is reset.",
            minimum=1,
            maximum=86_400,
        ),
    ),
)

GOOGLE_CLOUD_VISION = Entry(
    key="google-cloud-vision",
    title="Google Cloud Vision Image Auto Tagging",
    category=ASSETS.key,
    scope=Scope.INSTANCE,
    help="Sends images to the Google Cloud Vision API to tag them. Tags are in English.",
    enabled_by="enabled",
    required=("api_key",),
    provider="google-cloud-vision",
    fields=(
        Field(
            name="api_key",
            label="API Key",
            kind=Kind.SECRET,
            default="",
            help="The API key to use for the Google Cloud Vision API.",
        ),
        boolean("enabled", "Enabled", False, "Whether Google Cloud Vision image auto tagging is enabled."),
        threshold(0.5, "Google Cloud Vision"),
        calls_limit(),
    ),
)

MICROSOFT_COGNITIVE_SERVICES = Entry(
    key="microsoft-cognitive-services",
    title="Microsoft Cognitive Services Image Auto Tagging",
    category=ASSETS.key,
    scope=Scope.INSTANCE,
    help="Sends images to Microsoft Cognitive Services to tag them. Tags are in English.",
    enabled_by="enabled",
    required=("api_key", "api_endpoint"),
    provider="microsoft-cognitive-services",
    fields=(
        Field(
            name="api_key",
            label="API Key",
            kind=Kind.SECRET,
            default="",
            help="The API key for the Computer Vision API.",
            bound_to="api_endpoint",
        ),
        Field(
            name="api_endpoint",
            label="API Endpoint",
            kind=Kind.ADDRESS,
            default="",
            help="The endpoint for the Computer Vision API, "
            "for example https://westcentralus.api.cognitive.microsoft.com/vision/v2.0.",
        ),
        boolean(
            "enabled", "Enabled", False, "Whether Microsoft Cognitive Services image auto tagging is enabled."
        ),
        threshold(0.5, "Microsoft Cognitive Services"),
        calls_limit(),
    ),
)


def _within_system_quota(values: Values, bounds: Values) -> dict[str, str]:
    return {
        name: f"System Settings allow {limit} at most: enter a number from 1 to {limit}, or 0 for their limit."
        for name in ("maximum_number_of_files", "maximum_storage")
        if (limit := bounds.get(name, 0)) and values[name] > limit
    }


def _maximum_files(help: str) -> Field:
    return integer(
        "maximum_number_of_files", "Maximum Number of Files", 0, help, minimum=0, maximum=1_000_000_000
    )


def _maximum_storage(help: str) -> Field:
    return integer("maximum_storage", "Maximum Storage", 0, help, minimum=0, maximum=1_000_000_000)


UPLOADS_SYSTEM = Entry(
    key="documents-and-media-system",
    title="Documents and Media Quota",
    category=DOCUMENTS_AND_MEDIA.key,
    scope=Scope.SYSTEM,
    help="How much each virtual instance may hold.",
    hidden_when_off=False,
    fields=(
        _maximum_files(
            "The most files that any virtual instance may hold, older versions and the Recycle Bin included. "
            "0 means no limit."
        ),
        _maximum_storage(
            "The most megabytes that the files of any virtual instance may have in all. 0 means no limit."
        ),
    ),
)

UPLOADS = Entry(
    key="documents-and-media",
    title="Documents and Media",
    category=DOCUMENTS_AND_MEDIA.key,
    scope=Scope.INSTANCE,
    help="What may be uploaded.",
    hidden_when_off=False,
    bounded_by=UPLOADS_SYSTEM.key,
    rules=(_within_system_quota,),
    fields=(
        integer(
            "maximum_upload_size",
            "Maximum Upload Size",
            512,
            "The largest file that can be uploaded, in megabytes.",
            minimum=1,
            maximum=512,
        ),
        integer(
            "maximum_pixels",
            "Maximum Pixels",
            75,
            "The largest image that is decoded, in megapixels. A larger one is stored, but neither shown nor tagged.",
            minimum=1,
            maximum=178,
        ),
        Field(
            name="allowed_extensions",
            label="Allowed Extensions",
            kind=Kind.TEXT,
            default="",
            help="File name extensions that can be uploaded, separated by commas. Empty means all.",
        ),
        boolean(
            "import_keywords_from_files",
            "Import keywords from files",
            False,
            "Make the keywords in images (XMP dc:subject, IPTC Keywords) tags when they are uploaded.",
        ),
        _maximum_files(
            "The most files that the instance may hold, older versions and the Recycle Bin included. "
            "0 means the limit in the quota of the system."
        ),
        _maximum_storage(
            "The most megabytes that the files of the instance may have in all. "
            "0 means the limit in the quota of the system."
        ),
    ),
)

SIGN_IN = Entry(
    key="sign-in",
    title="Sign-In",
    category=PEOPLE.key,
    scope=Scope.INSTANCE,
    help="How people and programs sign in.",
    hidden_when_off=False,
    fields=(
        integer(
            "maximum_token_lifetime",
            "Maximum Token Lifetime",
            365,
            "The most days for which a new API token is good. Tokens that exist keep their end.",
            minimum=1,
            maximum=3650,
        ),
        boolean(
            "require_second_factor",
            "Require a Second Factor",
            False,
            "People without a second factor are led to set one up before they can do anything else.",
        ),
    ),
)

BUILT_IN_ENTRIES = (
    ASSET_AUTO_TAGGING_SYSTEM,
    TENSORFLOW_PROCESS,
    ASSET_AUTO_TAGGING,
    TENSORFLOW,
    GOOGLE_CLOUD_VISION,
    MICROSOFT_COGNITIVE_SERVICES,
    UPLOADS_SYSTEM,
    UPLOADS,
    SIGN_IN,
)

ENTRIES = (*BUILT_IN_ENTRIES, *installed_entries({entry.key for entry in BUILT_IN_ENTRIES}))
"""The entries of the product, then those of providers that are installed as packages of their own."""


class UnknownEntry(LookupError):
    """There is no such configuration entry, or it has no such field."""


def find_entry(key: str) -> Entry:
    """Return an entry by its key. Raises UnknownEntry."""
    for entry in ENTRIES:
        if entry.key == key:
            return entry
    raise UnknownEntry(
        f"There is no configuration entry {key!r}; there are: {', '.join(e.key for e in ENTRIES)}."
    )
