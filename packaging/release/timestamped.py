"""timestamped.py FILE URL: a signature with a timestamp, on stdout.

FILE is CMS in DER with one signer; the authority at URL says when that signer's signature was there
(an unsigned attribute, RFC 3161 appendix A)."""

import hashlib
import os
import sys
from pathlib import Path

from asn1crypto import algos, cms, tsp
from urllib3 import PoolManager, Timeout

_GRANTED = {"granted", "granted_with_mods"}


def timestamp(octets: bytes, url: str) -> cms.ContentInfo:
    """The token (RFC 3161 §2.4.2) for the SHA-384 of `octets`."""
    imprint = tsp.MessageImprint(
        {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha384"}),
            "hashed_message": hashlib.sha384(octets).digest(),
        }
    )
    request = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "cert_req": True})
    authorities = os.environ.get("SEALWRIGHT_CA_FILE") or None  # the system's
    answer = PoolManager(ca_certs=authorities).request(
        "POST",
        url,
        body=request.dump(),
        headers={"Content-Type": "application/timestamp-query"},
        timeout=Timeout(30),
        redirect=False,
    )
    if answer.status != 200:
        raise SystemExit(f"timestamped: {url} answered {answer.status}")
    response = tsp.TimeStampResp.load(answer.data, strict=True)
    if response["status"]["status"].native not in _GRANTED:
        raise SystemExit(f"timestamped: {url} refused: {response['status'].native}")
    token: cms.ContentInfo = response["time_stamp_token"]
    return token


def timestamped(signature: bytes, url: str) -> bytes:
    content = cms.ContentInfo.load(signature, strict=True)
    (signer,) = content["content"]["signer_infos"]
    token = timestamp(signer["signature"].native, url)
    attribute = cms.CMSAttribute(
        {
            "type": "signature_time_stamp_token",
            "values": [cms.ContentInfo.load(token.dump(), strict=True)],
        }
    )
    signer["unsigned_attrs"] = cms.CMSAttributes.load(cms.CMSAttributes([attribute]).dump())
    octets: bytes = content.dump()  # not force=True: that takes a minute
    return octets


if __name__ == "__main__":
    _, file, at = sys.argv
    sys.stdout.buffer.write(timestamped(Path(file).read_bytes(), at))
