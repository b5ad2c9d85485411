"""A piece of work that is no request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Job:
    """`name`: words with hyphens between them. `does`: a sentence, for people. `every`: between the
    end of a run and the next.

    `run` is called at least once for what is to be done, by a thread that has it to itself: also
    again for what was done, where the process before died of it or lost the store. It takes what
    there is to do from the store, writes in short transactions, and waits for what is elsewhere
    outside of them and with a deadline. What it raises is a failure: `Refused` and `OSError` in
    their own words, which hold no secret, anything else by its kind alone.
    """

    name: str
    does: str
    every: timedelta
    run: Callable[[], None]
