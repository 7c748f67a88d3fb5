//! Purchases on the timeline: what the models of churn and value learn from.

use elate_delight::churn::{Calendar, History};
use elate_domain::{Event, EventType};
use elate_manifest::spec::ScorePurchases;

/// Days make purchase occasions, weeks are the unit of the models.
pub fn calendar() -> Calendar {
    Calendar::default()
}

/// Takes a purchase into the customer's history; nothing where the event is none. Money that can't be read counts as 0:
/// the purchase happened all the same.
pub fn learn(history: &mut Option<History>, purchases: &ScorePurchases, event: &Event) {
    let is_purchase =
        event.event_type == EventType::Track && purchases.on.iter().any(|name| *name == *event.name);
    if !is_purchase {
        return;
    }
    let money = purchases.value.as_deref().and_then(|property| money(event, property)).unwrap_or(0.0);
    history.get_or_insert_default().record(event.occurred_at, money, &calendar());
}

/// The money in a property of an event; `None` where there is none that can be read.
pub(super) fn money(event: &Event, property: &str) -> Option<f64> {
    let properties: serde_json::Map<String, serde_json::Value> = event.properties.read().ok()?;
    let money = match properties.get(property)? {
        serde_json::Value::Number(number) => number.as_f64()?,
        serde_json::Value::String(text) => text.trim().parse().ok()?,
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => return None,
    };
    money.is_finite().then_some(money)
}
