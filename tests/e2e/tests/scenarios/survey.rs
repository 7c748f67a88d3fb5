//! A survey from the play that asks to the figure that counts the answer; and answers of another system, from files.

use std::path::Path;

use elate_domain::system::name;
use elate_e2e::http::{Answer, get, send};
use elate_e2e::{SOON, System, Workspace, identify, now_millis, rfc3339, timestamp, track, user};
use elate_proto::scoring::v1::feedback_record::Value;
use elate_proto::scoring::v1::{
    FeedbackFilter, GetFeedbackRequest, GetFeedbackResponse, GetResponseRateRequest, ListFeedbackRequest,
    StoredFeedback, SurveyKind,
};
use elate_testkit::eventually;
use elate_testkit::process::{Recipe, workspace_binary};
use mail_parser::MessageParser;
use serde_json::json;

const SURVEY: &str = "after-delivery";
const PLAY: &str = "ask-after-delivery";
const ADDRESS: &str = "ada@surveys.example";
const DAY: i64 = 86_400_000;

pub(crate) async fn a_customer_is_asked(system: &System) {
    let shop = system.workspace("surveys").await;
    shop.apply(include_str!("../../manifests/survey.yaml")).await;
    shop.ingest(vec![identify("login", "ada", "", &json!({"email": ADDRESS, "first_name": "Ada"}))]).await;
    shop.ingest(vec![track("d-1", "ada", "Order Delivered", &json!({"order_id": "o-1"}))]).await;
    let asked = shop.wait_for(user("ada"), name::SURVEY_ASKED, |asked| asked["survey"] == SURVEY).await;
    assert_eq!((asked["kind"].as_str(), asked["channel"].as_str()), (Some("nps"), Some("email")));
    rate(&shop, (1, 0)).await;

    let link = link(system).await;
    looking_answers_nothing(&shop, &link).await;
    assert_eq!(answered(&link, "score=9&comment=Lovely%2C+thank+you%21").await.status, 200);
    let given = listed(&shop, 2).await;
    let submission = asked["survey_id"].as_str().expect("the claim of the question");
    assert!(given.iter().all(|one| said(one).0 == submission), "{given:?}");
    assert!(given.iter().any(|one| said(one).1 == Some(Value::Score(9))), "{given:?}");
    let comment = given.iter().find_map(|one| one.sentiment.clone()).expect("a comment that was read");
    assert!(comment.compound.is_some_and(|compound| compound > 0.5), "{comment:?}");
    figure(&shop, "", (1, 100.0)).await;
    rate(&shop, (1, 1)).await;
    let moment = |judged: &serde_json::Value| judged["moment"] == "recommendation";
    let judged = shop.wait_for(user("ada"), name::MOMENT_JUDGED, moment).await;
    assert_eq!((judged["gap"].as_f64(), judged["outcome"].as_str()), (Some(1.0), Some("magical")));

    // The same again, and a second thought: one answer, as it was given last.
    assert_eq!(answered(&link, "score=9&comment=Lovely%2C+thank+you%21").await.status, 200);
    assert_eq!(answered(&link, "score=3").await.status, 200);
    figure(&shop, SURVEY, (1, -100.0)).await;
    assert_eq!(listed(&shop, 2).await.len(), 2);
    rate(&shop, (1, 1)).await;

    asked_too_soon(system, &shop).await;
}

/// The link of the one mail that came.
async fn link(system: &System) -> String {
    let mails = eventually(SOON, || async {
        let mails = system.mail.mails_to(ADDRESS);
        if mails.is_empty() { Err("no mail") } else { Ok(mails) }
    })
    .await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    let parsed = MessageParser::default().parse(mails[0].data.as_bytes()).expect("a message");
    assert_eq!(parsed.subject(), Some("One question, Ada"));
    let text = parsed.body_text(0).expect("a text");
    let link = text.trim().rsplit(' ').next().expect("a link").to_owned();
    assert!(link.starts_with(&format!("{}/survey/", system.url("notifications"))), "{link}");
    link
}

