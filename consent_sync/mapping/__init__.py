"""The mapping: the customer's file, validated, and its meaning in the customer's tenant."""
