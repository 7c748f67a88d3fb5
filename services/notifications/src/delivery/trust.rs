//! Whose word counts for the certificates of mail servers and webhooks: the web's authorities, and those that the
//! operator adds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// The file of further authorities is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read.
    #[error("delivery.ca_file: {path} can't be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("delivery.ca_file: {0} holds no certificate in PEM")]
    NoCertificate(PathBuf),
}

/// Further authorities, as the mail library and as the HTTP client takes them.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    mail: Option<Certificate>,
    web: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Reads the certificates of further authorities; none where there is no file.
    ///
    /// # Errors
    /// Names the file.
    pub fn load(file: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = file else { return Ok(Self::default()) };
        let pem = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        let web: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match (Certificate::from_pem(&pem), web) {
            // The mail library takes a file without certificates for one with none to add.
            (Ok(mail), Ok(web)) if !web.is_empty() => Ok(Self { mail: Some(mail), web }),
            _ => Err(Error::NoCertificate(path.to_owned())),
        }
    }

    /// TLS of an HTTP client.
    ///
    /// # Errors
    /// Where a certificate of the file is none that can be trusted.
    pub(super) fn client(&self) -> Result<ClientConfig, rustls::Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in &self.web {
            roots.add(certificate.clone())?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }

    /// TLS towards a host.
    pub(super) fn parameters(&self, host: &str) -> Result<TlsParameters, SmtpError> {
        let mut builder = TlsParameters::builder(host.to_owned());
        if let Some(certificate) = &self.mail {
            builder = builder.add_root_certificate(certificate.clone());
        }
        builder.build()
    }
}

/// Whether it was the server's certificate that ended a conversation.
pub(super) fn is_about_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = error.source();
    while let Some(mut error) = cause {
        // What an I/O error holds is not its source, and one may hold another.
        while let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            error = inner;
        }
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        cause = error.source();
    }
    false
}
