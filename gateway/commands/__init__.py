"""The commands of ``./trueloop``, one module a group."""
