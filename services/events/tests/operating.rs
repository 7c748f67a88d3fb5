//! Keys, switches, definitions, the catalogue, following a workspace.

mod support;

use std::time::Duration;

use elate_domain::system::{DefinitionsPublished, PauseChanged, PauseScope, name};
use elate_domain::{SourceId, WorkspaceId};
use elate_events::app::Error;
use elate_events::model::definitions::Apply;
use elate_events::model::follow::WorkspaceFollow;
use elate_events::model::key::{NewKey, Role};
use elate_events::model::message::Message;
use elate_events::model::page::PageRequest;
use elate_testkit::eventually;
use futures::StreamExt;
use sha2::{Digest, Sha256};
use support::{batch, track, workspace, worlds};

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_shown_once_rotated_and_revoked() {
    for world in worlds().await {
        let admin = world.app.admin();
        let first = admin.bootstrap(&workspace()).await.unwrap().unwrap();
        assert!(first.secret.starts_with("elk_") && !format!("{first:?}").contains(&first.secret));
        assert!(admin.bootstrap(&workspace()).await.unwrap().is_none());
        let principal = admin.resolve(hash(&first.secret)).await.unwrap().unwrap();
        assert_eq!((principal.workspace, principal.key.role), (workspace(), Role::Admin));
        let new = || NewKey { name: "Web Shop".into(), role: Role::Writer, source: None };
        let key = admin.create_key(&workspace(), "r", new()).await.unwrap();
        assert_eq!(key.key.source, SourceId::try_new("web-shop").unwrap());
        assert!(matches!(admin.create_key(&workspace(), "r", new()).await, Err(Error::AlreadyExists { .. })));
        let overlap = Duration::from_secs(60);
        let next = admin.rotate_key(&workspace(), &key.key.id, overlap).await.unwrap();
        for secret in [&key.secret, &next.secret] {
            assert_eq!(admin.resolve(hash(secret)).await.unwrap().unwrap().key.source, key.key.source);
        }
        let last = admin.rotate_key(&workspace(), &key.key.id, Duration::ZERO).await.unwrap();
        for (secret, known) in [(&key.secret, false), (&next.secret, false), (&last.secret, true)] {
            assert_eq!(admin.resolve(hash(secret)).await.unwrap().is_some(), known, "{}", world.name);
        }
        admin.revoke_key(&workspace(), &key.key.id).await.unwrap();
        assert!(admin.resolve(hash(&last.secret)).await.unwrap().is_none());
        let other = WorkspaceId::try_new("other").unwrap();
        admin.create_workspace(&other, "Europe/Vienna").await.unwrap();
        assert!(matches!(admin.revoke_key(&other, &key.key.id).await, Err(Error::NotFound { .. })));
        let page = |token: &str| PageRequest { size: 1, token: token.to_owned() };
        let one = admin.keys(&workspace(), &page("")).await.unwrap();
        let two = admin.keys(&workspace(), &page(&one.next)).await.unwrap();
        assert_eq!((one.items[0].name.as_str(), two.items[0].name.as_str()), ("admin", "Web Shop"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_and_switches_stand_once_in_every_partition() {
    for world in worlds().await {
        let manifest =
            |n: u32| format!("{{\"kind\":\"Moment\",\"metadata\":{{\"name\":\"m\"}},\"spec\":{n}}}");
        let apply = |request: &str, n| Apply {
            request_id: request.into(),
            documents: vec![manifest(n)],
            ..Apply::default()
        };
        let definitions = world.app.definitions();
        let dry = Apply { dry_run: true, ..apply("", 1) };
        assert_eq!(definitions.apply(&workspace(), "ops", dry).await.unwrap().version, 0);
        let done = definitions.apply(&workspace(), "ops", apply("r1", 1)).await.unwrap();
        assert_eq!((done.version, done.warnings.len()), (1, 1));
        assert_eq!(definitions.apply(&workspace(), "ops", apply("r1", 9)).await.unwrap(), done);
        assert_eq!(
            definitions.apply(&workspace(), "ops", apply("", 1)).await.unwrap().version,
            1,
            "unchanged"
        );
        let shop = workspace();
        let (two, three) = tokio::join!(
            definitions.apply(&shop, "a", apply("", 2)),
            definitions.apply(&shop, "b", apply("", 3))
        );
        let mut versions = [two.unwrap().version, three.unwrap().version];
        versions.sort_unstable();
        assert_eq!(versions, [2, 3], "{}", world.name);
        assert_eq!(definitions.list(&workspace(), "Moment", "m").await.unwrap().version, 3);
        let pause = PauseChanged {
            scope: PauseScope::All,
            target: String::new(),
            paused: true,
            reason: "why".into(),
        };
        for _ in 0..2 {
            world.app.admin().set_pause(&workspace(), "p1", pause.clone()).await.unwrap();
        }
        let records = world.records().await;
        for partition in 0..8 {
            let own: Vec<_> = records
                .iter()
                .filter(|r| r.partition.0 == partition)
                .filter_map(|r| r.event.as_ref())
                .collect();
            let published: Vec<u64> = own
                .iter()
                .filter(|event| event.name.as_ref() == name::DEFINITIONS_PUBLISHED)
                .map(|event| event.properties.read::<DefinitionsPublished>().unwrap().version)
                .collect();
            assert_eq!(published, [1, 2, 3]);
            assert_eq!(own.iter().filter(|event| event.name.as_ref() == name::PAUSE_CHANGED).count(), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_follows_its_own_records_from_any_cursor() {
    for world in worlds().await {
        let other = WorkspaceId::try_new("other").unwrap();
        let mut cursor = "begin".to_owned();
        let mut seen = Vec::new();
        for round in 0..3 {
            let messages = |name: &str| {
                (0..5).map(|i| track(&format!("{name}{round}{i}"), &format!("u{i}"), "")).collect()
            };
            world.send(messages("own")).await;
            let foreign = elate_events::model::message::Batch {
                workspace: other.clone(),
                ..batch(messages("foreign"))
            };
            world.app.ingest().append(foreign).await.unwrap();
            let follow = WorkspaceFollow { cursor: cursor.clone(), ..WorkspaceFollow::default() };
            let mut stream = world.app.customers().follow(&workspace(), follow).await.unwrap();
            let mut got = 0;
            while got < 5 {
                let next = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
                let item = next.expect("the stream is silent").unwrap().unwrap();
                cursor = item.cursor;
                if let Some(entry) = item.entry {
                    assert_eq!(entry.event.workspace, workspace());
                    seen.push(entry.event.message_id);
                    got += 1;
                }
            }
        }
        seen.sort_unstable();
        let expected: Vec<_> = (0..3).flat_map(|r| (0..5).map(move |i| format!("own{r}{i}"))).collect();
        assert_eq!(seen, expected, "{}", world.name);
        // What is to end with the present ends, and has told everything.
        let all =
            WorkspaceFollow { cursor: "begin".into(), until_present: true, ..WorkspaceFollow::default() };
        let stream = world.app.customers().follow(&workspace(), all).await.unwrap();
        let told = tokio::time::timeout(Duration::from_secs(10), stream.collect::<Vec<_>>()).await;
        let told = told.expect("the stream ends").into_iter().filter_map(|item| item.unwrap().entry).count();
        assert_eq!(told, expected.len(), "{}", world.name);
        let wrong = WorkspaceFollow { cursor: "zzz".into(), ..WorkspaceFollow::default() };
        assert!(matches!(world.app.customers().follow(&workspace(), wrong).await, Err(Error::Invalid(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_knows_what_was_seen() {
    for world in worlds().await {
        let message = |id: &str, name: &str, properties: &'static str| Message {
            name: name.into(),
            properties: properties.into(),
            ..track(id, "ann", "")
        };
        world.send(vec![message("1", "A", "{\"x\":1,\"y\":{\"z\":true}}"), message("2", "B", "{}")]).await;
        world.send(vec![message("3", "A", "{\"x\":\"one\"}")]).await;
        let page = eventually(Duration::from_secs(10), || async {
            let first = PageRequest { size: 1, token: String::new() };
            let page = world.app.customers().catalog(&workspace(), &first).await.unwrap();
            page.items
                .first()
                .is_some_and(|event| event.properties.iter().any(|p| p.types.len() == 2))
                .then_some(page)
        })
        .await;
        let paths: Vec<_> = page.items[0].properties.iter().map(|property| property.path.as_str()).collect();
        assert_eq!((page.items[0].name.as_str(), paths), ("A", vec!["x", "y", "y.z"]));
        let next = PageRequest { size: 1, token: page.next };
        assert_eq!(world.app.customers().catalog(&workspace(), &next).await.unwrap().items[0].name, "B");
    }
}
