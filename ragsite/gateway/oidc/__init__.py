"""Signing in by an OpenID Connect provider: authorization code with PKCE, and nothing else of the protocol."""
