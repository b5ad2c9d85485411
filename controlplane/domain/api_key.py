"""API keys, and what limits them."""

from controlplane.domain.ranges import Range
from controlplane.domain.secret import API_KEY, Secret

LIFETIME = Range(1, 3650 * 24 * 3600)  # seconds, of a key that ends
NETWORKS = Range(0, 64)  # that a key may be used from; none: from everywhere

_KEYS = Secret(API_KEY)
new_api_key, hash_api_key, digest_of = _KEYS.new, _KEYS.hash, _KEYS.digest
