//! Who somebody is: the rules by which identifiers lead to customers.
//!
//! * A known user id decides. An anonymous id counts only where there is none.
//! * An anonymous id's past is linked once, at its first login: to a user who is new, by giving the user id to the
//!   anonymous customer; to one who is known, by merging the anonymous customer into the known one.
//! * A second login on the same device joins nobody: the event is the user's, and from here on so is the device.
//! * Two customers who both have a user id are never joined.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use elate_domain::{CustomerId, WorkspaceId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Why a value can't stand for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked(pub String);

/// Values that senders put where they know nobody; they would join strangers.
pub fn blocked(id: &str) -> Option<Blocked> {
    const PLACEHOLDERS: &[&str] = &[
        "0",
        "null",
        "nil",
        "none",
        "undefined",
        "anonymous",
        "guest",
        "unknown",
        "n/a",
        "na",
        "nan",
        "not_authenticated",
        "anon",
        "visitor",
        "userid",
        "user_id",
        "anonymousid",
        "anonymous_id",
        "distinct_id",
        "true",
        "false",
        "[object object]",
        "{}",
        "[]",
        "\"\"",
        "''",
    ];
    let lower = id.trim().to_lowercase();
    let digits = lower.strip_prefix("0x").unwrap_or(&lower);
    let nil = digits.len() >= 8 && digits.chars().all(|c| c == '0' || c == '-');
    let placeholder = lower.is_empty() || nil || PLACEHOLDERS.contains(&lower.as_str());
    placeholder.then(|| Blocked(format!("{id:?} is a placeholder and stands for nobody")))
}

/// The kind of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdKind {
    /// A known user.
    User,
    /// A device or browser.
    Anonymous,
}

impl IdKind {
    /// As it is stored.
    pub fn number(self) -> i64 {
        match self {
            Self::User => 1,
            Self::Anonymous => 2,
        }
    }
}

/// An identifier of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identifier {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The kind.
    pub kind: IdKind,
    /// The sender's text.
    pub value: String,
}

/// The first 16 bytes of the SHA-256 of an identifier: what it is looked up by.
pub type IdKey = Uuid;

impl Identifier {
    /// What it is looked up by. Cryptographic, because senders choose the text.
    pub fn key(&self) -> IdKey {
        key(&self.workspace, self.kind, &self.value)
    }
}

/// The key of an identifier, without making one.
pub fn key(workspace: &WorkspaceId, kind: IdKind, value: &str) -> IdKey {
    let mut hash = Sha256::new();
    hash.update(workspace.as_str().as_bytes());
    hash.update([b'/', kind.number() as u8]);
    hash.update(value.as_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(bytes)
}

/// What is known of a customer that an identifier leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// The customer.
    pub customer: CustomerId,
    /// Whether it has a user id.
    pub known: bool,
}

/// A customer to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustomer {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Whether it has a user id.
    pub known: bool,
}

/// What an event means for its customer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolved {
    /// Whose the event is.
    pub customer: CustomerIdOrNone,
    /// Customers who were merged into it by this event, to be told before the event.
    pub losers: Vec<CustomerId>,
}

/// A customer id that is nobody's by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerIdOrNone(pub CustomerId);

impl Default for CustomerIdOrNone {
    fn default() -> Self {
        Self(CustomerId::NONE)
    }
}

/// Resolves the events of one transaction, in order, and keeps what changes.
#[derive(Debug, Default)]
pub struct Resolver {
    leads: HashMap<IdKey, CustomerId>,
    known: HashMap<CustomerId, bool>,
    /// Customers to be made.
    pub created: BTreeMap<CustomerId, NewCustomer>,
    /// Identifiers to be made.
    pub linked: HashMap<IdKey, (Identifier, CustomerId)>,
    /// Identifiers that lead elsewhere from here on: to whom, and to whom they led.
    pub moved: HashMap<IdKey, (CustomerId, CustomerId)>,
    /// Who was merged into whom.
    pub merged: BTreeMap<CustomerId, CustomerId>,
    /// Existing customers who get their first user id.
    pub recognised: BTreeSet<CustomerId>,
}

impl Resolver {
    /// Tells where an identifier leads, as stored.
    pub fn learn(&mut self, key: IdKey, lead: Lead) {
        self.leads.insert(key, lead.customer);
        self.known.insert(lead.customer, lead.known);
    }

