//! Steps that others take up: tasks, surveys and rewards.

use elate_domain::system::{GrantRequested, NotificationRequested, PlayStepped, SurveyRequested, name};
use serde_json::{Value as Json, json};

use super::plays::{SHELL, start, steps};
use super::world::{World, at, customer};

const CARE: &str = r#"apiVersion: elate.dev/v1
kind: Template
metadata: {name: care-task}
spec: {channel: webhook, fallback: en, locales: {en: {body: '{"id": "{{ data.task.id }}"}'}}}
---
apiVersion: elate.dev/v1
kind: Channel
metadata: {name: care-team}
spec: {webhook: {url: "https://care.example/tasks", secret: "env:CARE_SECRET"}}
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: p}
spec:
  trigger: {event: Started}
  key: event.properties.key
  reentry: always
  exit_on: [Stopped]
  steps:
    - task:
        title: Call the customer
        channel: care-team
        template: care-task
        data: {order: instance.key, missing: event.properties.nothing}
    - wait: {event: {on: Task Done, where: event.properties.ok}, timeout: 2d}
    - ask: {survey: nps, expires: 3d, data: {about: instance.key}}
    - grant: {budget: surprises, amount: "event.properties.worth * 2.0", reason: a late present}
"#;

fn world() -> World {
    World::of(&format!("{SHELL}{CARE}"))
}

#[test]
fn a_task_goes_over_the_webhook_with_an_id_that_the_answer_can_name() {
    let ann = customer("ann");
    let mut world = world();
    start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
    let [asked] = &world.heard::<NotificationRequested>(ann, name::NOTIFICATION_REQUESTED)[..] else {
        panic!("one task")
    };
    assert_eq!((asked.channel.as_str(), asked.template.as_str()), ("care-team", "care-task"));
    assert_eq!((asked.class.as_str(), asked.topic.as_str()), ("service", ""));
    assert_eq!(asked.expires_at, Some(at("2026-03-09T12:00:00Z")));
    let task = json!({"id": asked.notification_id, "title": "Call the customer"});
    assert_eq!(asked.data["data"], json!({"order": "a", "task": task}), "what can't be told is left out");
    world.happens(ann, "m-2", "Stopped", "2026-03-02T12:05:00Z", json!({"key": "a"}));
    assert_eq!(world.heard::<Json>(ann, name::NOTIFICATION_CANCELLED).len(), 1, "it is taken back");
}

#[test]
fn surveys_and_rewards_are_asked_for_once_each() {
    let ann = customer("ann");
    let mut world = world();
    start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
    let done = json!({"key": "a", "ok": true, "worth": 4});
    world.happens(ann, "m-2", "Task Done", "2026-03-02T13:00:00Z", done);
    let [asked] = &world.heard::<SurveyRequested>(ann, name::SURVEY_REQUESTED)[..] else {
        panic!("one survey")
    };
    assert_eq!((asked.survey.as_str(), asked.step.as_str(), asked.key.as_str()), ("nps", "2", "a"));
    assert_eq!((asked.expires_at, &asked.data), (at("2026-03-05T13:00:00Z"), &json!({"about": "a"})));
    let [granted] = &world.heard::<GrantRequested>(ann, name::GRANT_REQUESTED)[..] else {
        panic!("one reward")
    };
    assert_eq!((granted.budget.as_str(), granted.amount), ("surprises", 8.0));
    assert_ne!(granted.grant_id, asked.survey_id);
    let expected =
        ["entered", "step 0 task", "step 1 wait", "step 1 wait=event", "step 2 ask", "step 3 grant"];
    assert_eq!(steps(&world, ann)[..6], expected);
}

#[test]
fn a_reward_of_nothing_is_not_asked_for() {
    let ann = customer("ann");
    let mut world = world();
    start(&mut world, ann, "m-1", "2026-03-02T12:00:00Z", "a");
    world.until(at("2026-03-05T12:00:00Z"));
    assert!(world.heard::<GrantRequested>(ann, name::GRANT_REQUESTED).is_empty());
    let said: Vec<PlayStepped> = world.heard(ann, name::PLAY_STEPPED);
    let grant = said.iter().find(|step| step.kind == "grant").unwrap();
    assert_eq!(grant.reason, "nothing of surprises: event.properties.worth * 2.0 is no number above 0");
}
