//! Quiet hours hold a message; what the customer says in between counts.

use std::collections::HashMap;

use elate_domain::system::name;
use elate_e2e::{System, identify, now_millis, rfc3339, track, user};
use elate_proto::events::v1::SetPreferencesRequest;
use elate_proto::notifications::v1::{CheckReachRequest, NotificationState};
use serde_json::json;

/// A time of day in UTC, this many hours from now.
fn time_of_day(hours: i64) -> String {
    rfc3339(now_millis() + hours * 3_600_000)[11..16].to_owned()
}

pub(crate) async fn quiet_hours_hold(system: &System) {
    let quiet = system.workspace("quiet").await;
    let manifests = include_str!("../../manifests/reach.yaml")
        .replace("{quiet_from}", &time_of_day(-2))
        .replace("{quiet_to}", &time_of_day(3));
    quiet.apply(&manifests).await;
    let traits = json!({"email": "sleeper@mail.example", "timezone": "UTC"});
    quiet.ingest(vec![identify("login", "sleeper", "", &traits)]).await;
    quiet.ingest(vec![track("wanted", "sleeper", "Note Wanted", &json!({"note_id": "n-1"}))]).await;

    let held = quiet.wait_for(user("sleeper"), name::NOTIFICATION_RECEIPT, |r| r["state"] == "held").await;
    assert_eq!(held["reason"], "quiet_hours");
    let listed = elate_testkit::eventually(elate_e2e::SOON, || async {
        let all = quiet.notifications(user("sleeper")).await;
        all.into_iter().find(|n| n.state() == NotificationState::Held)
    })
    .await;
    let opens = listed.next_time.expect("the end of the hold").seconds * 1000;
    assert!(opens > now_millis() + 3_600_000 && opens < now_millis() + 4 * 3_600_000);

    let request = CheckReachRequest {
        customer: Some(user("sleeper")),
        channel: "email".to_owned(),
        topic: String::new(),
        class: "service".to_owned(),
    };
    let check = quiet.admin.notifications().check_reach(request).await.expect("a decision").into_inner();
    assert_eq!((check.decision.as_str(), check.reason.as_str()), ("hold", "quiet_hours"));

    let refuse = SetPreferencesRequest {
        request_id: "no-mail".to_owned(),
        customer: Some(user("sleeper")),
        channels: HashMap::from([("email".to_owned(), false)]).into_iter().collect(),
        via: "preference_center".to_owned(),
        ..Default::default()
    };
    quiet.admin.customers().set_preferences(refuse).await.expect("preferences");
    let ended =
        quiet.wait_for(user("sleeper"), name::NOTIFICATION_RECEIPT, |r| r["state"] == "refused").await;
    assert_eq!(ended["notification_id"], held["notification_id"]);
    assert!(system.mail.mails_to("sleeper@mail.example").is_empty());
}
