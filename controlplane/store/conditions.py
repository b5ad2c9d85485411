"""Whether a condition of a query holds for what came of it.

A database that somebody else rules over may answer with other rows than were asked for, each of
them sound: so what was asked is asked of each row again, here.
"""

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from peewee import OP, Expression, Field, Model, Negated, SelectBase, fn

from controlplane.domain.identifier import ENDING, LENGTH

_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    OP.EQ: eq,
    OP.NE: ne,
    OP.LT: lt,
    OP.LTE: le,
    OP.GT: gt,
    OP.GTE: ge,
}


def ends_with(field: Field, ending: str) -> Expression:
    """Of an id. No index: one would cost each row that is written, and a hundred thousand are read
    in less than 0.1 s."""
    return fn.SUBSTR(field, LENGTH - ENDING + 1) == ending


def is_refuted(condition: Any, table: type[Model], columns: Mapping[str, Any]) -> bool:
    """Whether it does not hold for a row of this table; False also where only the database can
    tell, as of queries within it."""
    return holds(condition, table, columns) is False


def holds(condition: Any, table: type[Model], columns: Mapping[str, Any]) -> bool | None:
    """None: not known here. As in SQL, nothing is equal to null, nor different from it; though here
    the negation of that is true."""
    if isinstance(condition, Negated):
        inner = holds(condition.node, table, columns)
        return None if inner is None else not inner
    if not isinstance(condition, Expression):
        return None
    if condition.op in (OP.AND, OP.OR):
        sides = (condition.lhs, condition.rhs)
        return _both(condition.op, *(holds(each, table, columns) for each in sides))
    field, asked = condition.lhs, condition.rhs
    if not isinstance(field, Field) or field.model is not table:
        return None
    if isinstance(asked, Field) and asked.model is table:
        asked = columns[asked.name]
    return _compare(condition.op, columns[field.name], asked)


def _both(op: str, left: bool | None, right: bool | None) -> bool | None:
    decides = op == OP.OR  # the value with which one side is enough
    if decides in (left, right):
        return decides
    return None if None in (left, right) else not decides


def _compare(op: str, found: Any, asked: Any) -> bool | None:
    found = bytes(found) if isinstance(found, memoryview) else found
    if op in (OP.IS, OP.IS_NOT) and asked is None:
        return (found is None) is (op == OP.IS)
    if op in (OP.IN, OP.NOT_IN):
        if isinstance(asked, SelectBase) or not isinstance(asked, list | tuple | set | frozenset):
            return None
        return found is not None and (found in asked) is (op == OP.IN)
    if op not in _COMPARED or isinstance(asked, SelectBase | Expression | Field):
        return None
    if found is None or asked is None:
        return False
    if type(found) is not type(asked):
        return None
    return _COMPARED[op](found, asked)
