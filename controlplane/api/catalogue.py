"""What the PKCS#11 module needs to know, in one unpaged answer."""

import msgspec
from falcon.asgi import Request

from controlplane.api import answers
from controlplane.api.endpoint import Answer, Encoded, endpoint
from controlplane.domain.model import Caller
from controlplane.service.catalogue import Catalogue as Service
from controlplane.service.catalogue import CatalogueContent


class Catalogue:
    def __init__(self, catalogue: Service) -> None:
        self._catalogue = catalogue

    @endpoint("The caller's signers with keys and certificates", also=(304,))
    def on_get(self, request: Request, caller: Caller) -> Answer[answers.Catalogue]:
        rendered = self._catalogue.rendered(caller, _render)
        headers = {"ETag": rendered.etag, "Cache-Control": "private, no-cache"}
        if _names(request.get_header("If-None-Match"), rendered.etag):
            return Answer(status=304, headers=headers)
        return Answer(Encoded(rendered.body), headers=headers)


def _render(content: CatalogueContent) -> bytes:
    return msgspec.json.encode(answers.catalogue(content))


def _names(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110 §13.1.2: weak comparison against any of the list."""
    candidates = (each.strip().removeprefix("W/") for each in (if_none_match or "").split(","))
    return any(each in (etag, "*") for each in candidates)
