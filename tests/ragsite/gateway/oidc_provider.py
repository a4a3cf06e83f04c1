"""An OpenID Connect provider in this process: discovery, keys that change, codes with PKCE, and signed identity tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://login.example"
CLIENT, SECRET = "ragsite-test", "the secret of the client"


def new_key() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEYS = {"one": new_key(), "two": new_key()}
"""Making one takes a while, so tests share them."""


@dataclass
class TestProvider:
    """Answers over HTTP. A test says who signs in, and what is wrong with the answer."""

    __test__ = False

    person: dict[str, Any] = field(
        default_factory=lambda: {"sub": "5f1c", "preferred_username": "ada", "groups": ["crew"]}
    )
    changes: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    signs: str = "one"
    signing: Any = None
    algorithm: str = "RS256"
    shown: tuple[str, ...] = ("one",)
    about: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return httpx.Response(200, json=self._metadata() | self.about)
        if path == "/keys":
            return httpx.Response(200, json={"keys": [self._public(name) for name in self.shown]})
        return self._token(dict(parse_qsl(request.content.decode())))

    def code(self, address: str) -> tuple[str, str]:
        """A person agrees at the authorization endpoint: the code and the state that the browser takes back."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{ISSUER}/authorize"
        asked = dict(parse_qsl(parts.query))
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert (asked["code_challenge_method"], "openid" in asked["scope"].split()) == ("S256", True)
        code = secrets.token_urlsafe()
        self._codes[code] = asked
        return code, asked["state"]

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/authorize", "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys", "end_session_endpoint": f"{ISSUER}/logout",
            "id_token_signing_alg_values_supported": ["none", "HS256", "RS256"],
        }  # fmt: skip

    def _public(self, name: str) -> dict[str, Any]:
        return json.loads(RSAAlgorithm.to_jwk(KEYS[name].public_key())) | {"kid": name, "use": "sig", "alg": "RS256"}

    def _token(self, sent: dict[str, str]) -> httpx.Response:
        asked = self._codes.pop(sent.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or sent.get("client_secret") != SECRET
            or asked["code_challenge"] != challenge.rstrip(b"=").decode()
            or sent["redirect_uri"] != asked["redirect_uri"]
        ):
            return httpx.Response(400, json={"error": "invalid_grant"})
        return httpx.Response(
            200, json={"access_token": "x", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}
        )

    def id_token(self, nonce: str) -> str:
        now = int(timezone.now().timestamp())
        claims = (
            {"iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce} | self.person | self.changes
        )
        kept = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": self.signs, "alg": self.algorithm} | self.header
        if isinstance(self.signing, bytes):
            return _by_hand(kept, headers, self.signing)
        return jwt.encode(kept, self.signing or KEYS[self.signs], self.algorithm, headers=headers)


def _by_hand(claims: dict[str, Any], headers: dict[str, Any], secret: bytes) -> str:
    """With a secret that the library would not take, or with none at all."""
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in (headers, claims)]
    signature = hmac.digest(secret, ".".join(parts).encode(), "sha256") if secret else b""
    return ".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=").decode()])
