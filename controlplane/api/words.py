"""Facts in the API's sentences. They name the command that helps: most who read them have one."""

from collections.abc import Mapping
from datetime import datetime

from controlplane.domain.action import Action as Deed
from controlplane.domain.approval import LackingStep, list_names, name_step
from controlplane.domain.explanation import Action, LastGrant, Missing, Remedy
from controlplane.domain.misfit import Misfit
from controlplane.domain.model import ApiKey, Grant, GrantState
from controlplane.domain.notice import Notice
from controlplane.domain.policy import count
from controlplane.domain.warnings import (
    ApiKeyEnds,
    CertificateEnds,
    IssuerEnds,
    KeyWaits,
    NobodyAgrees,
    SameName,
    SignerWarning,
    WeakKey,
)
from controlplane.errors import Refused
from controlplane.service.explanation import Explanation
from controlplane.service.signing import GrantMissing

_REMEDIES: Mapping[Action, str] = {
    Action.CREATE_SIGNER: "An admin creates it: sealwright signer create {signer}",
    Action.ENABLE_IDENTITY: "An admin enables it: sealwright identity enable {identity}",
    Action.MAKE_OPERATOR: "An administrator of the signer makes it an operator: "
    "sealwright member add {signer} {identity} --role operator",
    Action.ENABLE_SIGNER: "An administrator of the signer enables it: "
    "sealwright signer enable {signer}",
    Action.UNDELETE_SIGNER: "An admin takes that back: sealwright signer undelete {signer}; then "
    "sealwright signer enable {signer}",
    Action.RENEW_SIGNER: "An admin renews it: sealwright signer renew {signer}",
    Action.CERTIFY_SIGNER: "Its CA certifies it (sealwright signer csr {signer}); then "
    "sealwright signer install-certificate {signer} --chain FILE.pem",
    Action.CHANGE_HASH: "Sign with a hash that is allowed, or have the policy edited.",
    Action.REQUEST_GRANT: "Ask for one: sealwright request create {signer} --why TEXT",
    Action.REQUEST_WIDER_GRANT: "The policy allows it to new grants; ask for one: "
    "sealwright request create {signer} --why TEXT",
}


def say_missing(missing: Missing) -> str:
    match missing:
        case Remedy():
            return _REMEDIES[missing.action].format(
                signer=missing.signer, identity=missing.identity
            )
        case LastGrant():
            return _say_end(missing.grant, missing.state)
        case LackingStep():
            return _say_step(missing)
        case Misfit():
            return _say_cure(missing)


def say_warning(warning: SignerWarning) -> str:
    match warning:
        case CertificateEnds():
            return f"The certificate {_say_when(warning.at, warning.days)}: renew it."
        case IssuerEnds():
            when = _say_when(warning.at, warning.days)
            return (
                f"The issuing certificate {warning.issuer!r} {when}: nothing that rests on it "
                "signs from then on, and its CA needs a new one."
            )
        case KeyWaits():
            return (
                "A new key waits for its certificate: take the request to its CA (sealwright "
                f"signer csr {warning.signer}) and install what comes (sealwright signer "
                f"install-certificate {warning.signer} --chain FILE.pem)."
            )
        case WeakKey():
            return warning.why
        case NobodyAgrees():
            return (
                f"Too few can approve under the protected policy {warning.policy!r}: "
                f"{' '.join(warning.why)} Nobody can agree to a new key of theirs either: have "
                "them enrol before it is attached."
            )
        case SameName():
            return (
                f"Its common name {warning.common_name!r} reads like that of "
                f"{list_names(warning.others)}: who verifies a signature cannot tell them apart."
            )
        case Misfit():
            return (
                f"No new grant will allow a signature: {warning.key} counts as {warning.counted}, "
                f"and the policy {warning.policy!r} allows {', '.join(warning.allowed)} only. "
                f"{_say_cure(warning)}"
            )


def say_ending(key: ApiKeyEnds) -> str:
    return (
        f"The API key {key.key_id} of {key.identity} {_say_when(key.at, key.days)}. An admin gives "
        f"out a new one: sealwright identity key add {key.identity}"
    )


def say_other_key(key: ApiKey, holder: str) -> str:
    """To who has just enrolled one, and cannot have seen how the other came."""
    of = "enrolled with a code of" if key.enrolled else "made by"
    by = key.issued_by or "somebody on the server's machine"
    return (
        f"Another API key calls as {holder} too: {key.id}, {of} {by} on {key.created_at:%Y-%m-%d}. "
        f"If it is not yours, have it revoked: sealwright identity key revoke {holder} {key.id}"
    )


