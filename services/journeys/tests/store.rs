//! What the use-cases answer from the stored rows, on both kinds of database.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use elate_consumer::ProcessorStore;
use elate_domain::{CaseState, CustomerId, Outcome, Partition, PromiseState, Timestamp, WorkspaceId};
use elate_journeys::app::{App, HeldOut, HoldoutQuestion, Subject};
use elate_journeys::error::Error;
use elate_journeys::model::rows::{
    CaseRow, Check, DefinitionsRow, EvaluationRow, JourneyPhase, JourneyRow, MergedRow, MomentRow, Owner,
    PlayDecision, PlayPhase, PlayRow, PromiseRow, Row, StepRow, Verdict,
};
use elate_journeys::page::PageOf;
use elate_journeys::store::{CaseFilter, InstanceFilter, Migrator, PromiseFilter, Store};
use elate_storage::{Database, Dsn, Options};
use uuid::Uuid;

struct Shop {
    database: Database,
    store: Store,
    app: App,
}

impl Shop {
    async fn on(dsn: Dsn) -> Self {
        let database = Database::connect(&dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let store = Store::new(database.clone());
        Self { app: App::new(store.clone()), store, database }
    }

    async fn write(&self, rows: Vec<Row>) {
        let tx = self.database.begin().await.unwrap();
        self.store.write(&tx, rows).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn workspace(name: &str) -> WorkspaceId {
    WorkspaceId::try_new(name).unwrap()
}

fn customer(number: u128) -> CustomerId {
    CustomerId(Uuid::from_u128(number))
}

fn owner(number: u128) -> Owner {
    Owner { workspace: workspace("shop"), customer: customer(number) }
}

fn promise(id: u128, who: u128, due: i64, state: PromiseState) -> Row {
    Row::Promise(PromiseRow {
        outlook: None,
        owner: owner(who),
        promise_id: Uuid::from_u128(id),
        moment: "delivery".into(),
        key: "o-1".into(),
        state,
        due: Timestamp(due),
        first_due: Timestamp(due),
        fulfilled_at: None,
        reason: "said so".into(),
        touchpoint: "door".into(),
        journey: String::new(),
        created_at: Timestamp(1),
        updated_at: Timestamp(2),
    })
}

fn moment(id: u128, who: u128, revision: u32, gap: f64) -> Row {
    Row::Moment(MomentRow {
        owner: owner(who),
        moment_id: Uuid::from_u128(id),
        moment: "delivery".into(),
        key: "o-1".into(),
        revision,
        journey: "order".into(),
        touchpoint: "door".into(),
        occurred_at: Timestamp(100 + i64::from(revision)),
        gap,
        outcome: if gap < 0.0 { Outcome::Miserable } else { Outcome::Magical },
        provisional: revision == 0,
        promise_id: Some(Uuid::from_u128(7)),
        judged_at: Timestamp(200),
    })
}

fn case(id: u128, who: u128, state: CaseState, closed_at: Option<i64>) -> Row {
    Row::Case(CaseRow {
        owner: owner(who),
        case_id: Uuid::from_u128(id),
        journey: "order".into(),
        touchpoint: "door".into(),
        key: "o-1".into(),
        state,
        moment_id: "m".into(),
        opened_at: Timestamp(10),
        closed_at: closed_at.map(Timestamp),
        play: None,
        held_out: false,
        reason: "why".into(),
    })
}

fn play(id: u128, who: u128, phase: PlayPhase) -> Row {
    Row::Play(PlayRow {
        owner: owner(who),
        instance_id: Uuid::from_u128(id),
        play: "mend".into(),
        key: "o-1".into(),
        definitions_version: 3,
        phase,
        step: "1".into(),
        entered_at: Timestamp(10),
        moved_at: Timestamp(20),
        waits_until: Some(Timestamp(30)),
    })
}

fn step(instance: u128, who: u128, sequence: u32) -> Row {
    Row::Step(StepRow {
        owner: owner(who),
        instance_id: Uuid::from_u128(instance),
        sequence,
        at: Timestamp(i64::from(sequence)),
        step: sequence.to_string(),
        kind: "wait".into(),
        change: "step".into(),
        branch: String::new(),
        reason: "for 1h".into(),
    })
}

fn evaluation(slot: u128, who: u128, sequence: u64, decision: PlayDecision, reason: &str) -> Row {
    Row::Evaluation(EvaluationRow {
        owner: owner(who),
        evaluation_id: Uuid::from_u128(slot),
        play: "mend".into(),
        sequence,
        at: Timestamp(sequence as i64),
        decision,
        reason: reason.into(),
        detail: "because".into(),
        checks: vec![Check { name: "trigger".into(), verdict: Verdict::Passed, detail: "it came".into() }],
        key: "o-1".into(),
        instance_id: None,
        trigger: "Started".into(),
        trigger_message_id: "m-1".into(),
        definitions_version: 3,
    })
}

fn journey(id: u128, who: u128, phase: JourneyPhase) -> Row {
    Row::Journey(JourneyRow {
        owner: owner(who),
        instance_id: Uuid::from_u128(id),
        journey: "order".into(),
        key: "o-1".into(),
        phase,
        stage: "use".into(),
        touchpoint: "door".into(),
        began_at: None,
        entered_at: Timestamp(5),
        moved_at: Timestamp(6),
    })
}

fn definitions(partition: u32, version: u64) -> Row {
    let play = serde_json::json!([{
        "apiVersion": "elate.dev/v1", "kind": "Play", "metadata": {"name": "mend"},
        "spec": {"trigger": {"event": "Started"}, "holdout": {"percent": 50}, "steps": [{"exit": {}}]}
    }, {
        "apiVersion": "elate.dev/v1", "kind": "Policy", "metadata": {"name": "default"},
        "spec": {"zone": "UTC", "global_holdout": {"percent": 20, "seed": "all"}}
    }]);
    Row::Definitions(DefinitionsRow {
        workspace: workspace("shop"),
        partition: Partition(partition),
        version,
        offset: 10 * version,
        switched_at: Timestamp(7),
        manifests: play.to_string(),
    })
}

const ALL: PageOf = PageOf { after: None, limit: 50 };

async fn lists_page_through_everything_once(shop: &Shop) {
    use PromiseState::{AtRisk, Kept, Open};
    let states = [Open, AtRisk, Kept];
    // Several fall due at one instant: the id decides.
    let rows = (0..9_u128).map(|n| promise(n + 1, 1 + n % 2, 100 + (n as i64) / 3, states[n as usize % 3]));
    shop.write(rows.collect()).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = PageOf { after, limit: 2 };
        let found = shop.app.promises(&workspace("shop"), &PromiseFilter::default(), page).await.unwrap();
        seen.extend(found.items.iter().map(|row| (row.due.0, row.promise_id.as_u128())));
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..9_u128).map(|n| (100 + (n as i64) / 3, n + 1)).collect::<Vec<_>>());
    let filter = PromiseFilter {
        states: vec![Open, AtRisk],
        due_before: Some(Timestamp(102)),
        customer: Some(customer(1)),
        ..PromiseFilter::default()
    };
    let found = shop.app.promises(&workspace("shop"), &filter, ALL).await.unwrap();
    assert_eq!(found.items.iter().map(|row| row.promise_id.as_u128()).collect::<Vec<_>>(), [1, 5]);
    let other = shop.app.promises(&workspace("other"), &PromiseFilter::default(), ALL).await.unwrap();
    assert!(other.items.is_empty(), "another workspace has nothing of this one");
}

async fn a_later_row_stands_in_the_place_of_an_earlier_one(shop: &Shop) {
    // Twice in one batch, and once more in the next.
    shop.write(vec![moment(1, 1, 0, -1.0), moment(1, 1, 1, -5.0)]).await;
    shop.write(vec![moment(1, 1, 2, 1.5), moment(2, 1, 0, -2.0)]).await;
    let found = shop.app.moments(&workspace("shop"), customer(1), ALL).await.unwrap().items;
    let told: Vec<_> =
        found.iter().map(|row| (row.moment_id.as_u128(), row.revision, row.gap, row.outcome)).collect();
    assert_eq!(told, [(1, 2, 1.5, Outcome::Magical), (2, 0, -2.0, Outcome::Miserable)]);
    assert!(!found[0].provisional && found[0].promise_id == Some(Uuid::from_u128(7)));

    shop.write(vec![case(1, 1, CaseState::Open, None), case(2, 1, CaseState::Open, None)]).await;
    shop.write(vec![case(1, 1, CaseState::Recovered, Some(99))]).await;
    let filter = CaseFilter { states: vec![CaseState::Recovered], customer: None };
    let found = shop.app.cases(&workspace("shop"), &filter, ALL).await.unwrap().items;
    assert_eq!((found.len(), found[0].closed_at), (1, Some(Timestamp(99))));
}

async fn an_instance_comes_with_its_step_log(shop: &Shop) {
    shop.write(vec![
        play(1, 1, PlayPhase::Active),
        step(1, 1, 1),
        step(1, 1, 2),
        play(2, 1, PlayPhase::HeldOut),
    ])
    .await;
    shop.write(vec![step(1, 1, 3), play(1, 1, PlayPhase::Completed)]).await;
    let (found, steps) = shop.app.play_instance(&workspace("shop"), Uuid::from_u128(1)).await.unwrap();
    assert_eq!((found.phase, found.definitions_version), (PlayPhase::Completed, 3));
    assert_eq!(steps.iter().map(|step| step.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    let missing = shop.app.play_instance(&workspace("other"), Uuid::from_u128(1)).await;
    assert!(matches!(missing, Err(Error::InstanceUnknown(_))), "{missing:?}");
    let filter =
        InstanceFilter { name: Some("mend".into()), phases: vec![PlayPhase::HeldOut], ..Default::default() };
    let found = shop.app.play_instances(&workspace("shop"), &filter, ALL).await.unwrap().items;
    assert_eq!(found.iter().map(|row| row.instance_id.as_u128()).collect::<Vec<_>>(), [2]);
    shop.write(vec![journey(1, 1, JourneyPhase::Active), journey(1, 1, JourneyPhase::Completed)]).await;
    let filter = InstanceFilter { phases: vec![JourneyPhase::Completed], ..InstanceFilter::default() };
    assert_eq!(shop.app.journey_instances(&workspace("shop"), &filter, ALL).await.unwrap().items.len(), 1);
}

async fn holdouts_and_whys_are_answered(shop: &Shop) {
    let workspace = workspace("shop");
    let ask = |subject| ask(shop, Some("mend"), subject, false);
    assert!(matches!(ask(Subject::Id("x".into())).await, Err(Error::PlayUnknown(_))));
    shop.write(vec![definitions(0, 1), definitions(1, 1), definitions(1, 2)]).await;
    let status = shop.app.definitions_status(&workspace).await.unwrap();
    assert_eq!(
        status.iter().map(|p| (p.partition.0, p.version, p.offset)).collect::<Vec<_>>(),
        [(0, 1, 10), (1, 2, 20)]
    );
    let mut held_out = 0;
    for number in 0..100 {
        let found = ask(Subject::Id(format!("id-{number}"))).await.unwrap();
        assert!(!found.decided);
        let (own, global) = (found.assigned.own, found.assigned.global);
        let rule = if global == Some("held_out") {
            Some("global")
        } else {
            own.filter(|g| *g == "held_out").map(|_| "play")
        };
        assert_eq!(found.rule, rule);
        held_out += usize::from(own == Some("held_out"));
    }
    assert!((30..70).contains(&held_out), "{held_out} of 100");
    let decided = [
        (1, PlayDecision::Entered, "triggered", None),
        (2, PlayDecision::HeldOut, "held_out_global", Some("global")),
    ];
    for (who, decision, reason, rule) in decided {
        let refused = evaluation(100 + who, who, 2, PlayDecision::Refused, "audience");
        let missed = evaluation(200 + who, who, 3, PlayDecision::NotTriggered, "trigger");
        shop.write(vec![evaluation(who, who, 1, decision, reason), refused, missed]).await;
        let found = ask(Subject::Customer(customer(who))).await.unwrap();
        assert_eq!((found.rule, found.decided), (rule, true));
        let why = shop.app.explain_play(&workspace, customer(who), "mend").await.unwrap();
        assert!(why.defined);
        assert_eq!(
            why.evaluations.iter().map(|row| row.reason.as_str()).collect::<Vec<_>>(),
            ["audience", reason]
        );
        assert_eq!(why.evaluations[0].checks[0].verdict, Verdict::Passed);
        assert_eq!(why.near_miss.map(|row| row.reason), Some("trigger".to_owned()));
    }
    let unknown = shop.app.explain_play(&workspace, customer(1), "nothing").await;
    assert!(matches!(unknown, Err(Error::PlayUnknown(_))));
}

async fn other_senders_ask_who_is_held_out_of_everything(shop: &Shop) {
    let before = ask(shop, None, Subject::Id("x".into()), false).await.unwrap();
    assert_eq!((before.rule, before.assigned.global), (None, Some("treated")), "nothing was published yet");
    shop.write(vec![definitions(0, 1)]).await;
    let (mut held_out, mut measured) = (0, 0);
    for number in 0..400 {
        let id = Subject::Id(format!("id-{number}"));
        let found = ask(shop, None, id.clone(), false).await.unwrap();
        assert_eq!(found.assigned.global == Some("held_out"), found.rule == Some("global"));
        held_out += usize::from(found.rule.is_some());
        measured += usize::from(found.assigned.global == Some("measured"));
        let service = ask(shop, None, id, true).await.unwrap();
        assert_eq!((service.rule, service.excluded), (None, true), "a service message always goes");
    }
    assert!(
        (50..110).contains(&held_out) && (50..110).contains(&measured),
        "{held_out} and {measured} of 400"
    );
    shop.write(vec![evaluation(1, 1, 1, PlayDecision::HeldOut, "held_out_global")]).await;
    let found = ask(shop, None, Subject::Customer(customer(1)), false).await.unwrap();
    assert_eq!((found.rule, found.decided), (Some("global"), true), "what was decided at an entry stands");
}

async fn ask(
    shop: &Shop,
    play: Option<&str>,
    subject: Subject,
    service_message: bool,
) -> Result<HeldOut, Error> {
    let question = HoldoutQuestion { play: play.map(str::to_owned), subject, service_message };
    shop.app.is_held_out(&workspace("shop"), &question).await
}

async fn a_customer_can_be_merged_and_purged(shop: &Shop) {
    let rows = |id, who| {
        vec![
            promise(id, who, 1, PromiseState::Open),
            moment(id, who, 0, -1.0),
            case(id, who, CaseState::Open, None),
            journey(id, who, JourneyPhase::Active),
            play(id, who, PlayPhase::Active),
            step(id, who, 1),
            evaluation(id, who, 1, PlayDecision::Entered, "triggered"),
        ]
    };
    shop.write(rows(51, 61)).await;
    shop.write(rows(52, 62)).await;
    let merged = MergedRow { workspace: workspace("shop"), loser: customer(61), survivor: customer(62) };
    shop.write(vec![Row::Merged(merged)]).await;
    assert_eq!(shop.app.moments(&workspace("shop"), customer(62), ALL).await.unwrap().items.len(), 2);
    let purge = async |workspace: &WorkspaceId, who| {
        let tx = shop.database.begin().await.unwrap();
        let removed = shop.store.purge(&tx, workspace, customer(who)).await.unwrap();
        tx.commit().await.unwrap();
        removed
    };
    assert_eq!(purge(&workspace("other"), 62).await, 0, "another workspace's customer of the same id stays");
    assert_eq!(purge(&workspace("shop"), 61).await, 0);
    assert_eq!(purge(&workspace("shop"), 62).await, 14);
    assert!(shop.app.moments(&workspace("shop"), customer(62), ALL).await.unwrap().items.is_empty());
}

/// Everything, each on a database of its own.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(&super::Shop::on(elate_storage::Dsn::Sqlite(folder.path().join("j.db"))).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                let Some(database) = elate_testkit::postgres::database().await else { return };
                let dsn = database.url().parse().unwrap();
                super::$name(&super::Shop::on(dsn).await).await;
            })+
        }
    };
}

contract!(
    lists_page_through_everything_once,
    a_later_row_stands_in_the_place_of_an_earlier_one,
    an_instance_comes_with_its_step_log,
    holdouts_and_whys_are_answered,
    other_senders_ask_who_is_held_out_of_everything,
    a_customer_can_be_merged_and_purged,
);
