"""How long, and for how much: the arithmetic for large companies, and a simulation that checks it."""
