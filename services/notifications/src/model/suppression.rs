//! Addresses that are written to no more: after a hard bounce, or because an operator says so.
//!
//! An address is suppressed, not a customer: who gives another one is reached again. It stands until an operator lifts
//! it by a command. Every change is told on the timeline, so that a play can ask for another address.

use elate_domain::system::{NotificationReceipt, SuppressionChanged, SuppressionSet, name};

use super::bounce::HARD_BOUNCE;
use super::messages::Turn;
use super::state::{CustomerState, address_hash};

impl Turn<'_> {
    /// The mail server of an address says that there is nobody.
    pub(super) fn bounced(&mut self, state: &mut CustomerState, address: u64, receipt: &NotificationReceipt) {
        if !state.suppress(address, self.now) {
            return;
        }
        self.tell_suppression(&SuppressionChanged {
            channel: receipt.channel.clone(),
            suppressed: true,
            reason: HARD_BOUNCE.to_owned(),
            detail: receipt.detail.clone(),
        });
        self.look_again(state);
    }

    /// An operator suppresses addresses, or lifts that.
    pub(super) fn set_suppression(&mut self, state: &mut CustomerState, set: SuppressionSet) {
        let changed = if set.suppressed {
            let addresses: Vec<u64> = self.addresses(state, &set.channel);
            // Not `any`, which stops at the first one.
            addresses.into_iter().filter(|address| state.suppress(*address, self.now)).count()
        } else if set.channel.is_empty() {
            std::mem::take(&mut state.suppressed).len()
        } else {
            let addresses = self.addresses(state, &set.channel);
            addresses.iter().filter(|address| state.suppressed.remove(address).is_some()).count()
        };
        if changed == 0 {
            return;
        }
        let SuppressionSet { channel, suppressed, reason } = set;
        self.tell_suppression(&SuppressionChanged { channel, suppressed, reason, detail: String::new() });
        if suppressed {
            self.look_again(state);
        }
    }

    /// The customer's addresses on a channel, or all of them.
    fn addresses(&self, state: &CustomerState, channel: &str) -> Vec<u64> {
        if channel.is_empty() {
            return state.addresses.values().map(|address| address_hash(address)).collect();
        }
        let rules = self.rules.channels.get(channel);
        let address_trait = rules.and_then(|rules| rules.address_trait.as_ref());
        address_trait
            .and_then(|name| state.addresses.get(name))
            .map(|own| address_hash(own))
            .into_iter()
            .collect()
    }

    fn tell_suppression(&mut self, change: &SuppressionChanged) {
        self.effects.emit(name::SUPPRESSION_CHANGED, self.now, change);
    }
}
