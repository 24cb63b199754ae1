//! The files that a process reads again when they change: certificates, authorities, callers.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use client::Material;
use rustls::ServerConfig;
use tokio::{sync::watch, time::sleep};

use crate::{Callers, Config, metrics::Metrics, tls};

/// How often the files are read. They are compared whole: an orchestrator swaps a link to their
/// folder, and no time of change tells that.
const INTERVAL: Duration = Duration::from_secs(5);

/// What the files say now.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) material: watch::Receiver<Material>,
    pub(crate) tls: watch::Receiver<Arc<ServerConfig>>,
    pub(crate) callers: watch::Receiver<Callers>,
}

/// Reads the files again.
pub(crate) struct Reload {
    files: Files,
    /// What was last read, good or not: what is refused is refused once.
    last_material: Material,
    last_callers: String,
    material: watch::Sender<Material>,
    tls: watch::Sender<Arc<ServerConfig>>,
    callers: watch::Sender<Callers>,
    metrics: Metrics,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    authority: PathBuf,
    callers: PathBuf,
}

impl Files {
    fn material(&self) -> anyhow::Result<Material> {
        Ok(Material::read(
            &self.certificate,
            &self.key,
            &self.authority,
        )?)
    }

    fn callers(&self) -> anyhow::Result<String> {
        let path = &self.callers;
        fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
    }
}

impl Reload {
    /// Reads the files for the first time.
    pub(crate) fn start(config: &Config, metrics: &Metrics) -> anyhow::Result<(Reload, Current)> {
        let files = Files {
            certificate: config.tls_certificate.clone(),
            key: config.tls_key.clone(),
            authority: config.tls_authority.clone(),
            callers: config.callers.clone(),
        };
        let (last_material, last_callers) = (files.material()?, files.callers()?);
        let table = parse(&files, &last_callers)?;
        let tls = checked(&last_material, metrics)?;
        let (material, tls) = (
            watch::Sender::new(last_material.clone()),
            watch::Sender::new(tls),
        );
        let callers = watch::Sender::new(table);
        let current = Current {
            material: material.subscribe(),
            tls: tls.subscribe(),
            callers: callers.subscribe(),
        };
        let reload = Reload {
            files,
            last_material,
            last_callers,
            material,
            tls,
            callers,
            metrics: metrics.clone(),
        };
        Ok((reload, current))
    }

    /// Goes on until it is dropped. What cannot be used is not, and what was there goes on.
    pub(crate) async fn run(mut self) -> std::io::Result<()> {
        loop {
            sleep(INTERVAL).await;
            if let Err(error) = self.read_material() {
                tracing::warn!("the changed certificates are not used: {error:#}");
            }
            if let Err(error) = self.read_callers() {
                tracing::warn!("the changed table of callers is not used: {error:#}");
            }
        }
    }

    fn read_material(&mut self) -> anyhow::Result<()> {
        // Files that are missing for a moment are being replaced.
        let Ok(material) = self.files.material() else {
            return Ok(());
        };
        if material == self.last_material {
            return Ok(());
        }
        self.last_material = material.clone();
        let tls = checked(&material, &self.metrics)?;
        self.tls.send_replace(tls);
        self.material.send_replace(material);
        tracing::info!("the certificates have changed, and are used");
        Ok(())
    }

    fn read_callers(&mut self) -> anyhow::Result<()> {
        let Ok(text) = self.files.callers() else {
            return Ok(());
        };
        if text == self.last_callers {
            return Ok(());
        }
        self.last_callers = text;
        let table = parse(&self.files, &self.last_callers)?;
        self.callers.send_replace(table);
        tracing::info!("the table of callers has changed, and is used");
        Ok(())
    }
}

/// What makes a server makes a client too.
fn checked(material: &Material, metrics: &Metrics) -> anyhow::Result<Arc<ServerConfig>> {
    let checked = || -> Result<_, tls::TlsError> {
        let own = tls::validity(&material.certificate_pem)?;
        let authority = tls::validity(&material.authority_pem)?;
        Ok((tls::server_config(material)?, own, authority))
    };
    let (tls, own, authority) = checked().context("reading the TLS material")?;
    metrics.certificates_are_valid(own, authority);
    Ok(tls)
}

fn parse(files: &Files, text: &str) -> anyhow::Result<Callers> {
    Callers::parse(text).with_context(|| format!("reading {}", files.callers.display()))
}
