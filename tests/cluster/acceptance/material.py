"""The Secrets and the ConfigMap of an installation, from the material that `vow init` makes, and new certificates."""

import json
import tempfile
from pathlib import Path

from databases import names, urls
from node import COMPONENTS, PROGRAMS, STATE, apply, run


def material(namespace):
    """The folder of an installation's material."""
    return STATE / f"material-{namespace}"


def objects(namespace):
    """What `vow init` makes for a release called `vow`."""
    found = json.loads(run(PROGRAMS / "vow", "init", material(namespace), "--kubernetes", "vow"))["items"]
    for it in found:
        it["metadata"]["namespace"] = namespace
    return found


def with_databases(namespace):
    """The same, with the URLs of each service's two roles."""
    found = objects(namespace)
    for component in COMPONENTS:
        owner, role = names(component)
        (keys,) = (it for it in found if it["metadata"]["name"] == f"vow-{component}")
        keys["stringData"] |= urls(namespace, component, role)
        found.append(secret(namespace, f"{component}-migrate", urls(namespace, component, owner)))
    return found


def renew_certificates(namespace):
    """Gives every service a certificate of the same authority over a new key; their serial numbers."""
    folder, serials = material(namespace), {}
    for component in COMPONENTS:
        with tempfile.TemporaryDirectory(dir=STATE) as scratch:
            key, request, new, extensions = (Path(scratch) / it for it in ("key", "request", "new", "extensions"))
            usages = "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"
            extensions.write_text(f"subjectAltName=URI:spiffe://vow.local/workload/{component}\n{usages}")
            curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
            run("openssl", "req", *curve, "-subj", f"/CN={component}", "-keyout", key, "-out", request)
            authority = ("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key")
            run("openssl", "x509", "-req", "-in", request, *authority, "-days", "30", "-extfile", extensions, "-out", new)
            texts = {"tls.crt": new, "tls.key": key, "ca.crt": folder / "ca.pem"}
            texts = {name: file.read_text() for name, file in texts.items()}
            serials[component] = run("openssl", "x509", "-in", new, "-noout", "-serial").strip()
        apply([secret(namespace, f"{component}-tls", texts, "kubernetes.io/tls")])
    return serials


def served_serial(address):
    """The serial number of the certificate that a port shows to whoever connects."""
    shown = run("openssl", "s_client", "-connect", f"{address}:7443", "-alpn", "h2", given="", check=False)[1]
    return run("openssl", "x509", "-noout", "-serial", given=shown).strip()


def secret(namespace, name, texts, kind="Opaque"):
    metadata = {"name": f"vow-{name}", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "stringData": texts}
