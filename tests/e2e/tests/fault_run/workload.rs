//! The events: the same for every run of one size.

use elate_e2e::{identify, rfc3339, timestamp, track};
use elate_proto::events::v1::IngestMessage;
use serde_json::{Value, json};

/// Events of one customer that are not repeats.
const UNIQUE: usize = 45;
/// With every tenth message a repeat of an earlier one.
const SENT: usize = 50;
/// Time between two events of a customer.
const STEP_MILLIS: i64 = 10 * 60_000;

/// The events of a run.
pub(crate) struct Workload {
    /// How many customers there are.
    pub(crate) customers: usize,
    /// When the first events happened, in milliseconds since 1970.
    pub(crate) begins: i64,
}

impl Workload {
    /// About this many messages, repeats included.
    pub(crate) fn of(messages: usize, now: i64) -> Self {
        // Far enough back that nothing is in the future, near enough that no recovery window has passed.
        Self { customers: (messages / SENT).max(8), begins: now - 5 * 86_400_000 }
    }

    pub(crate) fn messages(&self) -> usize {
        self.customers * SENT
    }

    pub(crate) fn unique(&self) -> usize {
        self.customers * UNIQUE
    }

    /// A time after all events and before now, at which scores are compared.
    pub(crate) fn ends(&self) -> i64 {
        self.begins + 2 * 86_400_000
    }

    /// What one customer sends, in order, repeats included.
    pub(crate) fn of_customer(&self, customer: usize) -> Vec<IngestMessage> {
        let mut dice = Dice(0x5eed_0000 + customer as u64);
        let mut life = Life { customer, begins: self.begins, made: Vec::new(), orders: Vec::new() };
        let mut sent: Vec<IngestMessage> = Vec::with_capacity(SENT);
        while sent.len() < SENT {
            let repeat = sent.len() % 10 == 9;
            if repeat {
                let earlier = sent[dice.below(sent.len())].clone();
                sent.push(earlier);
            } else {
                sent.push(life.next(&mut dice));
            }
        }
        assert_eq!(life.made.len(), UNIQUE);
        sent
    }
}

/// The user id of a customer.
pub(crate) fn user_id(customer: usize) -> String {
    format!("u-{customer}")
}

struct Life {
    customer: usize,
    begins: i64,
    made: Vec<String>,
    orders: Vec<String>,
}

impl Life {
    fn next(&mut self, dice: &mut Dice) -> IngestMessage {
        let index = self.made.len();
        let user = user_id(self.customer);
        let id = format!("{user}-{index}");
        let at = self.begins + STEP_MILLIS * index as i64;
        self.made.push(id.clone());
        let mut message = if index == 0 {
            identify(&id, &user, "", &json!({"email": format!("{user}@fault.example")}))
        } else {
            let (name, properties) = self.event(dice, index, at);
            track(&id, &user, name, &properties)
        };
        message.original_time = Some(timestamp(at));
        message
    }

    fn event(&mut self, dice: &mut Dice, index: usize, at: i64) -> (&'static str, Value) {
        let key = |what: &str| format!("{what}-{}-{index}", self.customer);
        // So few judgements a customer that the guard against endless loops (100 emitted events an hour) lets all pass.
        match dice.below(100) {
            // Stars are skewed: one rating in eight is a bad one.
            0..12 => {
                let stars = [1, 3, 4, 4, 5, 5, 4, 3][dice.below(8)];
                ("Item Rated", json!({"rating_id": key("rating"), "stars": stars}))
            }
            12..20 => {
                let order = key("order");
                self.orders.push(order.clone());
                // Due soon, and so kept or late by the times of the events; or due long after the run.
                let patience = if dice.below(4) == 0 { 60 * 86_400_000 } else { 40 * 60_000 };
                ("Order Placed", json!({"order_id": order, "promised_at": rfc3339(at + patience)}))
            }
            20..32 if !self.orders.is_empty() => {
                let order = self.orders.remove(0);
                let name = if dice.below(6) == 0 { "Order Cancelled" } else { "Order Delivered" };
                (name, json!({"order_id": order}))
            }
            32..62 => ("Tracking Viewed", json!({})),
            62..68 => ("Support Chat Started", json!({"chat_id": key("chat")})),
            _ => {
                ("Product Viewed", json!({"product_id": dice.below(50), "text": "x".repeat(dice.below(200))}))
            }
        }
    }
}

/// SplitMix64 (Steele, Lea & Flood 2014): small, and the same everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}
