//! The identity of the caller.

use std::sync::Arc;

use elate_domain::{FieldError, WorkspaceId};
use http::HeaderMap;
use tonic::Status;

use super::around::Next;
use super::{Middleware, Request, Response, is_open};
use crate::auth::{Authenticator, Error, Identity, Role, WORKSPACE, secret_from_headers};
use crate::metrics::SERVER_REFUSED;
use crate::validate::Invalid;

#[derive(Debug, Clone)]
pub(crate) struct Auth {
    authenticator: Arc<dyn Authenticator>,
}

impl Auth {
    pub(crate) fn new(authenticator: Arc<dyn Authenticator>) -> Self {
        Self { authenticator }
    }
}

async fn identify(authenticator: &dyn Authenticator, headers: &HeaderMap) -> Result<Identity, Status> {
    let secret = secret_from_headers(headers).ok_or(Error::Missing)?;
    let identity = authenticator.resolve(&secret).await?;
    if identity.role() != Role::Service {
        return Ok(identity);
    }
    let Some(workspace) = headers.get(WORKSPACE) else { return Ok(identity) };
    let workspace = WorkspaceId::try_new(workspace.to_str().unwrap_or_default())
        .map_err(|error| Invalid::from(FieldError::new(WORKSPACE, error.reason)))?;
    Ok(identity.acting_in(workspace))
}

impl Middleware for Auth {
    fn handle<S: Next>(
        &self,
        mut request: Request,
        next: S,
    ) -> impl Future<Output = Response> + Send + 'static {
        let authenticator = Arc::clone(&self.authenticator);
        async move {
            if is_open(request.uri().path()) {
                return next.call(request).await;
            }
            match identify(authenticator.as_ref(), request.headers()).await {
                Ok(identity) => {
                    request.extensions_mut().insert(identity);
                    next.call(request).await
                }
                Err(status) => {
                    SERVER_REFUSED.counter(&[("cause", "unauthenticated")]).increment(1);
                    status.into_http()
                }
            }
        }
    }
}
