"""A store from what an operator writes: a folder, or the URL of an object store.

Not here: the stores.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pekanu.errors import UsageError
from pekanu.storage.stores.folder import FolderStore
from pekanu.storage.stores.pack_store import PackStore

#: Schemes of object stores, and where each finds its credentials.
SCHEMES: Final = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT",
    "gs": "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


def open_store(place: str) -> PackStore:
    """Return the store at a place.

    Args:
        place: A folder's path, or a URL such as ``s3://bucket/prefix``, ``gs://…`` or ``az://…``.

    Raises:
        UsageError: The URL is of no known kind, or its service's settings are incomplete.
    """
    scheme = urlsplit(place).scheme
    if "://" not in place:
        return FolderStore(Path(place).expanduser())
    if scheme not in SCHEMES:
        raise UsageError(
            f"{place} is neither a folder nor the URL of an object store",
            hint="URLs begin with s3://, gs:// or az://",
        )
    from obstore.exceptions import BaseError  # noqa: PLC0415 - only object stores need it
    from obstore.store import from_url  # noqa: PLC0415 - as above

    from pekanu.storage.stores.remote import RemoteStore  # noqa: PLC0415 - as above

    # An endpoint of one's own is often plain HTTP on one's own network, and says so.
    is_plain = os.environ.get("AWS_ENDPOINT", "").startswith("http://")
    try:
        store = from_url(place, client_options={"allow_http": is_plain})
    except (BaseError, ValueError) as error:
        raise UsageError(
            f"{place} cannot be opened: {error}", hint=f"set {SCHEMES[scheme]}"
        ) from error
    return RemoteStore(store, place)
