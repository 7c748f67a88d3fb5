//! What is wrong is refused with a reason, and nothing that is right is lost with it.

use elate_domain::system::name;
use elate_e2e::{System, Topology, explain, http, identify, track, user};
use elate_proto::events::v1::ListManifestsRequest;
use elate_proto::events::v1::ingest_result::Status;
use elate_proto::events::v1::{EventType, IngestMessage};
use elate_testkit::webhook::WebhookReceiver;
use serde_json::{Value, json};
use tonic::Code;

pub(crate) async fn malformed_messages(system: &System) {
    let workspace = system.workspace("malformed").await;
    let url = format!("{}/v1/batch", workspace.url);
    let key = &workspace.write_key;
    let post = |body: String| http::post_json(&url, key, body);

    for broken in ["{", "[]", "null", r#"{"batch": 7}"#, r#"{"batch": [{"type": "track"}]}"#, "\u{0}"] {
        let answer = post(broken.to_owned()).await;
        assert_eq!(answer.status, 400, "{broken:?}: {}", answer.text());
        assert!(answer.text().contains("\"success\":false"), "{}", answer.text());
    }
    let good = json!({"type": "track", "messageId": "g-1", "userId": "emil", "event": "Seen"});
    let one = json!({"batch": [good]}).to_string();
    for wrong in ["", "elk_made-up", "\u{7f}"] {
        let authorization = format!("Bearer {wrong}");
        let headers: &[(&str, &str)] =
            if wrong == "\u{7f}" { &[] } else { &[("authorization", &authorization)] };
        let answer = http::send(::http::Method::POST, &url, headers, one.clone()).await;
        assert_eq!(answer.status, 401, "{wrong:?}: {}", answer.text());
    }
    let many: Vec<Value> = (0..2_501)
        .map(|n| json!({"type": "track", "messageId": format!("x-{n}"), "userId": "emil", "event": "X"}))
        .collect();
    let answer = post(json!({"batch": many}).to_string()).await;
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.text().contains("2500"), "the limit is named: {}", answer.text());
    let answer = post(format!("{{\"batch\": [], \"pad\": \"{}\"}}", "x".repeat(5 << 20))).await;
    assert_eq!(answer.status, 413, "{}", answer.text());

    // One wrong message among good ones: the good ones are durable, the wrong one is named.
    let large = json!({"text": "y".repeat(40_000)});
    let mixed = json!({"batch": [
        good,
        {"type": "track", "messageId": "b-1", "userId": "emil", "event": "Large", "properties": large},
        {"type": "dance", "messageId": "b-2", "userId": "emil"},
        {"type": "track", "messageId": "g-2", "userId": "emil", "event": "Seen"},
    ]});
    let answer = post(mixed.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let rejected: Vec<(u64, &str)> = told["rejected"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| (r["index"].as_u64().expect("a number"), r["field"].as_str().expect("a field")))
        .collect();
    assert_eq!(rejected.len(), 2, "{told}");
    assert_eq!((rejected[0].0, rejected[1]), (1, (2, "type")), "{told}");
    over_grpc(&workspace).await;
    let kept = workspace.timeline(user("emil")).await;
    let kept: Vec<String> = kept.into_iter().filter_map(|entry| entry.record).map(|r| r.message_id).collect();
    assert_eq!(kept, ["g-1", "g-2", "g-3"]);
}

