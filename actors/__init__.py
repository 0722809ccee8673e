"""Who decides: hosts, users, sessions, and the rules they keep. Never touches a socket."""
