#!/usr/bin/env python3
"""Judges SAML responses with XML signatures of others: `tests/real/saml.py CERTIFICATE RESPONSE...`.

Prints for each file `signed` or `refused`. The tests' own identity provider signs text that is canonical already,
and their STS verifies it as text; here lxml parses and canonicalizes it, and signxml verifies. Exit code 0 when it
could judge; without its packages it prints `not run`, which is a failure when ALL_TIERS=1.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from real import bootstrap


def judge(certificate: str, response: bytes) -> str:
    """What an XML signature verifier says of the assertion in a response."""
    from lxml import etree
    from signxml import SignatureConfiguration, SignatureMethod, XMLVerifier
    from signxml.exceptions import SignXMLException

    assertion = etree.fromstring(response).find("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
    expected = SignatureConfiguration(signature_methods={SignatureMethod.ECDSA_SHA256}, location="./")
    try:
        verified = XMLVerifier().verify(assertion, x509_cert=certificate, expect_config=expected, id_attribute="ID")
    except SignXMLException:
        return "refused"
    return "signed" if verified.signed_xml.get("ID") == assertion.get("ID") else "refused"


def main(arguments: list[str]) -> int:
    if Path(sys.prefix) != bootstrap.VENV_PYTHON.parents[1]:
        if reason := bootstrap.install("saml"):
            print(f"not run: XML signatures of another implementation: {reason}")
            return int(bootstrap.all_tiers())
        os.execv(bootstrap.VENV_PYTHON, [str(bootstrap.VENV_PYTHON), *sys.argv])
    certificate, *responses = arguments
    for response in responses:
        print(judge(Path(certificate).read_text(), Path(response).read_bytes()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
