"""Why a file does not lead to a signature that it carries, or carries none."""


class MisfitError(Exception):
    """`str()` of it says what is wrong with it, as the end of a sentence that begins with the
    file's name."""
