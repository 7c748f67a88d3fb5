//! The story: a promise is broken, the customer is told and helped before a complaint, and the score shows it.

use elate_domain::Timestamp;
use elate_domain::system::name;
use elate_e2e::{System, Workspace, anonymous, identify, now_millis, rfc3339, timestamp, track, user, visit};
use elate_proto::journeys::v1::{
    CaseState, IsHeldOutRequest, Outcome, PlayDecision, PromiseState, is_held_out_request::Subject,
};
use elate_proto::scoring::v1::{
    GetFeedbackRequest, GetReportRequest, GetScoreRequest, SurveyKind, get_report_request::GroupBy,
};
use elate_reach::webhook::{self, Secret};
use elate_testkit::eventually;
use elate_testkit::process::{Recipe, workspace_binary};
use elate_testkit::smtp::Mail;
use elate_testkit::webhook::WebhookReceiver;
use mail_parser::MessageParser;
use serde_json::json;

use elate_e2e::SOON;

const PLAY: &str = "recover-late-gift";
/// Half of them are held out, so that all but one in 32,768 runs have both sorts.
const CANDIDATES: usize = 16;

struct Story<'a> {
    system: &'a System,
    shop: Workspace,
    care_team: WebhookReceiver,
    secret: Secret,
    treated: String,
    held_out: String,
}

pub(crate) async fn a_present_comes_late(system: &System) {
    let folder = tempfile::tempdir().expect("a folder");
    let story = Story::begin(system, folder.path()).await;
    let (treated, held_out) = (story.treated.clone(), story.held_out.clone());

    let before = story.delight(&treated).await;
    assert!(before > 50.0, "a quick find is a good start: {before}");
    let due = now_millis() + 8_000;
    story.order(&treated, "o-1", due).await;
    story.order(&held_out, "h-1", due).await;
    story.at_risk_then_broken(due).await;
    let broken = story.delight(&treated).await;
    assert!(broken < 40.0, "it is felt before the parcel comes: {broken}");
    let known_when_broken = now_millis();
    let mail = story.mail_in_german().await;
    story.signed_task().await;
    story.late_fulfilment().await;
    story.recovery(broken).await;
    story.score_adds_up(known_when_broken).await;
    story.reports().await;
    story.unsubscribed(&mail).await;
    story.explained().await;
    story.held_out_gets_nothing().await;
    assert_eq!(story.mails(&treated).len(), 1, "one mail, however often it was looked at");
}

impl<'a> Story<'a> {
    /// Visitors come, find something, and log in; one of them is treated and one held out.
    async fn begin(system: &'a System, folder: &std::path::Path) -> Self {
        let shop = system.workspace("shop").await;
        let care_team = WebhookReceiver::start().await;
        let secret = Secret::from_random([7; 32]);
        let secret_file = folder.join("care-team-secret");
        std::fs::write(&secret_file, secret.reveal()).expect("write the secret");
        let manifests = include_str!("../../manifests/story.yaml")
            .replace("{webhook_url}", &care_team.url("/tasks"))
            .replace("{secret_file}", secret_file.to_str().expect("a path in UTF-8"));
        let applied = shop.apply(&manifests).await;
        assert_eq!(applied.version, 1);

        let browser = |n: usize| format!("browser-{n}");
        let searched = (0..CANDIDATES).flat_map(|n| {
            let visit = |what: &str, name, rank| {
                visit(&format!("{what}-{n}"), &browser(n), name, &json!({"rank": rank}))
            };
            [visit("searched", "Products Searched", 0), visit("found", "Product Viewed", 1)]
        });
        shop.ingest(searched.collect()).await;
        let logins = (0..CANDIDATES).map(|n| {
            let traits =
                json!({"first_name": "Ada", "email": format!("u-{n}@mail.example"), "locale": "de-AT"});
            identify(&format!("login-{n}"), &format!("u-{n}"), &browser(n), &traits)
        });
        shop.ingest(logins.collect()).await;

        let (known, visitor) =
            (shop.customer(user("u-0")).await, shop.customer(anonymous("browser-0")).await);
        assert!(known.is_some() && known.map(|c| c.customer_id) == visitor.map(|c| c.customer_id));
        shop.wait_for(user("u-0"), name::MOMENT_JUDGED, |m| m["moment"] == "search").await;
        let names = shop.names(user("u-0")).await;
        assert_eq!(names[..2], ["Products Searched", "Product Viewed"], "the visit before the login is hers");

        let mut story =
            Self { system, shop, care_team, secret, treated: String::new(), held_out: String::new() };
        for n in 0..CANDIDATES {
            let id = format!("u-{n}");
            let side = if story.is_held_out(&id).await { &mut story.held_out } else { &mut story.treated };
            *side = id;
        }
        assert!(!story.treated.is_empty() && !story.held_out.is_empty());
        story
    }

