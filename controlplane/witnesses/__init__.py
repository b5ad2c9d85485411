"""Talking to witnesses (C2SP tlog-witness)."""
