"""Write-audit-publish: from the audited warehouse to an immutable snapshot that readers are switched to."""
