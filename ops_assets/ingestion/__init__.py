"""From landing files and events to raw tables, with quarantine and ledger."""
