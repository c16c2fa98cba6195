"""A page on this machine with both worlds of one sample person side by side: click, and watch it arrive."""