    /// The customer that an identifier leads to, as of now.
    pub fn lead(&self, key: IdKey) -> Option<Lead> {
        let customer = self.survivor(*self.leads.get(&key)?);
        Some(Lead { customer, known: self.known.get(&customer).copied().unwrap_or(false) })
    }

    /// Whom a customer was merged into in this transaction; itself otherwise.
    pub fn survivor(&self, mut customer: CustomerId) -> CustomerId {
        while let Some(survivor) = self.merged.get(&customer) {
            customer = *survivor;
        }
        customer
    }

    /// Whether nothing of what is stored changes.
    pub fn is_unchanged(&self) -> bool {
        self.created.is_empty()
            && self.linked.is_empty()
            && self.moved.is_empty()
            && self.merged.is_empty()
            && self.recognised.is_empty()
    }

    /// Finds the customer of an event with these ids, and makes, links or merges what the rules say.
    pub fn resolve(
        &mut self,
        workspace: &WorkspaceId,
        user: Option<&str>,
        anonymous: Option<&str>,
        previous: Option<&str>,
        mint: &mut dyn FnMut() -> CustomerId,
    ) -> Resolved {
        let mut losers = Vec::new();
        let id =
            |kind, value: &str| Identifier { workspace: workspace.clone(), kind, value: value.to_owned() };
        let anonymous = anonymous.map(|value| id(IdKind::Anonymous, value));
        let customer = match user.map(|value| id(IdKind::User, value)) {
            Some(user) => self.user(user, anonymous, mint, &mut losers),
            None => match anonymous {
                Some(anonymous) => match self.lead(anonymous.key()) {
                    Some(lead) => lead.customer,
                    None => {
                        let customer = self.create(workspace, false, mint);
                        self.link(anonymous, customer);
                        customer
                    }
                },
                None => CustomerId::NONE,
            },
        };
        if let Some(previous) = previous.map(|value| id(IdKind::Anonymous, value)) {
            self.device(previous, customer, &mut losers);
        }
        Resolved { customer: CustomerIdOrNone(customer), losers }
    }

    fn user(
        &mut self,
        user: Identifier,
        anonymous: Option<Identifier>,
        mint: &mut dyn FnMut() -> CustomerId,
        losers: &mut Vec<CustomerId>,
    ) -> CustomerId {
        let device = anonymous.as_ref().and_then(|id| self.lead(id.key()));
        let customer = match (self.lead(user.key()), device) {
            (Some(lead), _) => lead.customer,
            // The first login on a device whose customer is nobody yet: it is this user.
            (None, Some(device)) if !device.known => {
                self.recognise(device.customer);
                self.link(user, device.customer);
                device.customer
            }
            (None, _) => {
                let customer = self.create(&user.workspace.clone(), true, mint);
                self.link(user, customer);
                customer
            }
        };
        if let Some(anonymous) = anonymous {
            self.device(anonymous, customer, losers);
        }
        customer
    }

    /// A device turns out to be a customer's.
    fn device(&mut self, device: Identifier, customer: CustomerId, losers: &mut Vec<CustomerId>) {
        match self.lead(device.key()) {
            None => self.link(device, customer),
            Some(lead) if lead.customer == customer => {}
            Some(lead) if lead.known => self.redirect(device.key(), lead.customer, customer),
            Some(lead) => {
                self.merged.insert(lead.customer, customer);
                losers.push(lead.customer);
            }
        }
    }

    fn create(
        &mut self,
        workspace: &WorkspaceId,
        known: bool,
        mint: &mut dyn FnMut() -> CustomerId,
    ) -> CustomerId {
        let customer = mint();
        self.created.insert(customer, NewCustomer { workspace: workspace.clone(), known });
        self.known.insert(customer, known);
        customer
    }

    fn recognise(&mut self, customer: CustomerId) {
        self.known.insert(customer, true);
        match self.created.get_mut(&customer) {
            Some(created) => created.known = true,
            None => {
                self.recognised.insert(customer);
            }
        }
    }

    fn link(&mut self, id: Identifier, customer: CustomerId) {
        let key = id.key();
        self.leads.insert(key, customer);
        self.linked.insert(key, (id, customer));
    }

    fn redirect(&mut self, key: IdKey, from: CustomerId, to: CustomerId) {
        self.leads.insert(key, to);
        match self.linked.get_mut(&key) {
            Some(linked) => linked.1 = to,
            None => {
                let first = self.moved.get(&key).map_or(from, |moved| moved.1);
                self.moved.insert(key, (to, first));
            }
        }
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
