//! A customer is erased everywhere, provably, and does not come back.

use std::collections::BTreeSet;

use elate_domain::system::name;
use elate_e2e::{System, Workspace, anonymous, customer, identify, now_millis, rfc3339, track, user};
use elate_proto::common::v1::CustomerRef;
use elate_proto::events::v1::ingest_result::Status;
use elate_proto::events::v1::{EraseCustomerRequest, GetErasureRequest};
use elate_testkit::eventually;
use serde_json::json;

async fn lives(workspace: &Workspace, id: &str) {
    let due = rfc3339(now_millis() + 30 * 86_400_000);
    workspace
        .ingest(vec![
            identify(
                &format!("{id}-1"),
                id,
                &format!("browser-{id}"),
                &json!({"email": format!("{id}@mail.example")}),
            ),
            track(&format!("{id}-2"), id, "Item Rated", &json!({"order_id": "o-1", "stars": 1})),
            track(&format!("{id}-3"), id, "Order Placed", &json!({"order_id": "o-2", "promised_at": due})),
        ])
        .await;
    workspace.wait_for(user(id), name::NOTIFICATION_RECEIPT, |r| r["state"] == "sent").await;
    eventually(elate_e2e::SOON, || async { footprint(workspace, user(id)).await == (1, 1, 1, true) }).await;
}

/// Promises, moments, messages, and whether there is a score.
async fn footprint(workspace: &Workspace, whom: CustomerRef) -> (usize, usize, usize, bool) {
    (
        workspace.promises(whom.clone()).await.len(),
        workspace.moments(whom.clone()).await.len(),
        workspace.notifications(whom.clone()).await.len(),
        workspace.delight(whom).await.is_some(),
    )
}

pub(crate) async fn a_customer_is_erased(system: &System) {
    let workspace = system.workspace("erase").await;
    workspace.apply(include_str!("../../manifests/basic.yaml")).await;
    lives(&workspace, "gone").await;
    lives(&workspace, "stays").await;
    let id = workspace.customer(user("gone")).await.expect("a customer").customer_id;

    let mut client = workspace.admin.customers();
    let request = EraseCustomerRequest { request_id: "erase-1".to_owned(), customer: Some(user("gone")) };
    let begun = client.erase_customer(request.clone()).await.expect("an erasure").into_inner();
    let again = client.erase_customer(request).await.expect("a repeat is harmless").into_inner();
    assert_eq!(begun.erasure_id, again.erasure_id);

    let receipts = eventually(elate_e2e::SOON, || {
        let (mut client, erasure_id) = (client.clone(), begun.erasure_id.clone());
        async move {
            let erasure = client.get_erasure(GetErasureRequest { erasure_id }).await;
            let erasure = erasure.map_err(|status| status.to_string())?.into_inner();
            if erasure.complete { Ok(erasure.receipts) } else { Err(format!("{:?}", erasure.receipts)) }
        }
    })
    .await;
    let services: BTreeSet<&str> = receipts.iter().map(|receipt| receipt.service.as_str()).collect();
    assert_eq!(services, BTreeSet::from(["journeys", "notifications", "scoring"]));
    assert!(
        receipts.iter().all(|receipt| receipt.purged_time.is_some() && receipt.purged > 0),
        "{receipts:?}"
    );

    for whom in [user("gone"), anonymous("browser-gone")] {
        assert!(workspace.customer(whom).await.is_none());
    }
    assert_eq!(footprint(&workspace, customer(&id)).await, (0, 0, 0, false));
    let timeline =
        elate_proto::events::v1::ListTimelineRequest { customer: Some(customer(&id)), ..Default::default() };
    if let Ok(left) = client.list_timeline(timeline).await {
        let left = left.into_inner().entries;
        let told = |name: &str| name.starts_with("elate.customer.eras");
        let revealing =
            left.iter().filter_map(|entry| entry.record.as_ref()).find(|r| !r.tombstone && !told(&r.name));
        assert!(revealing.is_none(), "{revealing:?}");
    }

    // A late retry does not bring it back; neither does a new message.
    let late = vec![
        track("gone-2", "gone", "Item Rated", &json!({"order_id": "o-1", "stars": 1})),
        track("gone-9", "gone", "Item Rated", &json!({"order_id": "o-9", "stars": 1})),
    ];
    let results = workspace.try_ingest(late).await.expect("an answer");
    assert_eq!(
        (results[1].status(), results[1].reason.as_str()),
        (Status::Rejected, "erased"),
        "{results:?}"
    );
    assert_ne!(results[0].status(), Status::Accepted, "{results:?}");
    assert!(workspace.customer(user("gone")).await.is_none());
    assert_eq!(footprint(&workspace, user("stays")).await, (1, 1, 1, true), "nobody else is touched");
    assert_eq!(system.mail.mails_to("gone@mail.example").len(), 1);
}
