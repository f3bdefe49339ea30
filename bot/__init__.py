"""THE SHELL: meets the platforms, keeps time, commits, sends. Decides nothing."""
