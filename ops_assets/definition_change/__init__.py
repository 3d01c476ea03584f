"""Who may change what a figure means: versions, proposals, shadow figures, publication, rollback."""
