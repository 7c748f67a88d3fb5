//! What a run has come to, in terms that do not depend on the ids of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use elate_domain::system::name;
use elate_domain::{Event, EventType};
use elate_e2e::{Clients, System, Workspace, timestamp, user};
use elate_proto::events::v1::{FollowPartitionsRequest, GetLogRequest, PartitionHead, PartitionOffset};
use elate_proto::record;
use elate_proto::scoring::v1::GetScoreRequest;
use elate_testkit::webhook::WebhookReceiver;
use futures::StreamExt as _;
use serde_json::Value;

use crate::workload::{Workload, user_id};

/// What one customer has lived through.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Lived {
    /// Message ids of what came from outside, in the order of the log.
    pub(crate) outside: Vec<String>,
    /// The moments as they stand: definition, key, outcome, gap in millionths of a tolerance.
    pub(crate) moments: BTreeMap<(String, String), (String, i64)>,
    /// Judgements on the log, revisions included.
    pub(crate) judgements: usize,
    /// Promises by definition and key: the state.
    pub(crate) promises: BTreeMap<(String, String), String>,
    /// Keys of the events that a play has emitted.
    pub(crate) emitted: Vec<String>,
    /// Messages asked for, by play, key and step: how often.
    pub(crate) requested: BTreeMap<(String, String, String), usize>,
    /// Score in millionths.
    pub(crate) score: Option<i64>,
}

/// What a run has come to.
#[derive(Debug, Default)]
pub(crate) struct Digest {
    pub(crate) customers: BTreeMap<String, Lived>,
    /// E-mails at the sink by recipient and subject: how many.
    pub(crate) mails: BTreeMap<(String, String), usize>,
    /// Webhooks at the receiver by recipient and key: their ids.
    pub(crate) webhooks: BTreeMap<(String, String), BTreeSet<String>>,
    /// E-mails whose record says that the outcome is unknown, by recipient and key.
    pub(crate) unknown: BTreeSet<(String, String)>,
    pub(crate) records: u64,
}