/// A scanner opens the link; the answer that the link has chosen is shown, and not given.
async fn looking_answers_nothing(shop: &Workspace, link: &str) {
    let page = get(link).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("How likely are you to recommend us?"), "{}", page.text());
    assert!(page.text().contains("value=\"9\" required checked"), "{}", page.text());
    let forged = link.replacen("/survey/", "/survey/A", 1);
    assert_eq!(answered(&forged, "score=1").await.status, 404);
    assert_eq!(answered(link, "score=11").await.status, 422);
    assert!(!shop.names(user("ada")).await.contains(&"Survey Answered".to_owned()));
}

async fn answered(link: &str, form: &'static str) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    send(http::Method::POST, link, &headers, form).await
}

fn said(stored: &StoredFeedback) -> (&str, Option<Value>) {
    let record = stored.record.as_ref().expect("a record");
    (&record.submission_id, record.value.clone())
}

/// All answers and comments, as soon as there are so many.
async fn listed(shop: &Workspace, count: usize) -> Vec<StoredFeedback> {
    eventually(SOON, || async {
        let request = ListFeedbackRequest {
            filter: Some(FeedbackFilter { survey: SURVEY.to_owned(), ..Default::default() }),
            ..Default::default()
        };
        let found = shop.admin.feedback().list_feedback(request).await.map_err(|s| s.to_string())?;
        let found = found.into_inner().feedback;
        if found.len() == count { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await
}

/// Waits until NPS says so: answers, value.
async fn figure(shop: &Workspace, survey: &str, expected: (u64, f64)) -> GetFeedbackResponse {
    eventually(SOON, || async {
        let request = GetFeedbackRequest {
            kind: SurveyKind::Nps.into(),
            from_time: Some(timestamp(now_millis() - 30 * DAY)),
            to_time: Some(timestamp(now_millis() + DAY)),
            survey: survey.to_owned(),
        };
        let found = shop.admin.scoring().get_feedback(request).await.map_err(|s| s.to_string())?.into_inner();
        let value = found.estimate.map_or(f64::NAN, |estimate| estimate.value);
        let fits = found.answers == expected.0 && (value - expected.1).abs() < 1e-9;
        if fits { Ok(found) } else { Err(format!("{found:?}, not {expected:?}")) }
    })
    .await
}

/// Waits until so many were asked and have answered.
async fn rate(shop: &Workspace, expected: (u64, u64)) {
    eventually(SOON, || async {
        let request = GetResponseRateRequest {
            from_time: Some(timestamp(now_millis() - DAY)),
            to_time: Some(timestamp(now_millis() + DAY)),
            survey: SURVEY.to_owned(),
        };
        let found = shop.admin.feedback().get_response_rate(request).await.map_err(|s| s.to_string())?;
        let found = found.into_inner();
        let fits = (found.asked, found.answered) == expected;
        if fits { Ok(()) } else { Err(format!("{found:?}, not {expected:?}")) }
    })
    .await;
}

/// Within a week of a question there is no other one, and people can see why.
async fn asked_too_soon(system: &System, shop: &Workspace) {
    shop.ingest(vec![track("d-2", "ada", "Order Delivered", &json!({"order_id": "o-2"}))]).await;
    let skipped =
        shop.wait_for(user("ada"), name::SURVEY_SKIPPED, |skipped| skipped["survey"] == SURVEY).await;
    assert_eq!(skipped["reason"], "too_soon", "{skipped}");
    assert_eq!(skipped["detail"], "the limit of all surveys");
    let until = skipped["until"].as_str().expect("the end of the wait");
    assert!(until > rfc3339(now_millis() + 6 * DAY).as_str(), "{until}");
    assert_eq!(system.mail.mails_to(ADDRESS).len(), 1);
    rate(shop, (1, 1)).await;
    let told = elate(system, shop, &["why", PLAY, "user:ada"]).await;
    assert!(told.0, "{}", told.1);
    assert!(told.1.contains("asked over email"), "{}", told.1);
    assert!(told.1.contains("not asked: too_soon, the limit of all surveys"), "{}", told.1);
}

/// Runs the command line in the workspace; whether it ended well, and what it printed.
async fn elate(system: &System, shop: &Workspace, arguments: &[&str]) -> (bool, String) {
    let mut recipe = Recipe::new(workspace_binary("elate")).args(arguments.iter().copied());
    for (variable, service) in [
        ("ELATE_SERVER", "events"),
        ("ELATE_JOURNEYS", "journeys"),
        ("ELATE_SCORING", "scoring"),
        ("ELATE_NOTIFICATIONS", "notifications"),
    ] {
        recipe = recipe.env(variable, system.url(service));
    }
    let ended = recipe.env("ELATE_KEY", &shop.admin_key).output().await.expect("elate runs");
    let [out, err] = [&ended.stdout, &ended.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (ended.status.success(), out + &err)
}

pub(crate) async fn answers_come_from_files(system: &System) {
    let shop = system.workspace("answers").await;
    let folder = tempfile::tempdir().expect("a folder");
    let csv = written(folder.path(), "answers.csv", &ten_answers());
    let (well, text) = elate(system, &shop, &["feedback", "import", &csv]).await;
    assert!(well && text.contains("10 accepted, 0 there already, 0 rejected"), "{text}");
    let first = figure(&shop, SURVEY, (10, 40.0)).await;
    assert_eq!((first.promoters, first.detractors), (6, 2));
    let estimate = first.estimate.expect("a figure");
    assert!(estimate.lower < 40.0 && estimate.upper > 40.0 && estimate.sample_size == 10, "{estimate:?}");
    let before = listed(&shop, 10).await;

    // The same file once more, under another name of the import.
    let (well, text) = elate(system, &shop, &["feedback", "import", &csv, "--import-id", "again"]).await;
    assert!(well && text.contains("0 accepted, 10 there already, 0 rejected"), "{text}");
    assert_eq!(figure(&shop, SURVEY, (10, 40.0)).await, first);
    assert_eq!(listed(&shop, 10).await, before);

    broken_files(system, &shop, folder.path()).await;
    let (well, text) = elate(system, &shop, &["feedback", "report", "nps", "--by", "traits.plan"]).await;
    assert!(well && text.contains("pro") && text.contains("free"), "{text}");
}

fn written(folder: &Path, file: &str, content: &str) -> String {
    let path = folder.join(file);
    std::fs::write(&path, content).expect("a file");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// Six promoters, two in between, two detractors.
fn ten_answers() -> String {
    let mut csv = "submission_id,type,value,submitted_at,survey,user_id,traits.plan\n".to_owned();
    for (at, score) in [10, 10, 9, 9, 9, 10, 8, 7, 2, 6].into_iter().enumerate() {
        let plan = if at % 2 == 0 { "pro" } else { "free" };
        let when = rfc3339(now_millis() - DAY);
        csv.push_str(&format!("s-{at},nps,{score},{when},{SURVEY},u-{at},{plan}\n"));
    }
    csv
}

/// What is wrong is named by line and field; what is right is taken.
async fn broken_files(system: &System, shop: &Workspace, folder: &Path) {
    let when = rfc3339(now_millis() - DAY);
    let nobody = "00000000-0000-7000-8000-000000000000";
    let csv = format!(
        "submission_id,type,value,submitted_at,survey,customer_id\n\
         c-1,comment,\"Two lines,\nand a comma\",{when},{SURVEY},\n\
         c-2,nps,11,yesterday,{SURVEY},\n\
         c-3,nps,1,{when},{SURVEY},{nobody}\n"
    );
    let (well, text) =
        elate(system, shop, &["feedback", "import", &written(folder, "broken.csv", &csv)]).await;
    assert!(!well && text.contains("1 accepted, 0 there already, 2 rejected"), "{text}");
    let second = text.lines().find(|line| line.starts_with("row 2 (line 4): ")).expect("a line about it");
    assert!(second.contains("value: ") && second.contains("submitted_at: "), "{text}");
    assert!(text.contains("row 3 (line 5): customer.customer_id: "), "{text}");

    let lines = format!(
        "{{\"submission_id\": \"n-1\", \"type\": \"csat\", \"value\": 5, \"submitted_at\": \"{when}\"}}\n\
         \n\
         {{\"submission_id\": \"n-2\", \"type\": \"csat\", \"value\": 6, \"submitted_at\": \"{when}\"}}\n\
         {{\"submission_id\": \"n-3\"\n"
    );
    let (well, text) =
        elate(system, shop, &["feedback", "import", &written(folder, "broken.ndjson", &lines)]).await;
    assert!(!well && text.contains("1 accepted, 0 there already, 2 rejected"), "{text}");
    assert!(text.contains("(line 3): value: ") && text.contains("(line 4): no JSON object"), "{text}");
    listed(shop, 11).await;
    figure(shop, SURVEY, (10, 40.0)).await;
}
