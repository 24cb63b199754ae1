"""One person's data through all four services, from a client in another language.

usage: walk.py PROGRAM   (needs grpcio and grpcio-tools)

It makes stubs from proto/, starts `PROGRAM up` on free ports, walks the path with the development certificates and
checks every answer. The last line is for the test runner.
"""

import importlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import types
import uuid

import grpc
import grpc_tools
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]
passed = 0


def make_stubs(folder):
    """Compiles the contract and returns the modules of the four packages."""
    names = ["disclosure_audit", "consent", "payments_data", "identity"]
    files = [str(it.relative_to(ROOT / "proto")) for it in (ROOT / "proto").rglob("*.proto")]
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    options = [f"-I{ROOT / 'proto'}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(["protoc", *options, *files]) != 0:
        sys.exit("the contract does not compile")
    sys.path.insert(0, str(folder))
    stubs = {}
    for name in names:
        # A package may lie in several files; whoever calls it need not know in which.
        parts = sorted((ROOT / "proto" / "vow" / name / "v1").glob("*.proto"))
        modules = [importlib.import_module(f"vow.{name}.v1.{it.stem}_pb2") for it in parts]
        stubs[name] = types.SimpleNamespace(**{key: value for it in modules for key, value in vars(it).items()})
        stubs[name + "_grpc"] = importlib.import_module(f"vow.{name}.v1.{name}_pb2_grpc")
    return stubs


def check(what, holds):
    """Counts one check; a failed one ends the walk."""
    global passed
    if not holds:
        sys.exit(f"FAILED: {what}\n0 passed, 1 failed")
    passed += 1
    print(f"ok: {what}")


def error_info(error):
    """Returns (status code name, ErrorInfo.reason) of a refusal, read with the well-known types only."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            # google.rpc.Status{ details: Any{ value: ErrorInfo{ reason = 1 } } }, by field number.
            for number, details in fields(value):
                if number == 3:
                    any_fields = dict(fields(details))
                    if any_fields.get(1, b"").endswith(b"google.rpc.ErrorInfo"):
                        return error.code().name, dict(reversed(list(fields(any_fields[2]))))[1].decode()
    return error.code().name, ""


def fields(message):
    """Yields (field number, bytes) of the length-delimited fields of a protobuf message."""
    position = 0

    def varint():
        nonlocal position
        value, shift = 0, 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while position < len(message):
        tag = varint()
        if tag & 7 == 2:
            length = varint()
            yield tag >> 3, message[position : position + length]
            position += length
        else:
            varint()


def refused(what, code, reason, call, request, tenant="default"):
    """Checks that a call is refused with this code and reason."""
    try:
        call(request, metadata=[("vow-tenant", tenant)], timeout=10)
    except grpc.RpcError as error:
        got = error_info(error)
        check(f"{what}: {code} {reason}", got == (code, reason) or print("got", got))
        return
    check(f"{what} must be refused", False)


class Caller:
    """The four stubs with one development certificate."""

    def __init__(self, stubs, material, endpoints, name):
        credentials = grpc.ssl_channel_credentials(
            (material / "ca.pem").read_bytes(),
            (material / "clients" / f"{name}.key").read_bytes(),
            (material / "clients" / f"{name}.pem").read_bytes(),
        )
        def channel(service):
            address = endpoints["services"][service]["grpc"].removeprefix("https://")
            return grpc.secure_channel(address, credentials)

        self.audit = stubs["disclosure_audit_grpc"].DisclosureAuditServiceStub(channel("disclosure-audit"))
        self.consent = stubs["consent_grpc"].ConsentServiceStub(channel("consent"))
        self.payments = stubs["payments_data_grpc"].PaymentsDataServiceStub(channel("payments-data"))
        self.identity = stubs["identity_grpc"].IdentityServiceStub(channel("identity"))


def new_id():
    """A request id, as a caller chooses one."""
    return str(uuid.uuid4())


def walk(program, stubs, material, endpoints):
    """The walk itself, one promise after another."""
    audit, consent = stubs["disclosure_audit"], stubs["consent"]
    payments, identity = stubs["payments_data"], stubs["identity"]
    shop = Caller(stubs, material, endpoints, "shop")
    operator = Caller(stubs, material, endpoints, "operator")

    recipient = audit.Recipient(
        recipient_id="letterpress", name="Letterpress Ltd", kind="service_provider", contract="C-1",
        purposes=["marketing.communications.email"], categories=["user.name", "user.contact.email"], country="US",
    )
    recipient.expires_at.FromSeconds(int(time.time()) + 86_400)
    operator.audit.RegisterRecipient(audit.RegisterRecipientRequest(request_id=new_id(), recipient=recipient))
    check("a recipient is registered", True)

    subject = shop.identity.RegisterSubject(identity.RegisterSubjectRequest(
        request_id=new_id(), region="US", age_band=consent.AGE_BAND_ADULT, accepted_policy_version="v1",
    )).subject_id
    check("a person is registered", uuid.UUID(subject).version == 4)

    collect = consent.Question(
        subject_id=subject, collect=consent.Collect(point="site_registration", act="typed"),
        categories=["user.contact.email", "user.name"],
    )
    grant = shop.consent.Authorize(consent.AuthorizeRequest(question=collect)).grant
    values = [
        identity.Value(category="user.contact.email", text="ada.python@example.org"),
        identity.Value(category="user.name", text="Ada Python"),
    ]
    shop.identity.Collect(identity.CollectRequest(request_id=new_id(), grant=grant, values=values))
    found = shop.identity.FindSubject(identity.FindSubjectRequest(
        category="user.contact.email", text=" Ada.Python@Example.org",
    ))
    check("the person is found by e-mail", list(found.subject_ids) == [subject])

    undeclared = consent.Question(
        subject_id=subject, collect=consent.Collect(point="site_registration", act="typed"),
        categories=["user.biometric"],
    )
    refused("an undeclared category", "INVALID_ARGUMENT", "CATEGORY_NOT_DECLARED",
            shop.consent.Authorize, consent.AuthorizeRequest(question=undeclared))

    disclose = consent.Question(
        subject_id=subject, disclose=consent.Disclose(recipient_id="letterpress"),
        purpose="marketing.communications.email", categories=["user.contact.email"],
    )
    ask = consent.AuthorizeRequest(question=disclose)
    refused("a provider without permission", "FAILED_PRECONDITION", "NO_CONSENT", shop.consent.Authorize, ask)
    scope = consent.ConsentScope(
        subject_id=subject, purpose="marketing.communications.email", recipient_id="letterpress",
    )
    shop.consent.GrantConsent(consent.GrantConsentRequest(
        request_id=new_id(), scope=scope, source=consent.SOURCE_WEB_FORM,
    ))
    grant = shop.consent.Authorize(ask).grant
    reveal = identity.RevealRequest(grant=grant, request_id=new_id())
    revealed = shop.identity.Reveal(reveal)
    check("exactly the granted value is revealed", [it.text for it in revealed.values] == ["ada.python@example.org"])

    pay(stubs, shop, operator, subject)
    clinic = Caller(stubs, material, endpoints, "clinic")
    refused("a stolen grant", "PERMISSION_DENIED", "GRANT_WRONG_HOLDER", clinic.identity.Reveal, reveal, "clinic")
    refused("another tenant", "PERMISSION_DENIED", "CALLER_NOT_ALLOWED", shop.identity.Reveal, reveal, "clinic")
    # The last character may hold unused bits; one in the middle of the signature may not.
    altered = grant[:-20] + ("A" if grant[-20] != "A" else "B") + grant[-19:]
    refused("an altered grant", "PERMISSION_DENIED", "GRANT_INVALID", shop.identity.Reveal,
            identity.RevealRequest(grant=altered, request_id=new_id()))

    proof = shop.audit.GetReceipt(audit.GetReceiptRequest(entry_id=revealed.record.entry_id)).proof
    receipt = material / "receipt.tlog-proof"
    receipt.write_bytes(proof)
    verify = [program, "verify", str(receipt), "--key", str(material / "log.vkey")]
    check("the receipt verifies offline", subprocess.run(verify, capture_output=True).returncode == 0)
    receipt.write_bytes(proof.replace(b"\nindex ", b"\nindex 1", 1))
    check("an altered receipt does not", subprocess.run(verify, capture_output=True).returncode == 3)

    shop.consent.WithdrawConsent(consent.WithdrawConsentRequest(
        request_id=new_id(), scope=scope, source=consent.SOURCE_WEB_FORM,
    ))
    refused("the grant after the withdrawal", "FAILED_PRECONDITION", "GRANT_SUPERSEDED", shop.identity.Reveal,
            identity.RevealRequest(grant=grant, request_id=new_id()))

    erased = shop.identity.EraseSubject(identity.EraseSubjectRequest(request_id=new_id(), subject_id=subject)).erasure
    deadline = time.time() + 30
    while erased.state != identity.SUBJECT_STATE_ERASED and time.time() < deadline:
        time.sleep(0.2)
        erased = shop.identity.GetErasure(identity.GetErasureRequest(subject_id=subject)).erasure
    check("the person is erased", erased.state == identity.SUBJECT_STATE_ERASED)
    certificate = material / "erasure.jwt"
    certificate.write_text(erased.certificate)
    verify_certificate = [program, "verify", str(certificate), "--keys", str(material / "grant-keys.jwks")]
    check("its certificate verifies offline", subprocess.run(verify_certificate, capture_output=True).returncode == 0)
    receipt.write_bytes(proof)
    check("the earlier receipt still verifies", subprocess.run(verify, capture_output=True).returncode == 0)


def pay(stubs, shop, operator, subject):
    """An order with a card: released once to the processor, never for another order."""
    audit, consent, payments = stubs["disclosure_audit"], stubs["consent"], stubs["payments_data"]
    purpose, card = "essential.service.payment_processing", "user.financial.credit_card"
    processor = audit.Recipient(
        recipient_id="card-house", name="Card House", kind="payment_processor", contract="C-2",
        purposes=[purpose], categories=[card], country="US",
    )
    processor.expires_at.FromSeconds(int(time.time()) + 86_400)
    operator.audit.RegisterRecipient(audit.RegisterRecipientRequest(request_id=new_id(), recipient=processor))

    def open_order():
        request = payments.OpenOrderRequest(
            request_id=new_id(), subject_id=subject, merchant="shop", releases_max=1,
        )
        return shop.payments.OpenOrder(request).order.order_id

    order, other = open_order(), open_order()
    collect = consent.Question(
        subject_id=subject, collect=consent.Collect(point="order", act="typed"), categories=[card], order_id=order,
    )
    grant = shop.consent.Authorize(consent.AuthorizeRequest(question=collect)).grant
    value = payments.OrderValue(
        category=card, card=payments.Card(number="4242424242424242", expiry_month=12, expiry_year=2099),
    )
    shop.payments.StoreOrderData(payments.StoreOrderDataRequest(
        request_id=new_id(), order_id=order, grant=grant, values=[value],
    ))
    disclose = consent.Question(
        subject_id=subject, disclose=consent.Disclose(recipient_id="card-house"), purpose=purpose,
        categories=[card], order_id=order,
    )
    grant = shop.consent.Authorize(consent.AuthorizeRequest(question=disclose)).grant

    def release(order_id):
        return payments.ReleaseRequest(request_id=new_id(), order_id=order_id, grant=grant)

    refused("the card for another order", "PERMISSION_DENIED", "OTHER_ORDER", shop.payments.Release, release(other))
    released = shop.payments.Release(release(order))
    check("the processor gets the card", released.values[0].card.number == "4242424242424242")
    refused("one release more than allowed", "FAILED_PRECONDITION", "RELEASES_EXHAUSTED",
            shop.payments.Release, release(order))
    shop.payments.SettleOrder(payments.SettleOrderRequest(order_id=order))
    refused("the card after the settlement", "FAILED_PRECONDITION", "ORDER_CLOSED",
            shop.payments.Release, release(order))


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "stubs").mkdir()
        stubs = make_stubs(folder / "stubs")
        material = folder / "suite"
        suite = subprocess.Popen([program, "up", "--dir", str(material), "--port", "0"], stdout=subprocess.DEVNULL)
        try:
            listing = material / "endpoints.json"
            deadline = time.time() + 60
            while not listing.exists() and time.time() < deadline and suite.poll() is None:
                time.sleep(0.05)
            walk(program, stubs, material, json.loads(listing.read_text()))
        finally:
            suite.terminate()
            suite.wait(30)
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()
