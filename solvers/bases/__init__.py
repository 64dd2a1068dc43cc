"""What a problem says about the basis of its network: which families to keep, which frequency to start with."""