async fn over_grpc(workspace: &elate_e2e::Workspace) {
    let good = track("g-3", "emil", "Seen", &json!({}));
    let wrong = [
        (IngestMessage { r#type: EventType::Unspecified.into(), ..good.clone() }, "type"),
        (IngestMessage { name: String::new(), ..good.clone() }, "name"),
        (IngestMessage { user_id: String::new(), ..good.clone() }, "user_id"),
        (IngestMessage { properties: b"{\"a\":".to_vec().into(), ..good.clone() }, "properties"),
        (IngestMessage { message_id: "i".repeat(101), ..good.clone() }, "message_id"),
    ];
    let mut messages: Vec<IngestMessage> = wrong.iter().map(|(message, _)| message.clone()).collect();
    messages.push(good);
    let results = workspace.try_ingest(messages).await.expect("an answer");
    for ((_, field), result) in wrong.iter().zip(&results) {
        assert_eq!((result.status(), result.field.as_str()), (Status::Rejected, *field), "{result:?}");
        assert!(!result.reason.is_empty());
    }
    assert_eq!(results[5].status(), Status::Accepted, "{:?}", results[5]);
    let many = (0..2_501).map(|n| track(&format!("y-{n}"), "emil", "Y", &json!({}))).collect();
    let refused = workspace.try_ingest(many).await.expect_err("too many");
    assert!(explain(&refused).contains("2500"), "{}", explain(&refused));
}

pub(crate) async fn broken_manifests(system: &System) {
    let workspace = system.workspace("manifests").await;
    let good = include_str!("../../manifests/basic.yaml");
    assert_eq!(workspace.apply(good).await.version, 1);
    let cases = [
        (good.replace("truth: smot", "truth: soon"), "documents[0].spec.truth"),
        (good.replace("tolerance: 12h", "tolerance: 12 parsecs"), "documents[1].spec.tolerance"),
        (
            good.replace("template: reminder", "template: remainder"),
            "documents[3].spec.steps[1].send.template",
        ),
        (good.replace("event.properties.stars", "event.properties."), "documents[0].spec.experience"),
        (good.replace("reentry: always", "re_entry: always"), "documents[2].spec"),
        (good.replace("kind: Channel", "kind: Chanel"), "documents[4].kind"),
        (format!("{good}---\n: : :\n"), "documents["),
    ];
    for (broken, path) in cases {
        let refused = workspace.try_apply(&broken).await.expect_err(path);
        assert_eq!(refused.code(), Code::InvalidArgument, "{path}: {refused:?}");
        let text = explain(&refused);
        assert!(text.lines().skip(1).any(|line| line.trim_start().starts_with(path)), "{path}: {text}");
    }
    let request = ListManifestsRequest::default();
    let listed = workspace.admin.definitions().list_manifests(request).await.expect("manifests").into_inner();
    assert_eq!((listed.version, listed.documents.len()), (1, 7), "nothing of the broken ones is in force");
}

pub(crate) async fn hostile_webhooks(system: &System) {
    let workspace = system.workspace("hostile").await;
    // Somebody does listen on this machine, and must not hear anything.
    let inside = WebhookReceiver::start().await;
    let port = inside.address().port();
    let urls = [
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        format!("https://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        format!("https://2130706433:{port}/"),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, elate_reach::webhook::Secret::from_random([9; 32]).reveal()).expect("write");
    let channels = urls.iter().enumerate().map(|(n, url)| {
        format!(
            "apiVersion: elate.dev/v1\nkind: Channel\nmetadata: {{name: hook-{n}}}\nspec:\n  retry: []\n  webhook: \
             {{url: \"{url}\", secret: \"file:{}\"}}\n---\napiVersion: elate.dev/v1\nkind: Play\nmetadata: {{name: \
             call-{n}}}\nspec:\n  trigger: {{event: {{on: Called}}}}\n  steps:\n    - send: {{channel: hook-{n}, \
             template: call, class: urgent}}\n---\n",
            secret.display()
        )
    });
    let template = "apiVersion: elate.dev/v1\nkind: Template\nmetadata: {name: call}\nspec:\n  channel: webhook\n  \
                    fallback: en\n  locales: {en: {body: '{}'}}\n";
    let manifests = channels.collect::<String>() + template;
    workspace.apply(&manifests).await;
    workspace
        .ingest(vec![identify("m-1", "finn", "", &json!({})), track("m-2", "finn", "Called", &json!({}))])
        .await;
    for (n, url) in urls.iter().enumerate() {
        let channel = format!("hook-{n}");
        let ended = workspace.wait_for(user("finn"), name::NOTIFICATION_RECEIPT, |receipt| {
            receipt["channel"] == channel.as_str()
                && ["failed", "refused", "sent"].iter().any(|state| receipt["state"] == *state)
        });
        let ended = ended.await;
        assert_ne!(ended["state"], "sent", "{url}");
        // A number is no host name for TLS, so the last one fails before its address is looked at.
        let expected = if url.contains("2130706433") { "connection_failed" } else { "address_forbidden" };
        assert_eq!(ended["reason"], expected, "{url}: {ended}");
    }
    assert_eq!(inside.connections(), 0);
}

/// No address of a customer, no key and no secret stands in what the processes have printed.
pub(crate) fn nothing_secret_was_printed(system: &System) {
    let printed = system.printed();
    assert!(!printed.is_empty());
    for line in printed.lines() {
        // `elate dev` shows the write key of its own workspace to whoever runs it, on purpose.
        let shown = system.topology != Topology::Four && line.starts_with("write key (SDKs)");
        for secret in ["mail.example", "elk_", "whsec_", system.token()] {
            assert!(shown || !line.contains(secret), "{secret} in: {line}");
        }
    }
}
