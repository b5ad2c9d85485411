"""Points of the curves, added and multiplied by the book: for what no signing function makes."""

from dataclasses import dataclass
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec

Point: TypeAlias = tuple[int, int] | None
"""Affine; None is the point at infinity."""


@dataclass(frozen=True)
class Curve:
    """y² = x³ − 3x + b modulo p, p being 3 modulo 4 (FIPS 186-4 §D.1.2)."""

    named: ec.EllipticCurve
    p: int

    @property
    def n(self) -> int:
        """The order of the base point."""
        return self.named.group_order

    @property
    def base(self) -> tuple[int, int]:
        numbers = ec.derive_private_key(1, self.named).public_key().public_numbers()
        return numbers.x, numbers.y

    @property
    def length(self) -> int:
        """Octets of a number below p or n."""
        return (self.n.bit_length() + 7) // 8

    def add(self, one: Point, other: Point) -> Point:
        if one is None or other is None:
            return other if one is None else one
        (x1, y1), (x2, y2) = one, other
        if x1 == x2 and (y1 + y2) % self.p == 0:
            return None
        if one == other:
            slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, self.p)
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, self.p)
        x = (slope * slope - x1 - x2) % self.p
        return x, (slope * (x1 - x) - y1) % self.p

    def multiply(self, factor: int, point: Point) -> Point:
        product: Point = None
        for bit in f"{factor % self.n:b}":
            product = self.add(product, product)
            if bit == "1":
                product = self.add(product, point)
        return product

    def point_from(self, x: int) -> tuple[int, int]:
        """The first point whose x is this one or more."""
        base_x, base_y = self.base
        b = base_y**2 - base_x**3 + 3 * base_x
        while True:
            square = (x**3 - 3 * x + b) % self.p
            y = pow(square, (self.p + 1) // 4, self.p)
            if y * y % self.p == square:
                return x, y
            x += 1

    def key_for(self, point: Point, r: int, s: int, e: int) -> ec.EllipticCurvePublicKey:
        """The key under which (r, s) leads from e to this point: Q = (s·R − e·G) / r."""
        against = self.multiply(-e, self.base)
        product = self.add(self.multiply(s, point), against)
        key = self.multiply(pow(r, -1, self.n), product)
        assert key is not None
        return ec.EllipticCurvePublicNumbers(*key, self.named).public_key()


CURVES = {
    "p256": Curve(ec.SECP256R1(), 2**256 - 2**224 + 2**192 + 2**96 - 1),
    "p384": Curve(ec.SECP384R1(), 2**384 - 2**128 - 2**96 + 2**32 - 1),
    "p521": Curve(ec.SECP521R1(), 2**521 - 1),
}
