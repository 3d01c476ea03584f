"""Brings what a commit left in the outbox to Slack and Dagster: claims, repeats, addresses, pictures, dead letters."""
