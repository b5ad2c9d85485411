"""Audit rows by the hundred thousand, chained by the control plane's own code."""

from collections.abc import Iterator
from itertools import islice

from controlplane.audit.log import append, link
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import now
from controlplane.domain.model import (
    Client,
    Credential,
    CredentialKind,
    EcdsaEncoding,
    HashAlgorithm,
    OperationKind,
    Outcome,
    Scheme,
)
from controlplane.domain.operation import Entry, Head, Operation
from controlplane.store.database import Store

_AT_ONCE = 10_000
_FIRST = Head(0, "0" * 64)
_CLIENT = Client(
    address="127.0.0.1",
    tool="jarsigner",
    command="jarsigner -keystore NONE -storetype PKCS11 release.jar release",
    hostname="build-7",
    os_user="builder",
    application_sha256=None,
    module_version="0.1.0",
)
_CREDENTIAL = Credential(
    age_seconds=86_400,
    enrolled=False,
    id="00000000-0000-7000-8000-000000000000",
    issued_by=None,
    kind=CredentialKind.API_KEY,
)


def entries(actor: str, signer: str) -> Iterator[Entry]:
    """Signatures that succeeded, as the sign path writes them; the bytes of one stand for all."""
    while True:
        yield Entry(
            id=new_id(),
            created_at=now(),
            kind=OperationKind.SIGN,
            actor=actor,
            api_key_id=_CREDENTIAL.id,
            credential=_CREDENTIAL,
            signer=signer,
            outcome=Outcome.SUCCEEDED,
            scheme=Scheme("ecdsa"),
            hash=HashAlgorithm.SHA256,
            digest=bytes(range(32)),
            ecdsa_encoding=EcdsaEncoding.P1363,
            certificate_serial="00112233445566778899aabbccddeeff00112233",
            client=_CLIENT,
            signature=bytes(range(64)),
            idempotency_key=new_id(),
        )


def fill(store: Store, number: int, actor: str, signer: str) -> None:
    """At the end of the log of a store that may be in use."""
    following = islice(entries(actor, signer), number)
    with store.closing():
        while some := list(islice(following, _AT_ONCE)):
            with store.write() as database:
                append(database, some)


def chain(number: int) -> Iterator[Operation]:
    """A log of its own, from its first row."""
    head = _FIRST
    for entry in islice(entries("builder", "release"), number):
        operation = link(head, entry)
        head = Head(operation.sequence, operation.row_hash)
        yield operation
