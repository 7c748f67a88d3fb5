//! Whose word counts for the certificates of mail servers: the web's authorities, and those that the operator adds.

use std::path::{Path, PathBuf};

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use tokio_rustls::rustls;

/// The file of further authorities is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read.
    #[error("delivery.smtp_ca_file: {path} can't be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("delivery.smtp_ca_file: {0} holds no certificate in PEM")]
    NoCertificate(PathBuf),
}

/// Further authorities.
#[derive(Debug, Clone, Default)]
pub struct Trust(Option<Certificate>);

impl Trust {
    /// Reads the certificates of further authorities; none where there is no file.
    ///
    /// # Errors
    /// Names the file.
    pub fn load(file: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = file else { return Ok(Self::default()) };
        let pem = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        // The mail library takes a file without certificates for one with none to add.
        let holds_some = String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----");
        match Certificate::from_pem(&pem) {
            Ok(certificate) if holds_some => Ok(Self(Some(certificate))),
            _ => Err(Error::NoCertificate(path.to_owned())),
        }
    }

    /// TLS towards a host.
    pub(super) fn parameters(&self, host: &str) -> Result<TlsParameters, SmtpError> {
        let mut builder = TlsParameters::builder(host.to_owned());
        if let Some(certificate) = &self.0 {
            builder = builder.add_root_certificate(certificate.clone());
        }
        builder.build()
    }
}

/// Whether it was the server's certificate that ended a conversation.
pub(super) fn is_about_certificate(error: &SmtpError) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref()).or_else(|| error.downcast_ref());
        if let Some(rustls::Error::InvalidCertificate(_)) = tls {
            return true;
        }
        cause = error.source();
    }
    false
}
