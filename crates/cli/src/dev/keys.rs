//! What `elate dev` needs to be let in: a service token, an admin key, a write key. Made on the first run, kept in the
//! data folder, readable by its owner alone.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use elate_domain::WorkspaceId;
use elate_proto::events::v1::admin_service_client::AdminServiceClient;
use elate_proto::events::v1::{CreateKeyRequest, Role};
use elate_rpc::client::acting_in;
use elate_rpc::{Channel, Secret};

/// The keys of the development workspace.
#[derive(Debug, Clone)]
pub struct Keys {
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

/// Where events writes the admin key of the workspace that it makes on the first run.
pub fn admin_file(folder: &Path) -> PathBuf {
    folder.join("admin-key")
}

/// The keys of the workspace; the write key is made where there is none yet.
pub async fn ensure(folder: &Path, events: &Channel, workspace: &WorkspaceId) -> Result<Keys> {
    let file = admin_file(folder);
    let admin = read(&file)?.with_context(|| {
        let file = file.display();
        format!(
            "{file} is missing: it was written on the first run; give another --data folder to begin anew"
        )
    })?;
    let write_file = folder.join("write-key");
    if let Some(write) = read(&write_file)? {
        return Ok(Keys { admin, write });
    }
    let request = CreateKeyRequest {
        request_id: uuid::Uuid::now_v7().to_string(),
        name: "site".to_owned(),
        role: Role::Writer.into(),
        source_id: "site".to_owned(),
    };
    let mut client = AdminServiceClient::new(acting_in(events.clone(), workspace));
    let secret = client.create_key(request).await.context("the write key can't be made")?.into_inner().secret;
    write(&write_file, &secret)?;
    Ok(Keys { admin, write: secret })
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
