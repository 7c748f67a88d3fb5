//! The traffic of a shop whose customers live through what the retail manifests speak of.
//!
//! Each customer goes round after round through the same five sittings: searching and ordering, the parcel on its way,
//! looking where it is, the delivery, and what comes after. A thousand customers or so are sitting at any time, and take
//! turns by chance, so that a batch touches many. Names and properties are those of the example's recording.

use elate_proto::events::v1::{EventType, IngestMessage};
use serde_json::{Value, json};

use super::mixed;

/// Customers who are sitting at the same time.
const SITTING: u64 = 1_000;
/// Time between two messages of the shop.
const STEP_MILLIS: i64 = 100;
const HOUR_MILLIS: i64 = 3_600_000;
const CONTEXT: &str =
    r#"{"locale":"de-AT","library":{"name":"analytics.js","version":"2.1.0"},"timezone":"Europe/Vienna"}"#;

/// What is going on between a customer and the shop.
#[derive(Debug, Clone, Copy, Default)]
struct Customer {
    /// Sittings that are over.
    sittings: u32,
    /// Messages of the present sitting that were sent.
    sent: u32,
}

/// The messages of a shop, one after the other, for ever.
#[derive(Debug)]
pub struct Shop {
    customers: Vec<Customer>,
    sitting: Vec<usize>,
    next: usize,
    count: u64,
    seed: u64,
    begin_millis: i64,
}

impl Shop {
    /// A shop with so many customers, whose first message happens at `begin_millis`. Another seed sends other message
    /// ids.
    pub fn new(customers: usize, seed: u64, begin_millis: i64) -> Self {
        let sitting: Vec<usize> = (0..customers.min(SITTING as usize)).collect();
        let next = sitting.len() % customers;
        Self { customers: vec![Customer::default(); customers], sitting, next, count: 0, seed, begin_millis }
    }

    /// The time that `count` messages take.
    pub fn span_millis(count: u64) -> i64 {
        count as i64 * STEP_MILLIS
    }

    /// A batch of messages.
    pub fn batch(&mut self, size: usize) -> Vec<IngestMessage> {
        self.by_ref().take(size).collect()
    }

    fn sit_down(&mut self, chair: usize) {
        self.sitting[chair] = self.next;
        self.next = (self.next + 1) % self.customers.len();
    }

    fn message(&self, at: usize, customer: Customer, (name, properties): (&str, Value)) -> IngestMessage {
        let millis = self.begin_millis + self.count as i64 * STEP_MILLIS;
        let kind = match name {
            "identify" => EventType::Identify,
            "Home" => EventType::Page,
            _ => EventType::Track,
        };
        let body = properties.to_string().into_bytes();
        let (traits, properties) =
            if kind == EventType::Identify { (body, Vec::new()) } else { (Vec::new(), body) };
        IngestMessage {
            r#type: kind.into(),
            message_id: format!("m-{}-{}", self.seed, self.count),
            name: if kind == EventType::Identify { String::new() } else { name.to_owned() },
            user_id: format!("u-{at:07}"),
            // Those who order do so in their browser; parcels are scanned by somebody else.
            anonymous_id: if customer.sittings.is_multiple_of(5) {
                format!("a-{at:07}")
            } else {
                String::new()
            },
            original_time: Some(elate_e2e::timestamp(millis)),
            properties: properties.into(),
            traits: traits.into(),
            context: CONTEXT.into(),
            ..IngestMessage::default()
        }
    }

    /// What a customer does next; nothing where the sitting is over.
    fn step(&self, at: usize, customer: Customer) -> Option<(&'static str, Value)> {
        let round = customer.sittings / 5;
        let luck = mixed(self.seed ^ (at as u64) << 24 ^ u64::from(round));
        let order = format!("o-{}-{at}-{round}", self.seed);
        let now = self.begin_millis + self.count as i64 * STEP_MILLIS;
        let all = match customer.sittings % 5 {
            0 => browsing(at, round, luck, &order, now),
            1 => vec![("Order Shipped", json!({"order_id": order, "carrier": "parcel-service"}))],
            2 => {
                let looks = 1 + (luck >> 8) % 2;
                let look = ("Tracking Viewed", json!({"order_id": order, "status": "in_transit"}));
                (0..looks).map(|_| look.clone()).collect()
            }
            3 => vec![(
                "Order Delivered",
                json!({"order_id": order, "carrier": "parcel-service", "proof": "door"}),
            )],
            _ => afterwards(luck, &order),
        };
        all.into_iter().nth(customer.sent as usize)
    }
}

