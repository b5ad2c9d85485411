"""Typed HTTP client of the control plane (docs/api.md).

`client.Client` has a method for each call, `connection.Connection` says where and as whom,
`errors` what can go wrong, `objects` what comes back. Nothing is imported here: commands that call
no server need no HTTP.
"""
