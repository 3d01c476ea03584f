"""Twelve weeks of the demo company, simulated: once with a group chat, once through the real engine and store."""
