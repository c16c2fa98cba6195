"""The Dataverse Web API and the locations of consent behind it.

`client` talks to an environment; `auth`, `transport`, `retry`, `batch`, `query`, `odata`, `fetchxml` and `errors` are
its parts. `metadata`, `bulk`, `changes` and `parallel` are for busy tenants. `registration` and `context` are the two
ends of the webhook.
"""
