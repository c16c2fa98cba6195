"""The pages that are generated from the code: `python -m local.docs` writes those that have changed."""
