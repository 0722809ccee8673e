"""What can be said, and how bytes move. Knows nothing about people: nothing here imports `actors`."""