/// The heads of the log, when nothing has been appended for a while.
pub(crate) async fn settled(clients: &Clients, quiet: Duration, within: Duration) -> Vec<PartitionHead> {
    let deadline = tokio::time::Instant::now() + within;
    let mut last: Vec<PartitionHead> = Vec::new();
    let mut since = tokio::time::Instant::now();
    while since.elapsed() < quiet || last.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the log does not come to rest");
        if let Ok(log) = clients.log().get_log(GetLogRequest {}).await {
            let heads = log.into_inner().heads;
            if heads != last {
                last = heads;
                since = tokio::time::Instant::now();
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    last
}

/// Reads the whole log and what the services say of each customer.
pub(crate) async fn read(
    system: &System,
    workspace: &Workspace,
    webhooks: &WebhookReceiver,
    workload: &Workload,
    heads: &[PartitionHead],
) -> Digest {
    let mut digest = Digest::default();
    let events = whole_log(&system.service_clients(), heads).await;
    digest.records = events.len() as u64;
    let mut names: BTreeMap<_, String> = BTreeMap::new();
    for event in events.iter().filter(|event| event.workspace.as_str() == workspace.id) {
        if let Some(user) = &event.user_id {
            names.entry(event.customer).or_insert_with(|| user.to_string());
        }
    }
    let mut messages: BTreeMap<String, (String, String)> = BTreeMap::new();
    for event in events.iter().filter(|event| event.workspace.as_str() == workspace.id) {
        let Some(user) = names.get(&event.customer) else { continue };
        let lived = digest.customers.entry(user.clone()).or_default();
        if event.event_type != EventType::System && &*event.name != "Chat Noted" {
            lived.outside.push(event.message_id.clone());
            continue;
        }
        let told: Value = serde_json::from_slice(event.properties.as_bytes()).expect("a payload");
        take(lived, event, &told, user, &mut messages);
        if &*event.name == name::NOTIFICATION_RECEIPT && told["state"] == "outcome_unknown" {
            let asked = messages.get(&text(&told, "notification_id")).expect("it was asked for");
            digest.unknown.insert(asked.clone());
        }
    }
    sinks(&mut digest, system, webhooks);
    scores(&mut digest, workspace, workload).await;
    digest
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn take(
    lived: &mut Lived,
    event: &Event,
    told: &Value,
    user: &str,
    messages: &mut BTreeMap<String, (String, String)>,
) {
    let of = |field: &str| text(told, field);
    match &*event.name {
        name::MOMENT_JUDGED => {
            lived.judgements += 1;
            let gap = (told["gap"].as_f64().expect("a gap") * 1e6).round() as i64;
            // Without a key, what it was made of tells moments of one definition apart.
            let key = match of("key") {
                key if key.is_empty() => told["because"].to_string(),
                key => key,
            };
            lived.moments.insert((of("moment"), key), (of("outcome"), gap));
        }
        name::PROMISE_CHANGED => {
            lived.promises.insert((of("moment"), of("key")), of("state"));
        }
        name::NOTIFICATION_REQUESTED => {
            let key = told["data"]["play"]["key"].as_str().unwrap_or_default().to_owned();
            messages.insert(of("notification_id"), (format!("{user}@fault.example"), key.clone()));
            *lived.requested.entry((of("play"), key, of("step"))).or_default() += 1;
        }
        "Chat Noted" => lived.emitted.push(of("chat_id")),
        _ => {}
    }
}

/// Every record of the log. Offsets must be dense: each batch begins where the one before ended.
async fn whole_log(clients: &Clients, heads: &[PartitionHead]) -> Vec<Event> {
    let partitions =
        heads.iter().map(|head| PartitionOffset { partition: head.partition, after_offset: 0 }).collect();
    let request = FollowPartitionsRequest { partitions, generation: String::new() };
    let mut stream = clients.log().follow_partitions(request).await.expect("the log").into_inner();
    let mut reached: BTreeMap<u32, u64> = heads.iter().map(|head| (head.partition, 0)).collect();
    let wanted: BTreeMap<u32, u64> = heads.iter().map(|head| (head.partition, head.last_offset)).collect();
    let mut events = Vec::new();
    while reached.iter().any(|(partition, at)| *at < wanted[partition]) {
        let next = tokio::time::timeout(Duration::from_secs(60), stream.message()).await;
        let answer = next.expect("the log goes on").expect("no error").expect("no end");
        for batch in answer.batches {
            let at = reached.get_mut(&batch.partition).expect("a partition that was asked for");
            assert_eq!(batch.first_offset, *at + 1, "offsets are dense in partition {}", batch.partition);
            *at += batch.records.len() as u64;
            for bytes in batch.records {
                events.extend(record::decode(bytes).expect("a record"));
            }
        }
    }
    events
}

fn sinks(digest: &mut Digest, system: &System, webhooks: &WebhookReceiver) {
    for mail in system.mail.mails() {
        let subject = mail.header("Subject").expect("a subject");
        for to in &mail.to {
            *digest.mails.entry((to.clone(), subject.clone())).or_default() += 1;
        }
    }
    for call in webhooks.received() {
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        let id = call.header("webhook-id").expect("an id").to_owned();
        digest.webhooks.entry((text(&body, "to"), text(&body, "key"))).or_default().insert(id);
    }
}

/// The scores as the service answers them, and that its and journeys' tables say what the log says.
async fn scores(digest: &mut Digest, workspace: &Workspace, workload: &Workload) {
    let known = timestamp(elate_e2e::now_millis() + 86_400_000);
    let at = timestamp(workload.ends());
    let answers = futures::stream::iter((0..workload.customers).map(|customer| async move {
        let id = user_id(customer);
        let request =
            GetScoreRequest { customer: Some(user(&id)), at_time: Some(at), as_known_time: Some(known) };
        let score = match workspace.admin.scoring().get_score(request).await {
            Ok(answer) => answer.into_inner().score,
            // Nothing was judged for a customer who has only looked around.
            Err(status) if status.code() == tonic::Code::NotFound => None,
            Err(status) => panic!("{id}: {}", elate_e2e::explain(&status)),
        };
        let moments = workspace.moments(user(&id)).await;
        let promises = workspace.promises(user(&id)).await;
        (id, score, moments.len(), promises.len())
    }))
    .buffer_unordered(8)
    .collect::<Vec<_>>()
    .await;
    for (id, score, moments, promises) in answers {
        let lived = digest.customers.entry(id.clone()).or_default();
        assert_eq!(moments, lived.moments.len(), "{id}: moments in the table and on the timeline");
        assert_eq!(promises, lived.promises.len(), "{id}: promises in the table and on the timeline");
        let counted = score.as_ref().map_or(0, |score| score.moments);
        assert_eq!(counted, lived.moments.len() as u64, "{id}: moments of the score");
        lived.score = score.map(|score| (score.delight * 1e6).round() as i64);
    }
}
