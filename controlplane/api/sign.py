"""The call to sign."""

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import replace
from functools import partial

import msgspec
from falcon.asgi import Request
from msgspec import UNSET

from controlplane.algorithms.kinds import MOST_OCTETS
from controlplane.api import to_sign, words
from controlplane.api.endpoint import Run, decode, endpoint, read_body
from controlplane.api.metrics import Metrics
from controlplane.api.octets import LARGEST_MESSAGE, read_octets
from controlplane.domain.model import (
    Caller,
    Client,
    EcdsaEncoding,
    HashAlgorithm,
    PssParameters,
    Scheme,
    SignCall,
    Signed,
)
from controlplane.errors import Code, Refused, invalid
from controlplane.service.commit import Result, Row
from controlplane.service.signing import Elsewhere, GrantMissing, Signing, Steps, Unread

LARGEST_OF_THE_REFUSED = 16 * 1024  # bytes of a body that is read of somebody who is not let in
_OPTIONAL = ("digest", "message", "pss", "ecdsa_encoding")
_LARGEST_CALL = LARGEST_MESSAGE * 3 // 2  # bytes: in base64, and what stands around it
_decoder = msgspec.json.Decoder(to_sign.ToSign)


class SignResource:
    confirms_caller = True  # when the call's row is committed

    def __init__(self, signing: Signing, metrics: Metrics) -> None:
        self._signing = signing
        self._metrics = metrics

    @endpoint(
        "Sign a digest or a message",
        refusals=(
            Code.SCHEME_KEY_MISMATCH,
            Code.NOT_A_MEMBER,
            Code.ROLE_CANNOT_SIGN,
            Code.SIGNER_DISABLED,
            Code.SIGNER_PENDING,
            Code.CERTIFICATE_EXPIRED,
            Code.CERTIFICATE_NOT_YET_VALID,
            Code.ALGORITHM_NOT_ALLOWED,
            Code.NO_ACTIVE_GRANT,
            Code.SIGNER_NOT_FOUND,
            Code.CERTIFICATE_CHANGED,
            Code.IDEMPOTENCY_CONFLICT,
            Code.ROW_UNWRITABLE,
            Code.SIGNING_FAILED,
            Code.CLOCK_BEHIND,
        ),
        largest_body=_LARGEST_CALL,
    )
    async def on_post(
        self,
        request: Request,
        caller: Caller,
        name: str,
        body: to_sign.Sign,
        idempotency_key: str | None,
    ) -> to_sign.Signature:
        said = body.client or to_sign.SigningClient()
        client = Client(address=request.context.address, **msgspec.structs.asdict(said))
        call = replace(_parse(name, body, client, idempotency_key), receipt=body.receipt)
        try:
            signed = await self._carry_out(self._signing.steps(caller, call), request.context.run)
        except Refused as refused:
            self._metrics.count_refused(call.scheme, refused)
            if isinstance(refused, GrantMissing):
                raise words.say_in_full(refused) from refused
            raise
        self._metrics.count_signed(call.scheme)
        return to_sign.Signature(
            signed.signature,
            signed.operation_id,
            signed.certificate_serial,
            UNSET if signed.receipt is None else signed.receipt,
        )

    async def on_unauthenticated(self, request: Request, refused: Refused, name: str) -> None:
        """Somebody who is known and not let in leaves a row by a call to sign, whatever else is
        wrong with it."""
        call: SignCall | Unread
        client = Client(address=request.context.address)
        try:
            body = decode(_decoder, await read_body(request, LARGEST_OF_THE_REFUSED))
            call = _parse(name, body, client, None)
        except Refused as fault:
            if fault.code is not Code.PAYLOAD_TOO_LARGE:
                return  # no call to sign
            call = Unread(name, client)
        await request.context.run(lambda: self._signing.record_refused(refused, call))
        self._metrics.count_refused(None if isinstance(call, Unread) else call.scheme, refused)

    async def _carry_out(self, steps: Steps, run: Run) -> Signed:
        resume = partial(next, steps)
        while True:
            try:
                step = resume()
            except StopIteration as end:
                signed: Signed = end.value
                return signed
            try:
                waited = run(step.call) if isinstance(step, Elsewhere) else self._written(step)
                resume = partial(steps.send, await waited)
            except Exception as fault:  # noqa: BLE001  # for the steps to judge
                resume = partial(steps.throw, fault)

    async def _written(self, row: Row) -> Result:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Result] = loop.create_future()

        def settle(outcome: Result | Refused) -> None:
            if waiting.done():
                return  # the caller has gone; the row stays
            if isinstance(outcome, Refused):
                waiting.set_exception(outcome)
            else:
                waiting.set_result(outcome)

        def done(outcome: Result | Refused) -> None:
            if _is_running_here(loop):
                settle(outcome)
            else:
                with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                    loop.call_soon_threadsafe(settle, outcome)

        self._signing.hand_in(row, done)
        return await waiting


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _parse(
    signer: str, body: to_sign.ToSign, client: Client, idempotency_key: str | None
) -> SignCall:
    """What the struct's types cannot say: which fields go with which scheme."""
    rules = body.scheme.rules
    for field in _OPTIONAL:
        if getattr(body, field) is not None and field not in rules.fields:
            whose = ", ".join(each for each in Scheme if field in each.rules.fields)
            raise invalid(field, f"{field}: goes with {whose} only, not with {body.scheme}.")
    message = (
        None if body.message is None else read_octets("message", body.message, LARGEST_MESSAGE)
    )
    encoding = body.ecdsa_encoding
    if encoding is None and "ecdsa_encoding" in rules.fields:
        encoding = EcdsaEncoding.DER
    call = SignCall(
        signer=signer,
        scheme=body.scheme,
        hash=body.hash,
        digest=_digest(body, message),
        message=message,
        pss=None
        if body.pss is None
        else PssParameters(HashAlgorithm(body.pss.mgf_hash), body.pss.salt_length),
        ecdsa_encoding=encoding,
        client=client,
        certificate_serial=body.certificate_serial,
        idempotency_key=idempotency_key,
    )
    if fault := rules.find_fault(call):
        raise fault
    return call


def _digest(body: to_sign.ToSign, message: bytes | None) -> bytes:
    """As it goes on record."""
    hash_ = body.scheme.rules.message_hash
    if hash_ is None:
        if body.digest is None:
            raise invalid("digest", f"digest: {body.scheme} signs a digest; send it.")
        return read_octets("digest", body.digest, MOST_OCTETS)
    if message is None:
        raise invalid("message", f"message: {body.scheme} signs the message itself; send it.")
    return hashlib.new(hash_, message).digest()
