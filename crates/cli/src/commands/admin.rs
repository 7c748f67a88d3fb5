//! `elate workspace` and `elate key`, and the switch that pauses sending.

use anyhow::Result;
use elate_domain::HumanDuration;
use elate_proto::events::v1::set_pause_request::Scope;
use elate_proto::events::v1::{
    CreateKeyRequest, CreateWorkspaceRequest, ListKeysRequest, RevokeKeyRequest, Role, RotateKeyRequest,
    SetPauseRequest,
};

use super::request_id;
use crate::client::Target;
use crate::output::{line, table, time};

/// Workspaces.
#[derive(Debug, clap::Subcommand)]
pub enum Workspace {
    /// Creates a workspace and prints its first admin key, once. Needs the service credential.
    Create {
        /// Its id: 1 to 63 of a-z, 0-9, - and _.
        id: String,
        /// The zone that stands in where a customer's is unknown.
        #[arg(long, default_value = "UTC")]
        time_zone: String,
    },
}

/// Keys of the workspace.
#[derive(Debug, clap::Subcommand)]
pub enum Key {
    /// Creates a key and prints its secret, once.
    Create {
        /// Its name.
        name: String,
        /// What it may do.
        #[arg(long, value_enum, default_value = "writer")]
        role: RoleName,
        /// The source of its events; the name where it is not given.
        #[arg(long, default_value = "")]
        source: String,
    },
    /// Replaces the secret of a key and prints the new one, once.
    Rotate {
        /// The key.
        key_id: String,
        /// How long the old secret stays valid.
        #[arg(long, default_value = "1h")]
        overlap: HumanDuration,
    },
    /// Revokes a key at once.
    Revoke {
        /// The key.
        key_id: String,
    },
    /// Lists the keys, without secrets.
    List,
}

/// Roles as they are named on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum RoleName {
    /// Append events, and nothing else.
    Writer,
    /// Read.
    Reader,
    /// Read, append, apply manifests.
    Editor,
    /// Also pause, redrive, import, erase.
    Operator,
    /// Also keys.
    Admin,
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Writer => Self::Writer,
            RoleName::Reader => Self::Reader,
            RoleName::Editor => Self::Editor,
            RoleName::Operator => Self::Operator,
            RoleName::Admin => Self::Admin,
        }
    }
}

impl Workspace {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        match self {
            Self::Create { id, time_zone } => {
                let request = CreateWorkspaceRequest { workspace_id: id, time_zone };
                let created = target.admin().await?.create_workspace(request).await?.into_inner();
                line(created.secret)?;
            }
        }
        Ok(())
    }
}

impl Key {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let mut admin = target.admin().await?;
        match self {
            Self::Create { name, role, source } => {
                let role = Role::from(role).into();
                let request = CreateKeyRequest { request_id: request_id(), name, role, source_id: source };
                let created = admin.create_key(request).await?.into_inner();
                line(format!("{} {}", created.key.unwrap_or_default().key_id, created.secret))?;
            }
            Self::Rotate { key_id, overlap } => {
                let request = RotateKeyRequest { key_id, overlap_seconds: overlap.0.as_secs() };
                line(admin.rotate_key(request).await?.into_inner().secret)?;
            }
            Self::Revoke { key_id } => {
                admin.revoke_key(RevokeKeyRequest { key_id }).await?;
            }
            Self::List => list(&mut admin).await?,
        }
        Ok(())
    }
}

type Admin = elate_proto::events::v1::admin_service_client::AdminServiceClient<crate::client::Authenticated>;

async fn list(admin: &mut Admin) -> Result<()> {
    let keys = admin.list_keys(ListKeysRequest::default()).await?.into_inner().keys;
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let role = key.role().as_str_name().trim_start_matches("ROLE_").to_lowercase();
            let (created, revoked) = (time(key.created_time.as_ref()), time(key.revoked_time.as_ref()));
            vec![key.key_id.clone(), key.name.clone(), role, key.source_id.clone(), created, revoked]
        })
        .collect();
    Ok(table(&["KEY", "NAME", "ROLE", "SOURCE", "CREATED", "REVOKED"], &rows)?)
}

/// Pauses or resumes sending.
#[derive(Debug, clap::Args)]
pub struct Pause {
    /// `all`, `channel/NAME` or `play/NAME`.
    what: String,
    /// Why.
    #[arg(long, default_value = "")]
    reason: String,
}

impl Pause {
    /// Runs the command.
    pub async fn run(self, target: &Target, paused: bool) -> Result<()> {
        let (scope, name) = match self.what.split_once('/') {
            Some(("channel", name)) => (Scope::Channel, name),
            Some(("play", name)) => (Scope::Play, name),
            None if self.what == "all" => (Scope::All, ""),
            _ => anyhow::bail!("{:?} is none of all, channel/NAME, play/NAME", self.what),
        };
        let request = SetPauseRequest {
            request_id: request_id(),
            scope: scope.into(),
            target: name.to_owned(),
            paused,
            reason: self.reason,
        };
        target.admin().await?.set_pause(request).await?;
        Ok(())
    }
}
