//! What `elate dev` needs to be let in: a service token, a workspace, an admin key, a write key. Made on the first run,
//! kept in the data folder, readable by its owner alone.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use elate_domain::WorkspaceId;
use elate_proto::events::v1::admin_service_client::AdminServiceClient;
use elate_proto::events::v1::{CreateKeyRequest, CreateWorkspaceRequest, Role};
use elate_rpc::client::acting_in;
use elate_rpc::{Channel, Secret};

/// The keys of the development workspace.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Does everything in it.
    pub admin: String,
    /// Appends events.
    pub write: String,
}

/// The credential that the services share, made where there is none yet.
pub fn service_token(folder: &Path) -> Result<Secret> {
    let file = folder.join("service-token");
    if let Some(token) = read(&file)? {
        return Ok(Secret::new(token));
    }
    let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    write(&file, &token)?;
    Ok(Secret::new(token))
}

/// The workspace and its keys, made where they are not there yet.
pub async fn ensure(folder: &Path, events: &Channel, workspace: &WorkspaceId) -> Result<Keys> {
    let (admin_file, write_file) = (folder.join("admin-key"), folder.join("write-key"));
    let admin = match read(&admin_file)? {
        Some(admin) => admin,
        None => {
            let request =
                CreateWorkspaceRequest { workspace_id: workspace.as_str().to_owned(), time_zone: String::new() };
            let created = AdminServiceClient::new(events.clone()).create_workspace(request).await;
            let secret = created.context("the workspace can't be made")?.into_inner().secret;
            write(&admin_file, &secret)?;
            secret
        }
    };
    let write_key = match read(&write_file)? {
        Some(key) => key,
        None => {
            let request = CreateKeyRequest {
                request_id: uuid::Uuid::now_v7().to_string(),
                name: "site".to_owned(),
                role: Role::Writer.into(),
                source_id: "site".to_owned(),
            };
            let mut admin = AdminServiceClient::new(acting_in(events.clone(), workspace));
            let secret = admin.create_key(request).await.context("no write key")?.into_inner().secret;
            write(&write_file, &secret)?;
            secret
        }
    };
    Ok(Keys { workspace: workspace.clone(), admin, write: write_key })
}

fn read(file: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| file.display().to_string()),
    }
}

fn write(file: &Path, secret: &str) -> Result<()> {
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| file.display().to_string())?;
    Ok(writeln!(out, "{secret}")?)
}
