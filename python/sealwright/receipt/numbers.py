"""Decimal numbers in their one spelling."""


def from_decimal(text: str, most: int) -> int:
    """
    Raises:
        ValueError: it is no number, has a leading zero, or is above `most`.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        raise ValueError("it is no number, or too large")
    number = int(text)
    if str(number) != text or number > most:
        raise ValueError("it has leading zeros, or is too large")
    return number
