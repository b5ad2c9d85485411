"""What signing through Sealwright costs, beside SoftHSM2 and beside its own limits, in one run."""
