"""The outer layer: translates HTTP, queues and timers to and from the engine."""
