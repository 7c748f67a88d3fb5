//! May a message go now: the rules of a workspace around [`elate_reach::decide()`].

use std::collections::{BTreeMap, BTreeSet};

use elate_domain::Timestamp;
use elate_reach::caps::{CapRule, SendHistory};
use elate_reach::consent::MessageClass;
use elate_reach::decide::Provider;
use elate_reach::{CustomerReach, Decision, Message, Policy, Reason, decide};

use super::rules::Rules;
use super::state::CustomerState;

/// Runs the whole chain for `message` at `now`.
///
/// Caps say for each class of messages whether it obeys them and whether it counts towards them, so the chain is
/// asked once for every group of caps that count the same messages; all else in it is the same each time.
pub fn run(rules: &Rules, customer: &CustomerState, message: &Message, now: Timestamp) -> Decision {
    let class = message.class.as_str();
    let mut message = message.clone();
    message.obeys_caps = true;
    if !rules.channels.contains_key(&message.channel) {
        message.provider = Provider::Missing;
    }
    let mut policy = rules.policy.clone();
    if rules.quiet_except.contains(class) {
        policy.quiet.clear();
    } else if message.class == MessageClass::Urgent {
        // Urgent messages override quiet hours by themselves; here the policy does not want them to. In all else
        // they are service messages.
        message.class = MessageClass::Service;
    }
    let mut groups: BTreeMap<&BTreeSet<String>, Vec<CapRule>> = BTreeMap::new();
    for cap in rules.caps.iter().filter(|cap| !cap.exempt.contains(class)) {
        groups.entry(&cap.uncounted).or_default().push(cap.rule.clone());
    }
    let mut reach = reachable(rules, customer, &message);
    if groups.is_empty() {
        return decide(&policy, &reach, &message, now);
    }
    let mut decision = Decision::Refuse { reason: Reason::NoProvider, detail: None };
    for (uncounted, caps) in groups {
        policy = Policy { caps, ..policy };
        reach.history = counted(customer, uncounted);
        decision = decide(&policy, &reach, &message, now);
        if decision.reason() == Some(Reason::FrequencyCap) {
            break;
        }
    }
    decision
}

/// What the chain sees of the customer; only the message's channel is judged, so no other needs an address.
fn reachable(rules: &Rules, customer: &CustomerState, message: &Message) -> CustomerReach {
    let mut reach = customer.reach.clone();
    let address_trait = rules.channels.get(&message.channel).map(|rules| rules.address_trait.as_ref());
    let has_address = match address_trait {
        Some(Some(name)) => {
            let address = customer.addresses.get(name);
            // An address of the message's own is not the customer's.
            let is_suppressed = address.is_some_and(|address| customer.is_suppressed(address));
            reach.suppressed |= is_suppressed && !message.has_own_address;
            address.is_some()
        }
        Some(None) | None => true,
    };
    if has_address {
        reach.channels.insert(message.channel.clone());
    }
    reach
}

/// The messages that count towards caps which do not count some classes.
fn counted(customer: &CustomerState, uncounted: &BTreeSet<String>) -> SendHistory {
    let mut history = SendHistory::default();
    for (_, sent) in customer.sent.iter().filter(|(class, _)| !uncounted.contains(*class)) {
        history.merge(sent.clone());
    }
    history
}
