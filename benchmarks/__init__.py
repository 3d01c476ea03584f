"""Measurements of start-up, memory and refreshes. They print what they see; nothing here passes or fails on a time."""
