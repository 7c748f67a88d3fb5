//! What identify events say of a customer as a recipient.

use elate_domain::Event;
use serde_json::Value as Json;

use super::state::{CustomerState, MAX_ADDRESSES};

/// The longest address that SMTP carries (RFC 5321 §4.5.3.1).
const MAX_ADDRESS: usize = 320;

/// Takes in traits and context of an identify event: addresses, zone and language.
pub(super) fn learn(state: &mut CustomerState, event: &Event) {
    let traits = event.traits.value();
    if let Some(traits) = traits.as_object() {
        for (name, value) in traits {
            match value {
                Json::String(text) if looks_like_address(text) => keep(state, name, text),
                // A trait that was set to something else is no address any more.
                _ => {
                    state.addresses.remove(name);
                }
            }
        }
    }
    let context = event.context.value();
    let of_traits = |names: &[&str]| names.iter().find_map(|name| text(&traits, name));
    if let Some(zone) = of_traits(&["time_zone", "timezone"]) {
        state.reach.zone = Some(zone);
    }
    if let Some(zone) = text(&context, "timezone") {
        state.reach.location_zone = Some(zone);
    }
    if let Some(locale) = of_traits(&["locale", "language"]).or_else(|| text(&context, "locale")) {
        state.locale = Some(locale);
    }
}

fn keep(state: &mut CustomerState, name: &str, address: &str) {
    let is_known = state.addresses.contains_key(name);
    // The usual trait always has a place.
    if is_known || name == "email" || state.addresses.len() < MAX_ADDRESSES {
        state.addresses.insert(name.to_owned(), address.trim().to_owned());
    }
}

fn text(object: &Json, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?.trim();
    (!text.is_empty() && text.len() <= 64).then(|| text.to_owned())
}

/// One `@` with something on both sides, and nothing that could end a line or a list.
fn looks_like_address(text: &str) -> bool {
    let text = text.trim();
    let unsafe_char = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';');
    text.len() <= MAX_ADDRESS
        && !text.contains(unsafe_char)
        && text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}
