"""The rows in which somebody approved something, found by what they approved."""

from controlplane.store.dialect import Dialect


def statements(_: Dialect) -> list[str]:
    return [_INDEX]


_INDEX = """
    CREATE INDEX operations_approving ON operations (object)
    WHERE action IN ('request:approve', 'proposal:approve')
"""
