"""Bounds for each caller: who may go next, whatever server the calls come in by."""
