"""What the engine asks of the outside, and the values that travel there: adapters implement these."""
