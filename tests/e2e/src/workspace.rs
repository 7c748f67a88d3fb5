//! A workspace of a running system, and its keys.

use elate_proto::events::v1::{CreateKeyRequest, CreateWorkspaceRequest, Role};

use crate::Clients;

/// A workspace, with clients that hold its admin key and others that hold a write key.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Its id.
    pub id: String,
    /// May do everything in it.
    pub admin: Clients,
    /// May append.
    pub writer: Clients,
    /// The secret of the admin key.
    pub admin_key: String,
    /// The secret of the write key.
    pub write_key: String,
    /// Where the tracking API is.
    pub url: String,
    /// Where the unsubscribe page is.
    pub notifications_url: String,
}

impl Workspace {
    pub(crate) async fn create(service: &Clients, url: String, notifications_url: String, id: &str) -> Self {
        let request = CreateWorkspaceRequest { workspace_id: id.to_owned(), time_zone: String::new() };
        let made = service.admin().create_workspace(request).await.expect("a workspace").into_inner();
        let admin = service.with_key(&made.secret);
        let mut workspace = Self {
            id: id.to_owned(),
            writer: admin.clone(),
            admin,
            admin_key: made.secret,
            write_key: String::new(),
            url,
            notifications_url,
        };
        workspace.write_key = workspace.key("site", Role::Writer).await;
        workspace.writer = workspace.admin.with_key(&workspace.write_key);
        workspace
    }

    /// Makes a key; its secret.
    pub async fn key(&self, name: &str, role: Role) -> String {
        let request = CreateKeyRequest {
            request_id: uuid::Uuid::now_v7().to_string(),
            name: name.to_owned(),
            role: role.into(),
            source_id: name.to_owned(),
        };
        self.admin.admin().create_key(request).await.expect("a key").into_inner().secret
    }
}
