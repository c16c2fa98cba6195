"""The whole service attacked at random: real engine, real client, the emulator, and a history of trouble each time."""