    async fn is_held_out(&self, id: &str) -> bool {
        let request = IsHeldOutRequest {
            play: PLAY.to_owned(),
            subject: Some(Subject::Customer(user(id))),
            ..Default::default()
        };
        let answer = eventually(SOON, || {
            let (mut client, request) = (self.shop.admin.journeys(), request.clone());
            async move { client.is_held_out(request).await.map_err(|status| status.to_string()) }
        });
        answer.await.into_inner().held_out
    }

    async fn delight(&self, id: &str) -> f64 {
        eventually(SOON, || self.shop.delight(user(id))).await
    }

    fn mails(&self, id: &str) -> Vec<Mail> {
        self.system.mail.mails_to(&format!("{id}@mail.example"))
    }

    async fn order(&self, id: &str, order: &str, due: i64) {
        let placed = json!({"order_id": order, "promised_at": rfc3339(due)});
        self.shop.ingest(vec![track(&format!("placed-{order}"), id, "Order Placed", &placed)]).await;
    }

    async fn at_risk_then_broken(&self, due: i64) {
        let customer = || user(&self.treated);
        let risk = self.shop.wait_for(customer(), name::PROMISE_CHANGED, |p| p["state"] == "at_risk").await;
        assert_eq!(risk["reason"], "not shipped six seconds before it is due");
        let order = self.told_in_order(name::PROMISE_CHANGED, "at_risk").await;
        assert!(order < due, "at risk is told before it is due");
        self.shop.wait_for(customer(), name::PROMISE_CHANGED, |p| p["state"] == "broken").await;
        let judged = self.shop.wait_for(customer(), name::MOMENT_JUDGED, |m| m["moment"] == "delivery").await;
        assert_eq!((&judged["provisional"], &judged["outcome"]), (&json!(true), &json!("miserable")));
        self.shop.wait_for(customer(), name::SCORE_CROSSED, |c| c["direction"] == "below").await;
        // Its own table may be a moment behind the log.
        eventually(SOON, || async {
            let promises = self.shop.promises(customer()).await;
            promises.iter().any(|p| p.state() == PromiseState::Broken && p.key == "o-1")
        })
        .await;
        eventually(SOON, || async { self.shop.delight(customer()).await.is_some_and(|d| d < 40.0) }).await;
    }

    /// The log time of the first event of this name and state.
    async fn told_in_order(&self, name: &str, state: &str) -> i64 {
        let timeline = self.shop.timeline(user(&self.treated)).await;
        let found = timeline.iter().find(|entry| {
            let record = entry.record.as_ref().expect("a record");
            let properties = String::from_utf8_lossy(&record.properties);
            record.name == name && properties.contains(&format!("\"{state}\""))
        });
        let at = found.and_then(|entry| entry.received_time).expect("a time");
        at.seconds * 1000 + i64::from(at.nanos / 1_000_000)
    }

    async fn mail_in_german(&self) -> Mail {
        let mails =
            eventually(SOON, || async { Some(self.mails(&self.treated)).filter(|mails| !mails.is_empty()) })
                .await;
        let mail = mails.into_iter().next().expect("a mail");
        let parsed = MessageParser::default().parse(mail.data.as_bytes()).expect("a message");
        assert_eq!(parsed.subject(), Some("Wir sind zu spät, Ada"));
        let text = parsed.body_text(0).expect("a text");
        assert!(text.contains("Bestellung o-1"), "{text}");
        let html = parsed.body_html(0).expect("an HTML part");
        assert!(html.contains("<b>o-1</b>"), "{html}");
        assert_eq!(mail.header("List-Unsubscribe-Post").as_deref(), Some("List-Unsubscribe=One-Click"));
        let link = mail.header("List-Unsubscribe").expect("a way to leave");
        assert!(link.contains(&format!("<{}/unsubscribe/", self.system.url("notifications"))), "{link}");
        self.shop
            .wait_for(user(&self.treated), name::NOTIFICATION_RECEIPT, |r| {
                r["state"] == "sent" && r["channel"] == "email"
            })
            .await;
        mail
    }

