"""A made-up company whose consent is as untidy as years of two marketing systems leave it.

`generate` streams its Dataverse rows; `BRANDS` names the ids that `mapping.example.yaml` uses, which are the same
for every size and seed.
"""

from local.company.brands import BRANDS, CONTOSO, FABRIKAM, Brand, Subscription
from local.company.generate import generate

__all__ = ["BRANDS", "CONTOSO", "FABRIKAM", "Brand", "Subscription", "generate"]
