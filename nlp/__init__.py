"""THE EAR: text → Guess. Pure: no I/O after loading; imports nothing else of ours."""
