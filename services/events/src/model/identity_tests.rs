use super::*;

fn workspace() -> WorkspaceId {
    WorkspaceId::try_new("shop").unwrap()
}

struct World {
    resolver: Resolver,
    minted: u128,
}

impl World {
    fn new() -> Self {
        Self { resolver: Resolver::default(), minted: 0 }
    }

    fn event(&mut self, user: Option<&str>, anonymous: Option<&str>) -> (CustomerId, Vec<CustomerId>) {
        self.alias(user, anonymous, None)
    }

    fn alias(
        &mut self,
        user: Option<&str>,
        anonymous: Option<&str>,
        previous: Option<&str>,
    ) -> (CustomerId, Vec<CustomerId>) {
        let minted = &mut self.minted;
        let mut mint = || {
            *minted += 1;
            CustomerId(Uuid::from_u128(*minted))
        };
        let resolved = self.resolver.resolve(&workspace(), user, anonymous, previous, &mut mint);
        (resolved.customer.0, resolved.losers)
    }
}

#[test]
fn a_first_login_of_a_new_user_keeps_the_anonymous_customer() {
    let mut world = World::new();
    let (visitor, _) = world.event(None, Some("device"));
    let (user, losers) = world.event(Some("ann"), Some("device"));
    assert_eq!((user, losers), (visitor, vec![]));
    assert_eq!(world.event(Some("ann"), None).0, visitor);
    assert!(world.resolver.created[&visitor].known);
}

#[test]
fn a_first_login_of_a_known_user_merges_the_visitor_into_the_user() {
    let mut world = World::new();
    let (ann, _) = world.event(Some("ann"), None);
    let (visitor, _) = world.event(None, Some("device"));
    assert_ne!(ann, visitor);
    assert_eq!(world.event(Some("ann"), Some("device")), (ann, vec![visitor]));
    assert_eq!(world.event(None, Some("device")), (ann, vec![]));
    assert_eq!(world.event(Some("ann"), Some("device")), (ann, vec![]), "linked once");
}

#[test]
fn a_second_login_on_a_device_joins_nobody() {
    let mut world = World::new();
    let (ann, _) = world.event(Some("ann"), Some("device"));
    let (bob, losers) = world.event(Some("bob"), Some("device"));
    assert_ne!(ann, bob);
    assert_eq!(losers, vec![]);
    assert_eq!(world.event(None, Some("device")).0, bob, "the device is the last user's");
    assert_eq!(world.event(Some("ann"), None).0, ann);
    let (again, losers) = world.event(Some("ann"), Some("device"));
    assert_eq!((again, losers), (ann, vec![]));
    assert!(world.resolver.merged.is_empty());
}

#[test]
fn an_alias_links_a_visitor_and_never_a_known_user() {
    let mut world = World::new();
    let (visitor, _) = world.event(None, Some("device"));
    let (ann, losers) = world.alias(Some("ann"), None, Some("device"));
    assert_eq!(losers, vec![visitor]);
    let (bob, _) = world.event(Some("bob"), None);
    assert_eq!(world.alias(Some("bob"), None, Some("ann")), (bob, vec![]));
    assert_eq!(world.event(Some("ann"), None).0, ann, "a user id is no device");
}

#[test]
fn workspaces_are_apart() {
    let (one, two) = (workspace(), WorkspaceId::try_new("other").unwrap());
    assert_ne!(key(&one, IdKind::User, "ann"), key(&two, IdKind::User, "ann"));
    assert_ne!(key(&one, IdKind::User, "ann"), key(&one, IdKind::Anonymous, "ann"));
}

#[test]
fn placeholders_stand_for_nobody() {
    for id in [
        "0",
        "NULL",
        "Undefined",
        "anonymous",
        "00000000-0000-0000-0000-000000000000",
        " ",
        "[object Object]",
    ] {
        assert!(blocked(id).is_some(), "{id:?} passed");
    }
    for id in ["42", "ann", "018f0000-0000-7000-8000-000000000001"] {
        assert!(blocked(id).is_none(), "{id:?} was refused");
    }
}

proptest::proptest! {
    /// Whatever people and devices do: two customers with a user id are never joined, a user always has the same
    /// customer, and nobody is merged twice or in a circle.
    #[test]
    fn known_customers_are_never_joined(events in proptest::collection::vec((0..4_u8, 0..4_u8), 1..60)) {
        let mut world = World::new();
        let mut users: HashMap<String, CustomerId> = HashMap::new();
        let mut losers = BTreeSet::new();
        for (user, device) in events {
            let user = (user > 0).then(|| format!("user{user}"));
            let device = (device > 0).then(|| format!("device{device}"));
            if user.is_none() && device.is_none() {
                continue;
            }
            let (customer, merged) = world.event(user.as_deref(), device.as_deref());
            for loser in merged {
                proptest::prop_assert!(losers.insert(loser), "merged twice");
                proptest::prop_assert!(!users.values().any(|known| *known == loser), "a known customer was merged");
            }
            if let Some(user) = user {
                proptest::prop_assert_eq!(*users.entry(user).or_insert(customer), customer);
            }
            proptest::prop_assert!(!losers.contains(&customer));
        }
        let distinct: BTreeSet<_> = users.values().collect();
        proptest::prop_assert_eq!(distinct.len(), users.len());
    }
}
