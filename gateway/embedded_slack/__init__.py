"""A Slack workspace on the loopback address, for installations without Slack tokens.

It implements the Web API methods that Trueloop calls, a page on which any person of the directory can read and act,
and the signed requests that Slack sends when a button is pressed or a modal submitted. It knows nothing about cases:
the platform talks to it over HTTP, exactly as it would to Slack.
"""
