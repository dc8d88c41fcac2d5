//! Certificates made for a test.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// A certificate authority of a test's own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// An authority of that name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        Ok(Self(CertifiedIssuer::self_signed(params, key)?))
    }

    /// Its own certificate: what a CA file has.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate that is good for these names.
    ///
    /// # Errors
    /// When a name is none.
    pub fn good(&self, names: &[&str]) -> Result<Arc<ServerConfig>> {
        self.with(names, |_| {})
    }

    /// A certificate that is good for these names, and its key: PEM text, as haproxy reads it.
    ///
    /// # Errors
    /// When a name is none.
    pub fn good_pem(&self, names: &[&str]) -> Result<String> {
        let key = KeyPair::generate()?;
        let certificate = params(names)?.signed_by(&key, &self.0)?;
        Ok(certificate.pem() + &key.serialize_pem())
    }

    /// A certificate for these names with something else about it.
    ///
    /// # Errors
    /// When a name is none.
    pub fn with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Result<Arc<ServerConfig>> {
        let mut params = params(names)?;
        change(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        server(certificate.into(), &key)
    }
}

/// A certificate that nobody but itself signed, for an authority or a server; and its PEM text.
///
/// # Errors
/// When a name is none.
pub fn self_signed(names: &[&str], is_ca: IsCa) -> Result<(Arc<ServerConfig>, String)> {
    let mut params = params(names)?;
    params.is_ca = is_ca;
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let pem = certificate.pem();
    Ok((server(certificate.into(), &key)?, pem))
}

fn params(names: &[&str]) -> Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "a server");
    params.is_ca = IsCa::ExplicitNoCa;
    Ok(params)
}

fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> Result<Arc<ServerConfig>> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(Arc::new(config))
}
