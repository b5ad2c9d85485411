"""Who calls, as a request says it, and from where."""

from falcon.asgi import Request

from controlplane.errors import invalid


def read_api_key(req: Request) -> str | None:
    """Refused 400 for a header that was sent twice, which ASGI shows with a comma."""
    header = req.get_header("Authorization")
    if header is None:
        return None
    if "," in header:
        raise invalid("Authorization", "Authorization must be given once.")
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    return key.strip() or None


def address_of(req: Request) -> str | None:
    """Where a call came from, which is asked once; None: a unix socket."""
    return next(iter(req.scope.get("client") or ()), None)
