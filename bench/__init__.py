"""What signing through Sealwright costs, beside SoftHSM2 on the same machine in the same run."""
