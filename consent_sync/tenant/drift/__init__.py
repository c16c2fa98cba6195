"""Finding drift: contradictions between locations, by questions the server can answer without showing the rest.

`rules` says what contradicts, `query` asks the server for it, `compare` finds the same in rows read on both sides,
`shards` reads these range by range where the server does not answer. A finding only says where to look: the reconcile
reads again and decides.
"""
