"""The pure core: vocabulary, registers and rules. It does no I/O and knows nothing else of ours."""
