"""What a policy may demand, whether it can be met, and what an edit makes of it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace

from msgspec import UNSET, UnsetType

from controlplane.domain.duration import spell
from controlplane.domain.model import HashAlgorithm, Identity, MemberRole, ServerRole, Step, Terms
from controlplane.domain.names import GROUP_MARK
from controlplane.domain.ranges import Range
from controlplane.errors import Code, Refused, invalid

WINDOW = Range(60, 30 * 24 * 3600)  # seconds
TTL = Range(1, 365 * 24 * 3600)
SIGNINGS = Range(1, 1_000_000_000)
STEPS = Range(0, 16)
APPROVERS = Range(1, 64)  # of one step
STEP_NAME = Range(1, 64)  # characters


def check_terms(terms: Terms) -> None:
    """Refused 400 naming the field: out of range, or a step that contradicts itself."""
    if terms.max_window_seconds is None and terms.max_signings is None:
        raise Refused(
            Code.POLICY_UNBOUNDED,
            "A policy limits the window (max_window_seconds), the number of signings "
            "(max_signings), or both.",
            field="max_window_seconds",
        )
    _check_range("max_window_seconds", terms.max_window_seconds, WINDOW)
    _check_range("max_signings", terms.max_signings, SIGNINGS)
    _check_range("request_ttl_seconds", terms.request_ttl_seconds, TTL)
    if HashAlgorithm.NONE in terms.hashes:
        raise invalid("hashes", "A policy that lists hashes excludes none: leave it out.")
    if len(set(terms.hashes)) != len(terms.hashes):
        raise invalid("hashes", "A hash is listed twice.")
    if len(terms.steps) not in STEPS:
        title = f"A policy has at most {STEPS.most} steps, not {len(terms.steps)}."
        raise invalid("steps", title)
    names = [step.name for step in terms.steps]
    for index, step in enumerate(terms.steps):
        _check_step(f"steps[{index}]", step)
        if step.name in names[:index]:
            raise invalid(f"steps[{index}].name", f"There are two steps named {step.name!r}.")
    if terms.protected and not terms.steps:
        raise invalid("protected", "The steps of a protected policy decide about it: give it one.")


def _check_range(field: str, value: int | None, allowed: Range) -> None:
    if value is not None and value not in allowed:
        between = f"between {allowed.least} and {allowed.most}"
        raise invalid(field, f"{field} must be {between}, not {value}.")


def _check_step(field: str, step: Step) -> None:
    name = step.name
    if len(name) not in STEP_NAME or not name.isprintable() or name != name.strip() or ":" in name:
        raise invalid(
            f"{field}.name",
            f"A step's name has {STEP_NAME} printable characters, no colon, no space around.",
        )
    if len(step.approvers) not in APPROVERS:
        raise invalid(f"{field}.approvers", f"The step {name!r} needs {APPROVERS} approvers.")
    if len(set(step.approvers)) != len(step.approvers):
        raise invalid(f"{field}.approvers", f"The step {name!r} names an approver twice.")
    # How many a group has may change: whether they are enough is judged where it is attached.
    has_group = any(each.startswith(GROUP_MARK) for each in step.approvers)
    most = APPROVERS.most if has_group else len(step.approvers)
    if not 1 <= step.required <= most:
        raise invalid(
            f"{field}.required",
            f"The step {name!r} has {count(len(step.approvers), 'approver')} and can require 1 to "
            f"{most} approvals, not {step.required}.",
        )


def settle_bounds(
    terms: Terms, window_seconds: int | None, signings: int | None
) -> tuple[int | None, int | None]:
    """What a grant gets of what is wanted: the ceiling where nothing is. Refused 400 naming the
    field and the ceiling."""
    if window_seconds is None:
        window_seconds = terms.max_window_seconds
    if signings is None:
        signings = terms.max_signings
    ceiling = WINDOW.most if terms.max_window_seconds is None else terms.max_window_seconds
    if window_seconds is not None:
        if window_seconds < 1:
            raise invalid("window_seconds", "A window lasts at least a second.")
        if window_seconds > ceiling:
            raise Refused(
                Code.WINDOW_ABOVE_CEILING,
                f"The policy allows a window of {spell(ceiling)} at most, not "
                f"{spell(window_seconds)}.",
                field="window_seconds",
            )
    if signings is not None:
        if signings < 1:
            raise invalid("signings", "A grant is for at least one signing.")
        most = SIGNINGS.most if terms.max_signings is None else terms.max_signings
        if signings > most:
            raise Refused(
                Code.SIGNINGS_ABOVE_CEILING,
                f"The policy allows {most} signings at most, not {signings}.",
                field="signings",
            )
    return window_seconds, signings


@dataclass(frozen=True, slots=True)
class Candidate:
    """An identity that a step names, and its role on the signer in question; the same of the
    users who stand behind it, if it is a machine."""

    identity: Identity
    role: MemberRole | None
    behind: "tuple[Candidate, ...]" = ()

    @property
    def is_auditor(self) -> bool:
        """Who watches does not decide, server-wide or on the signer, nor by way of a machine."""
        watches = self.identity.role is ServerRole.AUDITOR or self.role is MemberRole.AUDITOR
        return watches or any(each.is_auditor for each in self.behind)

    @property
    def owner_is_disabled(self) -> bool:
        owner = self.identity.owner
        return any(each.identity.disabled and each.identity.name == owner for each in self.behind)

    @property
    def can_approve(self) -> bool:
        return not (self.identity.disabled or self.owner_is_disabled or self.is_auditor)


@dataclass(frozen=True, slots=True)
class TermsEdit:
    """What to make of the terms of a policy. UNSET leaves one as it is."""

    max_window_seconds: int | UnsetType | None = UNSET
    max_signings: int | UnsetType | None = UNSET
    steps: tuple[Step, ...] | UnsetType = UNSET
    request_ttl_seconds: int | UnsetType | None = UNSET
    hashes: tuple[HashAlgorithm, ...] | UnsetType = UNSET
    protected: bool | UnsetType = UNSET

    def revise(self, terms: Terms) -> Terms:
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(
            terms, **{name: value for name, value in given.items() if value is not UNSET}
        )


def find_unmet(
    steps: Iterable[Step],
    candidates: Mapping[str, Candidate],
    but: Identity | None = None,
    enrolled: Collection[str] | None = None,
) -> tuple[str, ...]:
    """A sentence for each step that too few people could complete. `candidates`: by name, all
    that the steps name; `but`: whose consent does not count; `enrolled`: the ids of those who
    can give one where that takes an enrolled key. A user and the machines that they own,
    or are to own, are one person."""
    unmet = []
    for step in steps:
        able = [candidates[name] for name in step.approvers if candidates[name].can_approve]
        others = [each for each in able if but is None or not each.identity.is_of(but)]
        if enrolled is not None:
            others = [each for each in others if each.identity.id in enrolled]
        keyless = "" if enrolled is None else ", nor can who has enrolled no key"
        people = count_people(each.identity for each in others)
        if people < step.required:
            names = step.approvers or ("an empty group",)
            unmet.append(
                f"The step {step.name!r} needs {count(step.required, 'approval')}, and "
                f"{count(people, 'person', 'people')} of {', '.join(names)} could "
                f"give one: disabled identities and auditors cannot{keyless}, and machines count "
                "as their owner."
            )
    return tuple(unmet)


def count_people(identities: Iterable[Identity]) -> int:
    """How many of them could approve one step, each of them somebody else. Never too many: those
    behind whom one person stands go first, and leave as much room as there is."""
    taken: set[str] = set()
    number = 0
    for persons in sorted(
        (each.persons for each in identities), key=lambda it: (len(it), sorted(it))
    ):
        if taken.isdisjoint(persons):
            taken |= persons
            number += 1
    return number


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an edit changed, as sentences."""

    loosened: tuple[str, ...]
    tightened: tuple[str, ...]


