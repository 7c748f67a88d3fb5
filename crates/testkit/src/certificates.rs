//! Certificates of a test's own: an authority that nobody else trusts, and what it signs.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, crypto,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// An authority. What it writes is gone when it is dropped.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    folder: TempDir,
}

/// A certificate with its key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The certificate.
    pub cert: String,
    /// Its key.
    pub key: String,
}

/// The files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

fn named(name: &str, subjects: &[&str]) -> CertificateParams {
    let subjects: Vec<String> = subjects.iter().map(|&subject| subject.to_owned()).collect();
    let mut params = CertificateParams::new(subjects).expect("names that certificates can carry");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    /// A new authority.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate of an authority").pem();
        let folder = tempfile::Builder::new().prefix("elate-ca-").tempdir().expect("a temporary folder");
        Self { issuer: Issuer::new(params, key), pem, folder }
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The file of the authority's own certificate.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.write("authority.pem", &self.pem)
    }

    /// A certificate for a server under these names, or addresses.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> Signed {
        self.sign(named("server", names), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate with which a client says who it is.
    #[must_use]
    pub fn client(&self, name: &str) -> Signed {
        self.sign(named(name, &[name]), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> Signed {
        params.extended_key_usages = vec![purpose];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a signed certificate");
        Signed { cert: cert.pem(), key: key.serialize_pem() }
    }

    /// Writes a certificate and its key into files that begin with `name`.
    ///
    /// # Panics
    /// When they can't be written.
    #[must_use]
    pub fn files(&self, name: &str, signed: &Signed) -> Files {
        Files {
            cert: self.write(&format!("{name}.pem"), &signed.cert),
            key: self.write(&format!("{name}.key"), &signed.key),
        }
    }

    /// Writes a file beside the others.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("write a certificate");
        path
    }
}

impl Signed {
    /// What accepts TLS connections with this certificate, from whomever.
    ///
    /// # Panics
    /// When certificate and key don't fit together.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        let cert = CertificateDer::from_pem_slice(self.cert.as_bytes()).expect("a certificate in PEM");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key in PEM");
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the usual protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert], key)
            .expect("a certificate that fits its key");
        TlsAcceptor::from(Arc::new(config))
    }
}
