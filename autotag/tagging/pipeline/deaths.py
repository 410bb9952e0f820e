"""What is held against a document: processes and workers that died while they had it.

The two are counted apart. An image that kills the inference process is to blame for it; a worker that ends may have
been stopped by anybody, with many documents in it.
"""

from collections.abc import Mapping

from sqlalchemy import or_

from autotag.models import Document

HAS_DEATHS = or_(Document.tagging_crashes > 0, Document.tagging_worker_deaths > 0)
"""Such a document is examined alone: if it kills again, nothing else is hit."""

NO_DEATHS: Mapping[str, object] = {"tagging_crashes": 0, "tagging_worker_deaths": 0}
"""Values of a document against which nothing is held any more."""