    async fn signed_task(&self) {
        let task = eventually(SOON, || async { self.care_team.received().into_iter().next() }).await;
        assert_eq!((task.method.as_str(), task.path.as_str()), ("POST", "/tasks"));
        let header = |name| task.header(name).expect("a header of Standard Webhooks");
        let verified = webhook::verify(
            std::slice::from_ref(&self.secret),
            header(webhook::ID_HEADER),
            header(webhook::TIMESTAMP_HEADER),
            header(webhook::SIGNATURE_HEADER),
            &task.body,
            Timestamp(now_millis()),
            webhook::TOLERANCE_SECONDS,
        );
        assert_eq!(verified, Ok(()));
        let body: serde_json::Value = serde_json::from_slice(&task.body).expect("JSON");
        assert_eq!(body, json!({"task": "send a replacement", "order": "o-1", "play": PLAY}));
    }

    /// The parcel comes in the end: the same moment is judged again.
    async fn late_fulfilment(&self) {
        let first = self.judged_deliveries().await.remove(0);
        let delivered = json!({"order_id": "o-1"});
        self.shop.ingest(vec![track("delivered-o-1", &self.treated, "Order Delivered", &delivered)]).await;
        let revised = self.shop.wait_for(user(&self.treated), name::MOMENT_JUDGED, |m| {
            m["moment"] == "delivery" && m["revision"].as_u64() > Some(0)
        });
        let revised = revised.await;
        assert_eq!(revised["moment_id"], first["moment_id"]);
        assert_eq!(revised["provisional"], false);
        assert!(revised["gap"].as_f64() <= first["gap"].as_f64(), "{revised} after {first}");
        let stands = eventually(SOON, || async {
            let moments = self.shop.moments(user(&self.treated)).await;
            let mut deliveries = moments.into_iter().filter(|m| m.moment == "delivery");
            deliveries.next().filter(|m| m.revision > 0 && deliveries.next().is_none())
        })
        .await;
        assert_eq!((stands.outcome(), stands.provisional), (Outcome::Miserable, false));
        let promise = self.shop.promises(user(&self.treated)).await.remove(0);
        assert_eq!(promise.state(), PromiseState::Broken, "it stays so in history");
        assert!(promise.fulfilled_time.is_some());
    }

    async fn judged_deliveries(&self) -> Vec<serde_json::Value> {
        let judged = self.shop.told(user(&self.treated), name::MOMENT_JUDGED).await;
        judged.into_iter().filter(|m| m["moment"] == "delivery").collect()
    }

    async fn recovery(&self, broken: f64) {
        let acting =
            self.shop.wait_for(user(&self.treated), name::CASE_CHANGED, |c| c["state"] == "acting").await;
        assert_eq!(acting["play"], PLAY);
        let rated = json!({"order_id": "o-1", "stars": 5});
        self.shop.ingest(vec![track("rated-o-1", &self.treated, "Care Call Rated", &rated)]).await;
        self.shop.wait_for(user(&self.treated), name::CASE_CHANGED, |c| c["state"] == "recovered").await;
        self.shop.wait_for(user(&self.treated), name::PLAY_STEPPED, |s| s["change"] == "exited").await;
        eventually(SOON, || async {
            let cases = self.shop.cases(user(&self.treated)).await;
            cases.iter().any(|case| case.state() == CaseState::Recovered && case.play == PLAY)
        })
        .await;
        eventually(SOON, || async {
            let delight = self.shop.delight(user(&self.treated)).await.unwrap_or_default();
            if delight > broken { Ok(()) } else { Err(format!("{delight} after {broken}")) }
        })
        .await;
    }

    async fn score_adds_up(&self, known_when_broken: i64) {
        let explained = self.shop.explained(user(&self.treated)).await.expect("an explanation");
        let score = explained.score.expect("a score");
        assert_eq!(score.moments, 3, "search, delivery, care call");
        let points: f64 = explained.contributions.iter().map(|c| c.points).sum();
        assert!((points - (score.delight - 50.0)).abs() < 1e-9, "{points} for {}", score.delight);
        assert!(explained.levers.iter().any(|lever| lever.moment == "delivery"));
        let level = score.level.expect("an interval");
        assert!(level.lower < score.delight && score.delight < level.upper, "{level:?}");
        let request = GetScoreRequest {
            customer: Some(user(&self.treated)),
            at_time: Some(timestamp(known_when_broken)),
            as_known_time: None,
        };
        let then = self.shop.admin.scoring().get_score(request).await.expect("a past score").into_inner();
        let then = then.score.expect("a score");
        assert_eq!(then.moments, 2, "the care call had not been");
        assert!(then.delight < score.delight);
    }

