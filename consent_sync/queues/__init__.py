"""The queues on Azure Storage: the host binds the same queues; this is for what bindings cannot do."""
