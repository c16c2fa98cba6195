"""The durable memory: registers, what was last seen and written, and the append-only history."""
