"""Receipts: that a row stands in a log, checked by whoever has the log's key and the file: no
network, no store, nothing of the control plane. docs/receipts.md has the formats in words.
"""
