"""Two figures for the same thing: how far they are apart, exactly, and which rows and causes make the gap."""
