"""What a signer's certificate says besides its common name."""

from controlplane.store.dialect import Dialect


def statements(sql: Dialect) -> list[str]:
    names = ("organization", "unit", "locality", "country")
    return [sql.translate(f"ALTER TABLE signers ADD COLUMN {name} TEXT") for name in names]
