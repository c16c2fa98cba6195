"""The show: a sample company, its contradictions, the repair, and opt-outs travelling live."""
