//! Development material as the objects that the Helm chart's values name, for `kubectl apply`.

use std::{fs, path::Path};

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::{Layout, SERVICES, callers};

/// The Secrets and the ConfigMap of a release with this full name, as one list.
pub fn objects(layout: &Layout, release: &str) -> anyhow::Result<Value> {
    let mut items = vec![json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": format!("{release}-shared")},
        "data": texts(&[
            ("callers.toml", &layout.callers()),
            ("grant-keys.jwks", &layout.grant_keys()),
            ("log.vkey", &layout.log_verifier_key()),
        ])?,
    })];
    for service in SERVICES {
        let keys = texts(&[
            ("key-encryption.keys", &layout.key_encryption_keys(service)),
            ("signing.key", &layout.signing_key(service)),
        ])?;
        items.push(secret(format!("{release}-{service}"), "Opaque", keys));
        items.push(certificate(
            layout,
            format!("{release}-{service}-tls"),
            &layout.service_certificate(service),
            &layout.service_key(service),
        )?);
    }
    for client in callers::CLIENTS {
        items.push(certificate(
            layout,
            format!("{release}-client-{}-tls", client.name),
            &layout.client_certificate(client.name),
            &layout.client_key(client.name),
        )?);
    }
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}))
}

fn certificate(
    layout: &Layout,
    name: String,
    certificate: &Path,
    key: &Path,
) -> anyhow::Result<Value> {
    let data = texts(&[
        ("tls.crt", certificate),
        ("tls.key", key),
        ("ca.crt", &layout.authority()),
    ])?;
    Ok(secret(name, "kubernetes.io/tls", data))
}

fn secret(name: String, kind: &str, data: Map<String, Value>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {"name": name},
        "stringData": data,
    })
}

/// What the files hold, by key. Not every service signs; what does not exist is left out.
fn texts(files: &[(&str, &Path)]) -> anyhow::Result<Map<String, Value>> {
    let mut texts = Map::new();
    for (key, path) in files.iter().filter(|(_, path)| path.exists()) {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("reading {}", path.display()))?;
        texts.insert((*key).to_owned(), text.into());
    }
    Ok(texts)
}