fn browsing(at: usize, round: u32, luck: u64, order: &str, now: i64) -> Vec<(&'static str, Value)> {
    let mut all = Vec::with_capacity(7);
    if round == 0 {
        let mail = format!("c{at}@customers.example");
        all.push((
            "identify",
            json!({"first_name": format!("C{at}"), "email": mail, "timezone": "Europe/Vienna"}),
        ));
    }
    all.push(("Home", json!({"path": "/", "referrer": "https://search.example/"})));
    all.push(("Products Searched", json!({"query": "birthday present"})));
    for view in 0..1 + (luck >> 16) % 2 {
        all.push((
            "Product Viewed",
            json!({"product_id": format!("p-{}", (luck >> 20) % 500 + view), "price": 49}),
        ));
    }
    all.push(("Checkout Started", json!({"product_id": "tea-set", "value": 54})));
    // One order in thirty was promised for a time that has passed when it is delivered.
    let hours = if luck.is_multiple_of(30) { -14 } else { 1 + (luck >> 32) as i64 % 18 };
    let promised = elate_e2e::rfc3339(now + hours * HOUR_MILLIS);
    all.push((
        "Order Placed",
        json!({"order_id": order, "total": 149, "currency": "EUR", "gift": true,
            "products": [{"product_id": "headphones", "quantity": 1}], "promised_at": promised}),
    ));
    all
}

fn afterwards(luck: u64, order: &str) -> Vec<(&'static str, Value)> {
    let stars = [5, 4, 5, 4, 3, 5, 4, 5, 2, 5][(luck >> 40) as usize % 10];
    let mut all = vec![("Item Rated", json!({"order_id": order, "stars": stars}))];
    if (luck >> 44).is_multiple_of(2) {
        all.push(("Survey Answered", json!({"survey": "nps", "kind": "nps", "score": 6 + (luck >> 48) % 5})));
    }
    if (luck >> 52).is_multiple_of(3) {
        all.push(("Review Submitted", json!({"order_id": order, "rating": stars})));
    }
    all
}

impl Iterator for Shop {
    type Item = IngestMessage;

    fn next(&mut self) -> Option<IngestMessage> {
        let chair = (mixed(self.seed.rotate_left(32) ^ self.count) % self.sitting.len() as u64) as usize;
        loop {
            let at = self.sitting[chair];
            let customer = self.customers[at];
            if let Some(step) = self.step(at, customer) {
                let message = self.message(at, customer, step);
                self.customers[at].sent += 1;
                self.count += 1;
                return Some(message);
            }
            self.customers[at] = Customer { sittings: customer.sittings + 1, sent: 0 };
            self.sit_down(chair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shop;
    use std::collections::BTreeMap;

    #[test]
    fn customers_live_through_the_whole_story() {
        let mut shop = Shop::new(200, 1, 1_700_000_000_000);
        let messages = shop.batch(20_000);
        let mut by_name = BTreeMap::<&str, usize>::new();
        for message in &messages {
            *by_name.entry(&message.name).or_default() += 1;
        }
        let orders = by_name["Order Placed"];
        assert!(orders > 1_000, "{by_name:?}");
        for name in ["Order Shipped", "Order Delivered", "Item Rated", "Checkout Started"] {
            assert!(by_name[name].abs_diff(orders) < 250, "{by_name:?}");
        }
        let times: Vec<_> = messages.iter().map(|message| message.original_time.unwrap()).collect();
        assert!(
            times.windows(2).all(|pair| (pair[0].seconds, pair[0].nanos) < (pair[1].seconds, pair[1].nanos))
        );
    }

    #[test]
    fn the_same_seed_tells_the_same_story() {
        let told = |seed| Shop::new(50, seed, 0).batch(500);
        assert_eq!(told(3), told(3));
        assert_ne!(told(3), told(4));
    }
}
