"""Who talks to Trueloop: the open HTTP API, Slack, the pages and the command line."""
