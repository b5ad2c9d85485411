"""What earlier versions of Sealwright wrote."""

from pathlib import Path

LOG_V1 = (Path(__file__).parent / "log-v1.ndjson").read_bytes()
"""An export of rows of version 1 of every kind, made before there was another version."""
HEAD_V1 = "7fb4ddd547abefc1b3eb27567b197fe2ec9728feb240e093a546f59d38746b91"
