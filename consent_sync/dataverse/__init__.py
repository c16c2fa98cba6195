"""The Dataverse Web API and the locations of consent behind it.

`client` talks to an environment; `auth`, `transport`, `retry`, `batch`, `query`, `odata`, `fetchxml` and `errors` are
its parts; `metadata` says what an environment has. `registration` and `context` are the two ends of the webhook.

`bulk`, `parallel` and `changes` are for work that needs no ETag, such as imports, and for readers that keep a copy. The
service itself writes each row only if it is as it was read, which bulk messages cannot, in one batch after the other,
opt-outs first, and it keeps no copy.
"""
