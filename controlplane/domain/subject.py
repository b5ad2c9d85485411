"""Whom a certificate names."""

from dataclasses import dataclass

from controlplane.domain.names import Shape
from controlplane.domain.ranges import Range
from controlplane.errors import invalid

# Characters; upper bounds of RFC 5280 appendix A.1.
COMMON_NAME = Range(1, 64)
ORGANIZATION = Range(1, 64)
UNIT = Range(1, 64)
LOCALITY = Range(1, 128)
COUNTRY = Shape(Range(2, 2), "[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Subject:
    common_name: str
    organization: str | None = None
    unit: str | None = None
    locality: str | None = None
    country: str | None = None  # ISO 3166: two capital letters

    def check(self) -> None:
        """Refused 400 naming the field."""
        _check_text("common_name", "A common name", self.common_name, COMMON_NAME)
        _check_text("organization", "An organization", self.organization, ORGANIZATION)
        _check_text("unit", "A unit", self.unit, UNIT)
        _check_text("locality", "A locality", self.locality, LOCALITY)
        if self.country is not None and not COUNTRY.fits(self.country):
            raise invalid("country", "A country is its code of two capital letters, such as DE.")


def _check_text(field: str, what: str, text: str | None, length: Range) -> None:
    if text is None:
        return
    if len(text) not in length or not text.isprintable() or text != text.strip():
        raise invalid(field, f"{what} has {length} printable characters, no space around.")
