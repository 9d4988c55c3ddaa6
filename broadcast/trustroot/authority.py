"""Loa's own small certificate authority (pure: takes keys and `now`, returns certificates).

Rules
- The subject is chosen here, never by who asks: of a request only its public key is taken, and only when the request
  proves possession of the private half and the key is P-256 or Ed25519.
- A receiver's certificate says CN = receiver id and can only be used as a client. `centre` is nobody's id, nor is
  `centre-urgent`, the name of the centre's second connection: a broker knows each connection by its name.
- Certificates begin a day early, so that a node whose clock is a little behind can use one at once.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broadcast.wire.documents import Id

LeafKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
CENTRE = "centre"
URGENT = "centre-urgent"
RESERVED = frozenset({CENTRE, URGENT, "broker", "ca"})
MAX_CSR_BYTES = 8 * 1024
EARLY = timedelta(days=1)
CA_LIFE = timedelta(days=365 * 30)
SERVER_LIFE = timedelta(days=365)
RECEIVER_LIFE = timedelta(days=365 * 15)
"""Longer than the machine: nothing renews it on the mast, and a receiver is shut out by revoking it."""
CRL_LIFE = timedelta(days=365 * 10)
"""Far away on purpose: a broker with an outdated list refuses everybody."""


class BadCsr(ValueError):
    """What was sent is not a certificate request that Loa signs; the message says why."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The CA's key and certificate, and all that is signed with them."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, now: datetime) -> "Authority":
        """A new CA, good for CA_LIFE."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Loa")
        builder = _begin(name, name, key.public_key(), now, CA_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(ca=True), critical=True)
        return cls(key, builder.sign(key, hashes.SHA256()))

    def broker(self, key: LeafKey, hosts: Iterable[str], now: datetime) -> x509.Certificate:
        """A server certificate for the names and addresses in `hosts`."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in dict.fromkeys(hosts)])
        builder = self._leaf("broker", key, ExtendedKeyUsageOID.SERVER_AUTH, now, SERVER_LIFE)
        return builder.add_extension(names, critical=False).sign(self.key, hashes.SHA256())

    def centre(self, key: LeafKey, now: datetime, name: str = CENTRE) -> x509.Certificate:
        """The client certificate to which the broker allows everything, or that of the urgent connection."""
        builder = self._leaf(name, key, ExtendedKeyUsageOID.CLIENT_AUTH, now, SERVER_LIFE)
        return builder.sign(self.key, hashes.SHA256())

    def receiver(self, receiver_id: str, key: LeafKey, now: datetime) -> x509.Certificate:
        """A receiver's client certificate; ValueError for an id that could be mistaken for something else."""
        try:
            msgspec.convert(receiver_id, Id)
        except msgspec.ValidationError as error:
            raise ValueError("not a receiver's id") from error
        if receiver_id.lower() in RESERVED:
            raise ValueError(f"{receiver_id} cannot be a receiver's id")
        builder = self._leaf(receiver_id, key, ExtendedKeyUsageOID.CLIENT_AUTH, now, RECEIVER_LIFE)
        return builder.sign(self.key, hashes.SHA256())

    def revocations(self, revoked: Iterable[tuple[int, datetime]], now: datetime) -> x509.CertificateRevocationList:
        """The list of (serial, since) that the broker refuses."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now - EARLY).next_update(now + CRL_LIFE)
        for serial, since in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256())

    def _leaf(
        self, name: str, key: LeafKey, use: x509.ObjectIdentifier, now: datetime, life: timedelta
    ) -> x509.CertificateBuilder:
        builder = _begin(_name(name), self.certificate.subject, key, now, life)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(ca=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return builder.add_extension(issuer, critical=False)


def public_key_of(csr_pem: str) -> LeafKey:
    """The public key of a certificate request, and nothing else of it. Raises BadCsr."""
    raw = csr_pem.encode()
    if len(raw) > MAX_CSR_BYTES:
        raise BadCsr(f"the certificate request is larger than {MAX_CSR_BYTES} bytes")
    try:
        csr = x509.load_pem_x509_csr(raw)
        key, proven = csr.public_key(), csr.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadCsr("this is not a certificate request in PEM form") from error
    if not proven:
        raise BadCsr("the certificate request is not signed by its own key")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise BadCsr("the key of the certificate request must be P-256 or Ed25519")


def serial_text(certificate: x509.Certificate) -> str:
    """The serial number as it is stored: hex digits."""
    return f"{certificate.serial_number:x}"


def _begin(
    subject: x509.Name, issuer: x509.Name, key: LeafKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - EARLY).not_valid_after(now + life)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