_NOTICES: Mapping[Deed, str] = {
    Deed.IDENTITY_CREATE: "{by} made {about}",
    Deed.IDENTITY_EDIT: "{by} edited {about}: role, e-mail address or owner",
    Deed.IDENTITY_ACCEPT: "{by} accepted {about}",
    Deed.IDENTITY_DISABLE: "{by} disabled {about}",
    Deed.IDENTITY_ENABLE: "{by} enabled {about} again",
    Deed.API_KEY_CREATE: "{by} gave {about} a new API key ({key})",
    Deed.API_KEY_REVOKE: "{by} revoked an API key of {whose} ({key})",
    Deed.ENROLMENT_CREATE: "{by} made a code that gets {about} a new API key",
    Deed.ENROLMENT_USE: "somebody used the code that gets {about} a new API key ({key})",
}


def say_notice(notice: Notice, reader: str) -> str:
    """`reader`: whose identity it is about, or who owns the machine, or is to own it."""
    machine = f"the machine {notice.about}"
    is_own = notice.about == reader
    said = _NOTICES.get(notice.action, "{by} changed {about} ({action})").format(
        by=notice.by or "somebody on the server's machine",
        about="you" if is_own else machine,
        whose="yours" if is_own else machine,
        key=notice.api_key_id,
        action=notice.action,
    )
    return f"{notice.at:%Y-%m-%d} {said}."


def say_offer(machine: str) -> str:
    return (
        f"The machine {machine} was offered to you, and counts as yours too. To own it: "
        f"sealwright identity accept {machine}"
    )


def say_verdict(of: Explanation) -> str:
    if of.sentence is not None:
        return of.sentence
    may = f"{of.identity} may sign with {of.signer.name!r} now"
    if of.grant is None:
        return f"{may}: it has no policy, so its members need no grant."
    return f"{may}, by the grant {of.grant.grant.id}: {_say_room(of.grant.grant)}."


def say_in_full(refused: GrantMissing) -> Refused:
    """The same refusal; its title says what is missing too."""
    title = " ".join([refused.title, *map(say_missing, refused.missing)])
    return Refused(refused.code, title, request=refused.request)


def _say_when(end: datetime, days: int | None) -> str:
    """`days` None: it has ended."""
    day = f"on {end:%Y-%m-%d}"
    if days is None:
        return f"expired {day}"
    return f"expires in {count(days, 'day')}, {day}" if days else "expires today"


def _say_cure(misfit: Misfit) -> str:
    wider = ",".join([*misfit.allowed, misfit.counted])
    return (
        f"Give the signer another policy (sealwright signer set-policy {misfit.signer} POLICY), "
        f"have this one allow {misfit.counted} (sealwright policy edit {misfit.policy} --hash "
        f"{wider}), or sign with a signer of another kind of key."
    )


def _say_step(step: LackingStep) -> str:
    place = name_step(step.number, step.steps, step.name)
    kind = "more approval" if step.given else "approval"
    needs = f"{count(step.lacking, kind)} of {list_names(step.asked)}"
    return (
        f"The {step.noun} waits for {place}: {needs}."
        if step.is_open
        else f"Then {place}: {needs}."
    )


def _say_end(grant: Grant, state: GrantState) -> str:
    match state:
        case GrantState.EXHAUSTED:
            return f"The last one is used up: {grant.used} of {grant.max_signings} signings."
        case GrantState.EXPIRED:
            return f"The last one ended at {_moment(grant.not_after)}."
        case GrantState.REVOKED if grant.revocation is not None:
            return f"The last one was revoked by {grant.revocation.by}: {grant.revocation.reason}"
        case GrantState.SUSPENDED:
            return (
                "The last one is suspended since the store went back in time. An admin confirms "
                f"it: sealwright recovery confirm grant {grant.id}"
            )
    return (
        f"The last one was issued under the policy {grant.policy!r}, which {grant.signer!r} does "
        "not have now."
    )


def _say_room(grant: Grant) -> str:
    left = "any number of signings"
    if grant.max_signings is not None:
        left = f"{count(grant.max_signings - grant.used, 'signing')} left"
    end = "without end" if grant.not_after is None else f"until {_moment(grant.not_after)}"
    return f"{left}, {end}"


def _moment(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"
