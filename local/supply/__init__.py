"""The supply chain: every deployed dependency pinned with its hash, and the list of what is in the product (SBOM)."""
