"""An OpenID Connect issuer on loopback, with the parts of it that an STS reads from an API server.

Signs RS256 as the API server does. It can take a new key into use, sign with a key that it never published, and
stop answering.
"""

import base64
import http.server
import json
import threading

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class SigningKey:
    """An RSA key with its key id."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def sign(self, claims: dict) -> str:
        """A compact JWT."""
        header = {"alg": "RS256", "kid": self.kid}
        signed = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"

    def public(self) -> dict[str, str]:
        """The entry of the key set."""
        numbers = self._key.public_key().public_numbers()
        return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid, "n": _number(numbers.n), "e": _number(numbers.e)}


class Issuer:
    """Serves discovery and keys until closed; a context manager."""

    def __init__(self) -> None:
        self.key = SigningKey("key-1")
        self.requests = 0
        self._published = [self.key]
        self._answering = True
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> "Issuer":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def rotate_key(self) -> None:
        """Signs with a new key from now on, and publishes it beside the old ones, as an API server does."""
        self.key = SigningKey(f"key-{len(self._published) + 1}")
        self._published.append(self.key)

    def stop_answering(self) -> None:
        """Every request gets its connection closed without an answer."""
        self._answering = False

    def answer_again(self) -> None:
        """Ends stop_answering."""
        self._answering = True

    def _document(self, path: str) -> dict | None:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/openid/v1/jwks",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        if path == "/openid/v1/jwks":
            return {"keys": [key.public() for key in self._published]}
        return None

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests += 1
                if not issuer._answering:
                    self.close_connection = True
                    return
                document = issuer._document(self.path)
                body = json.dumps(document or {"error": "not found"}).encode()
                self.send_response(200 if document else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
