"""The pure process engine: state, a command and `now` in, events out. No I/O, no clock, no storage, no Dagster."""
