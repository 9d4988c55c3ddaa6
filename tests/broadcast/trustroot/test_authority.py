from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.trustroot.authority import MAX_CSR_BYTES, Authority, BadCsr, public_key_of, serial_text

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTHORITY = Authority.make(NOW)
RequestKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def csr(key: RequestKey, name: str = "whoever") -> str:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


def test_a_request_that_asks_to_be_the_centre_becomes_a_mere_receiver() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signed = AUTHORITY.receiver("01J0000000000000000000000A", public_key_of(csr(key, "centre")), NOW)
    assert signed.subject.rfc4514_string() == "CN=01J0000000000000000000000A"
    assert signed.public_key() == key.public_key()
    assert not signed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    uses = signed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert signed.not_valid_after_utc > NOW + timedelta(days=10 * 365)  # nothing renews it
    assert signed.not_valid_after_utc < AUTHORITY.certificate.not_valid_after_utc
    signed.verify_directly_issued_by(AUTHORITY.certificate)


def test_an_ed25519_key_is_signed_too() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    assert AUTHORITY.receiver("r1", public_key_of(csr(key)), NOW).public_key() == key.public_key()


@pytest.mark.parametrize("name", ["centre", "Centre", "broker", "ca", "", "a/b", "+", "#", "a b", "x" * 65, "r1\n"])
def test_no_receiver_gets_a_name_that_the_acl_could_misread(name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(ValueError):
        AUTHORITY.receiver(name, key, NOW)


def test_keys_of_another_kind_are_refused() -> None:
    with pytest.raises(BadCsr, match="P-256 or Ed25519"):
        public_key_of(csr(rsa.generate_private_key(65537, 2048)))
    with pytest.raises(BadCsr, match="P-256 or Ed25519"):
        public_key_of(csr(ec.generate_private_key(ec.SECP384R1())))


def test_a_request_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(BadCsr, match="larger"):
        public_key_of("-" * (MAX_CSR_BYTES + 1))


def test_a_request_without_proof_of_the_key_is_refused() -> None:
    first, second = csr(ec.generate_private_key(ec.SECP256R1())), csr(ec.generate_private_key(ec.SECP256R1()))
    ours, theirs = x509.load_pem_x509_csr(first.encode()), x509.load_pem_x509_csr(second.encode())
    forged = ours.public_bytes(Encoding.DER).replace(_raw_key(ours), _raw_key(theirs))
    pem = x509.load_der_x509_csr(forged).public_bytes(Encoding.PEM).decode()
    with pytest.raises(BadCsr, match="not signed by its own key"):
        public_key_of(pem)


@settings(max_examples=50)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.hex()))
def test_any_text_is_a_key_or_a_refusal(text: str) -> None:
    with pytest.raises(BadCsr):
        public_key_of(f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")


def test_the_brokers_certificate_names_every_host_once() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    signed = AUTHORITY.broker(key, ["loa.example", "127.0.0.1", "loa.example"], NOW)
    names = signed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["loa.example", "127.0.0.1"]


def test_revocations_are_signed_and_last_for_years() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    signed = AUTHORITY.receiver("r1", key, NOW)
    listed = AUTHORITY.revocations([(int(serial_text(signed), 16), NOW)], NOW)
    assert listed.get_revoked_certificate_by_serial_number(signed.serial_number) is not None
    assert listed.next_update_utc is not None
    assert listed.next_update_utc > NOW + timedelta(days=3000)
    assert listed.is_signature_valid(AUTHORITY.key.public_key())


def test_another_authority_is_not_ours() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(InvalidSignature):
        Authority.make(NOW).receiver("r1", key, NOW).verify_directly_issued_by(AUTHORITY.certificate)


def _raw_key(request: x509.CertificateSigningRequest) -> bytes:
    return request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
