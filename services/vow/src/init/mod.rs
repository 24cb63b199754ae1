//! `vow init`: certificates, keys and the table of callers for a suite to try out.

mod callers;
mod certificates;
mod kubernetes;
mod layout;

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::{Context, bail};
use grant::{KeyBundle, SigningKey};
use ledger::{NoteKey, SignatureType};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use time::OffsetDateTime;
use vault::{FileKeySource, Key, KeyEncryptionKey};

use certificates::{Authority, Certificate};
pub use layout::{Layout, SERVICES};

/// Makes a folder of development material. No key that is there is ever replaced.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder to make.
    folder: std::path::PathBuf,
    /// Another name that the services' certificates are good for, such as a host. May be repeated.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Prints the Secrets and the ConfigMap of a Helm release with this full name, for `kubectl
    /// apply`; of a folder that was made before, too.
    #[arg(long, value_name = "RELEASE")]
    kubernetes: Option<String>,
}

/// Runs `vow init`.
pub fn run(args: Args) -> anyhow::Result<()> {
    let layout = Layout::new(args.folder);
    if let Some(release) = args.kubernetes {
        if !layout.authority().exists() {
            write_material(&layout, |service| {
                let names = ["", "-headless"].map(|it| format!("{release}-{service}{it}"));
                names.into_iter().chain(args.hosts.clone()).collect()
            })?;
        }
        crate::say!("{:#}", kubernetes::objects(&layout, &release)?);
        return Ok(());
    }
    if layout.authority().exists() {
        bail!(
            "{} already holds an authority; choose another folder",
            layout.folder().display()
        );
    }
    write_material(&layout, |_| args.hosts.clone())?;
    crate::say!("development material is in {}", layout.folder().display());
    crate::say!("it is for trying out: a production suite mounts material of its own");
    Ok(())
}

/// Writes everything `vow serve` needs for the four services, and the clients' certificates.
/// `hosts` are the further names of a service.
pub fn write_material(layout: &Layout, hosts: impl Fn(&str) -> Vec<String>) -> anyhow::Result<()> {
    let now = OffsetDateTime::from_unix_timestamp(chassis::clock::now_seconds() as i64)?;
    let authority = Authority::generate(now)?;
    for service in SERVICES {
        let certificate = authority.service(service, hosts(service), now)?;
        write_certificate(
            &layout.service_certificate(service),
            &layout.service_key(service),
            &certificate,
        )?;
        let wrapping = KeyEncryptionKey::new("1", Key::generate());
        let line = FileKeySource::line(&wrapping);
        write_secret(&layout.key_encryption_keys(service), line.expose())?;
    }
    for client in callers::CLIENTS {
        let certificate = authority.client(client.kind, client.name, now)?;
        write_certificate(
            &layout.client_certificate(client.name),
            &layout.client_key(client.name),
            &certificate,
        )?;
    }
    write_signing_keys(layout)?;
    write_public(&layout.callers(), &callers::table())?;
    fs::create_dir_all(layout.data())?;
    // The authority comes last: a folder that has it is whole.
    write_secret(
        &layout.authority_key(),
        authority.certificate().key.as_bytes(),
    )?;
    write_public(&layout.authority(), &authority.certificate().certificate)
}

fn write_signing_keys(layout: &Layout) -> anyhow::Result<()> {
    let mut bundle = Vec::new();
    for service in [consent::NAME, identity::NAME] {
        let key = SigningKey::generate();
        bundle.push(key.jwk(service));
        write_secret(&layout.signing_key(service), key.to_pkcs8_pem().as_bytes())?;
    }
    write_public(&layout.grant_keys(), &KeyBundle::to_json(&bundle))?;
    let log_key = SigningKey::generate().to_pkcs8_pem();
    write_secret(
        &layout.signing_key(disclosure_audit::NAME),
        log_key.as_bytes(),
    )?;
    let log_key = PrivatePkcs8KeyDer::from_pem_slice(log_key.as_bytes())?;
    let log_key = NoteKey::from_pkcs8(disclosure_audit::LOG_ORIGIN, log_key.secret_pkcs8_der())?;
    let verifier = log_key.verifier(SignatureType::Ed25519);
    write_public(&layout.log_verifier_key(), &format!("{verifier}\n"))
}

fn write_certificate(path: &Path, key_path: &Path, pair: &Certificate) -> anyhow::Result<()> {
    write_public(path, &pair.certificate)?;
    write_secret(key_path, pair.key.as_bytes())
}

fn write_public(path: &Path, text: &str) -> anyhow::Result<()> {
    write(
        fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .mode(0o644),
        path,
        text.as_bytes(),
    )
}

/// A secret is readable by its owner from the moment its file exists, and it is never overwritten:
/// what an earlier key wrapped would be lost with it.
fn write_secret(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(
        fs::OpenOptions::new().create_new(true).mode(0o600),
        path,
        bytes,
    )
}

fn write(options: &mut fs::OpenOptions, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let mut file = options.write(true).open(path).with_context(|| {
        format!(
            "{} cannot be made; a folder that is not whole must go first",
            path.display()
        )
    })?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_folders(path)
}

/// A key that wrapped something must not go with the power: the names of what was made are durable,
/// too, up to the folder that all of it is in.
fn sync_folders(path: &Path) -> anyhow::Result<()> {
    for folder in path.ancestors().skip(1).take(3) {
        let here = Path::new(".");
        let folder = if folder.as_os_str().is_empty() {
            here
        } else {
            folder
        };
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