    async fn reports(&self) {
        let answers = [("a-1", 9), ("a-2", 3)].map(|(id, score)| {
            let answer = json!({"kind": "nps", "score": score, "survey": "after-order", "submission_id": id});
            track(&format!("survey-{id}"), &self.held_out, "Survey Answered", &answer)
        });
        self.shop.ingest(answers.into()).await;
        let day = 86_400_000;
        let (from, to) = (Some(timestamp(now_millis() - day)), Some(timestamp(now_millis() + day)));
        eventually(SOON, || async {
            let request = GetFeedbackRequest {
                kind: SurveyKind::Nps.into(),
                from_time: from,
                to_time: to,
                survey: "after-order".to_owned(),
            };
            let feedback = self.shop.admin.scoring().get_feedback(request).await?.into_inner();
            let counts = (feedback.answers, feedback.promoters, feedback.detractors);
            let estimate = feedback.estimate.map(|estimate| estimate.value);
            let fits = counts == (2, 1, 1) && estimate == Some(0.0);
            if fits { Ok(()) } else { Err(tonic::Status::unknown(format!("{counts:?} {estimate:?}"))) }
        })
        .await;
        let request = GetReportRequest { from_time: from, to_time: to, group_by: GroupBy::Touchpoint.into() };
        let report = self.shop.admin.scoring().get_report(request).await.expect("a report").into_inner();
        assert_eq!(report.active_customers, CANDIDATES as u64);
        let row = |group: &str| report.rows.iter().find(|row| row.group == group).cloned();
        let delivery = row("delivery").expect("a row for the delivery");
        assert!(delivery.miserable >= 2 && delivery.magical >= 1, "{delivery:?}");
        assert_eq!(row("search").map(|row| row.magical), Some(CANDIDATES as u64));
    }

    /// GET changes nothing; one POST ends these messages, and the next one is refused with a reason.
    async fn unsubscribed(&self, mail: &Mail) {
        let header = mail.header("List-Unsubscribe").expect("a way to leave");
        let link = header.trim_start_matches('<').split('>').next().expect("a link");
        assert_eq!(elate_e2e::http::get(link).await.status, 200);
        assert!(self.shop.told(user(&self.treated), name::PREFERENCES_CHANGED).await.is_empty());
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let body = "List-Unsubscribe=One-Click";
        let left = elate_e2e::http::send(http::Method::POST, link, &headers, body).await;
        assert_eq!(left.status, 200, "{}", left.text());
        let said = self.shop.wait_for(user(&self.treated), name::PREFERENCES_CHANGED, |_| true).await;
        assert_eq!(said["topics"], json!({"order-updates": false}));

        self.order(&self.treated, "o-2", now_millis() + 500).await;
        let refused = self.shop.wait_for(user(&self.treated), name::NOTIFICATION_RECEIPT, |r| {
            r["state"] == "refused" && r["template"] == "apology"
        });
        let refused = refused.await;
        assert!(refused["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{refused}");
        // The task for the care team is no message to the customer, and goes all the same.
        eventually(SOON, || async { self.care_team.count() == 2 }).await;
    }

    async fn explained(&self) {
        let why = self.shop.why(PLAY, user(&self.treated)).await;
        let entered: Vec<&str> = why
            .iter()
            .filter(|evaluation| evaluation.decision() == PlayDecision::Entered)
            .map(|evaluation| evaluation.key.as_str())
            .collect();
        assert_eq!(entered, ["o-2", "o-1"], "{why:?}");
        let told = Recipe::new(workspace_binary("elate"))
            .args(["why", PLAY, &format!("user:{}", self.treated)])
            .env("ELATE_SERVER", self.system.url("events"))
            .env("ELATE_JOURNEYS", self.system.url("journeys"))
            .env("ELATE_KEY", &self.shop.admin_key)
            .output()
            .await
            .expect("elate runs");
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(told.status.success(), "{text}{}", String::from_utf8_lossy(&told.stderr));
        assert!(text.contains("entered: ") && text.contains("send"), "{text}");
    }

    async fn held_out_gets_nothing(&self) {
        let case =
            self.shop.wait_for(user(&self.held_out), name::CASE_CHANGED, |c| c["held_out"] == true).await;
        assert_eq!(case["play"], PLAY);
        let why = self.shop.why(PLAY, user(&self.held_out)).await;
        assert_eq!(why.first().map(|e| e.decision()), Some(PlayDecision::HeldOut), "{why:?}");
        assert!(self.mails(&self.held_out).is_empty());
        assert!(self.shop.notifications(user(&self.held_out)).await.is_empty());
        let orders: Vec<String> = self
            .care_team
            .received()
            .iter()
            .map(|task| {
                serde_json::from_slice::<serde_json::Value>(&task.body).expect("JSON")["order"].to_string()
            })
            .collect();
        assert_eq!(orders, ["\"o-1\"", "\"o-2\""]);
    }
}
