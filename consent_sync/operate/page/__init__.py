"""The operator's page: server-rendered, readable without scripts, and naming nobody."""
