"""The tenant port on Dataverse: where consent stands there, how it is read, and how it is written."""
