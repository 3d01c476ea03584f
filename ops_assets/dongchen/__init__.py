"""The sample company: a deterministic generator of the nine systems of the source pack ``dongchen``."""
