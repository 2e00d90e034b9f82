"""Who may do what on a socket, and who did: policies, TLS, the audit. None of it is imported before it is asked for."""
