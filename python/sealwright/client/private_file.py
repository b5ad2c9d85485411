"""Files that the command line believes, by the rule that the module has too (docs/module.md)."""

import os
import stat


def changed_by_others(facts: os.stat_result) -> str | None:
    """Why others than root and the user can change it, and what to do; None: nobody can."""
    user = os.geteuid()
    if facts.st_uid not in {0, user}:
        return (
            f"it belongs to user {facts.st_uid}, who can change it; chown it to root, or to user "
            f"{user} as whom this program runs"
        )
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "it can be changed by others; chmod go-w it"
    return None


def readable_by_others(facts: os.stat_result) -> bool:
    """A file of root's that a group of this process may read is meant so: a secret in a pod."""
    if facts.st_mode & stat.S_IROTH:
        return True
    meant = facts.st_uid == 0 and facts.st_gid in {os.getegid(), *os.getgroups()}
    return bool(facts.st_mode & stat.S_IRGRP) and not meant