def compare(before: Terms, after: Terms) -> Comparison:
    """What lets more through than before, and what less."""
    loosened: list[str] = []
    tightened: list[str] = []

    def bound(what: str, old: int | None, new: int | None, spelled: bool) -> None:
        if old == new:
            return
        text = f"{what}: {_bound(old, spelled)} → {_bound(new, spelled)}"
        raised = new is None or (old is not None and new > old)
        (loosened if raised else tightened).append(text)

    bound("max window", before.max_window_seconds, after.max_window_seconds, True)
    bound("max signings", before.max_signings, after.max_signings, False)
    bound("request ttl", before.request_ttl_seconds, after.request_ttl_seconds, True)
    if set(before.hashes) != set(after.hashes):
        text = f"hashes: {_hashes(before.hashes)} → {_hashes(after.hashes)}"
        wider = not after.hashes or (bool(before.hashes) and set(after.hashes) - set(before.hashes))
        (loosened if wider else tightened).append(text)
    _compare_steps(before.steps, after.steps, loosened, tightened)
    if before.protected != after.protected:
        (tightened if after.protected else loosened).append(
            "protected: its own steps decide about it" if after.protected else "not protected"
        )
    return Comparison(tuple(loosened), tuple(tightened))


def _compare_steps(
    before: Iterable[Step], after: Iterable[Step], loosened: list[str], tightened: list[str]
) -> None:
    old, new = {step.name: step for step in before}, {step.name: step for step in after}
    loosened += [f"step {name!r} removed" for name in old if name not in new]
    tightened += [f"step {name!r} added" for name in new if name not in old]
    for name in (name for name in old if name in new):
        was, is_ = old[name], new[name]
        if was.required != is_.required:
            text = f"step {name!r}: {was.required} → {is_.required} approvals"
            (loosened if is_.required < was.required else tightened).append(text)
        joined = sorted(set(is_.approvers) - set(was.approvers))
        left = sorted(set(was.approvers) - set(is_.approvers))
        if joined:
            loosened.append(f"step {name!r}: {', '.join(joined)} may approve")
        if left:
            tightened.append(f"step {name!r}: {', '.join(left)} may no longer approve")


def _bound(value: int | None, spelled: bool) -> str:
    if value is None:
        return "none"
    return spell(value) if spelled else str(value)


def _hashes(hashes: Iterable[HashAlgorithm]) -> str:
    return ", ".join(sorted(hashes)) or "any"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 approval`, `2 approvals`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def describe_terms(terms: Terms) -> dict[str, str | int | bool | None]:
    """Flat, for the audit log: steps as the command line writes them."""
    return {
        "max_window_seconds": terms.max_window_seconds,
        "max_signings": terms.max_signings,
        "request_ttl_seconds": terms.request_ttl_seconds,
        "hashes": ",".join(terms.hashes) or None,
        "steps": "; ".join(
            f"{step.name}:{step.required}:{','.join(step.approvers)}" for step in terms.steps
        )
        or None,
        "protected": terms.protected,
    }
