"""Every interleaving of a few steps, judged: why the rule of two registers, and not a simpler one."""
