//! What a link is worth mending: how delighted customers would be, had its miserable moments been neutral.

use std::collections::BTreeMap;

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::interval::Interval;
use crate::score::{DelightParams, Moment, batch};
use crate::survey::Sample;

/// A moment with the link that it is on.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkedMoment<'a> {
    /// The link: a touchpoint of a journey.
    pub link: &'a str,
    /// Whether its outcome is miserable; where that begins is said by each moment's own thresholds.
    pub is_miserable: bool,
    /// The moment.
    pub moment: Moment,
}

/// Takes customers in one by one; mergeable, as long as no customer is in two.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mending {
    /// Delight as it is.
    delight: Sample,
    /// By link, what its mending would give to each customer who had misery there.
    gains: BTreeMap<String, Sample>,
}

/// A link and what its mending would be worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MendedLink {
    /// Its name.
    pub name: String,
    /// Customers with a miserable moment there.
    pub customers: u64,
    /// Mean delight of all customers, had those moments been neutral.
    pub mean_delight: f64,
    /// How much higher that is than mean delight as it is.
    pub gain: f64,
    /// An interval of the gain; absent below two customers.
    pub interval: Option<Interval>,
}

impl Mending {
    /// Takes one customer in, as of `t`. Later moments do not count; a customer without moments stands at 50.
    pub fn add(&mut self, params: &DelightParams, moments: &[LinkedMoment<'_>], t: Timestamp) {
        let plain: Vec<Moment> = moments.iter().map(|linked| linked.moment.clone()).collect();
        let delight = batch::score(params, &plain, t);
        self.delight.add(delight);
        // Each link with the places of its miserable moments: a moment's id alone does not say its link.
        let mut miserable: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, linked) in moments.iter().enumerate() {
            if linked.is_miserable && linked.moment.at <= t {
                miserable.entry(linked.link).or_default().push(place);
            }
        }
        for (link, places) in miserable {
            let mut mended = plain.clone();
            for place in places {
                mended[place].gap = 0.0;
            }
            let gain = batch::score(params, &mended, t) - delight;
            self.gains.entry(link.to_owned()).or_default().add(gain);
        }
    }

    /// Takes other customers in.
    pub fn merge(&mut self, other: &Self) {
        self.delight = self.delight.merged(other.delight);
        for (link, gains) in &other.gains {
            let held = self.gains.entry(link.clone()).or_default();
            *held = held.merged(*gains);
        }
    }

    /// Mean delight as it is; absent without customers.
    pub fn mean_delight(&self) -> Option<f64> {
        (self.delight.count > 0).then_some(self.delight.mean)
    }

    /// The links with misery, the one most worth mending first; ties by name.
    ///
    /// Gains of several links do not add up: peaks and ends pass from one to the other.
    pub fn links(&self, confidence: f64) -> Vec<MendedLink> {
        let mut links = Vec::with_capacity(self.gains.len());
        for (name, gains) in &self.gains {
            // Everybody else gains nothing.
            let others =
                Sample { count: self.delight.count.saturating_sub(gains.count), ..Sample::default() };
            let all = gains.merged(others);
            links.push(MendedLink {
                name: name.clone(),
                customers: gains.count,
                mean_delight: self.delight.mean + all.mean,
                gain: all.mean,
                interval: all.t_interval(confidence),
            });
        }
        links.sort_by(|a, b| b.gain.total_cmp(&a.gain).then_with(|| a.name.cmp(&b.name)));
        links
    }
}

#[cfg(test)]
mod tests {
    use super::{LinkedMoment, Mending};
    use crate::score::{DelightParams, Moment, batch};
    use elate_domain::Timestamp;

    const NOW: Timestamp = Timestamp(10 * 86_400_000);

    fn moment(link: &str, day: i64, gap: f64) -> LinkedMoment<'_> {
        let at = Timestamp(day * 86_400_000);
        let moment = Moment { id: format!("{link}-{day}"), at, offset: day as u64, gap, weight: 1.0 };
        LinkedMoment { link, is_miserable: gap <= -1.0, moment }
    }

    #[test]
    fn mending_is_each_customers_score_with_neutral_moments() {
        let params = DelightParams::default();
        let unhappy = [moment("delivery", 1, -3.0), moment("support", 2, 1.5), moment("delivery", 3, -1.0)];
        let mixed = [moment("support", 1, -1.0), moment("delivery", 2, 0.5)];
        let fine = [moment("delivery", 1, 0.9), moment("delivery", 12, -5.0)];
        let mut whole = Mending::default();
        let mut parts = [Mending::default(), Mending::default()];
        for (place, moments) in [&unhappy[..], &mixed, &fine].into_iter().enumerate() {
            whole.add(&params, moments, NOW);
            parts[place % 2].add(&params, moments, NOW);
        }
        let score = |moments: &[LinkedMoment<'_>], mended: &str| {
            let moments: Vec<Moment> = moments
                .iter()
                .map(|linked| {
                    let gap =
                        if linked.link == mended && linked.is_miserable { 0.0 } else { linked.moment.gap };
                    Moment { gap, ..linked.moment.clone() }
                })
                .collect();
            batch::score(&params, &moments, NOW)
        };
        let mean = |mended| (score(&unhappy, mended) + score(&mixed, mended) + score(&fine, mended)) / 3.0;
        let links = whole.links(0.95);
        assert_eq!(links.iter().map(|link| link.name.as_str()).collect::<Vec<_>>(), ["delivery", "support"]);
        for link in &links {
            assert!((link.mean_delight - mean(&link.name)).abs() < 1e-9, "{link:?}");
            assert!((link.gain - (mean(&link.name) - mean(""))).abs() < 1e-9, "{link:?}");
            assert!(link.interval.is_some_and(|interval| interval.contains(link.gain)));
            assert_eq!(link.customers, 1);
        }
        let [mut merged, other] = parts;
        merged.merge(&other);
        assert!((merged.links(0.95)[0].gain - links[0].gain).abs() < 1e-9);
        assert!((whole.mean_delight().unwrap() - mean("")).abs() < 1e-9);
    }

    #[test]
    fn without_misery_there_is_nothing_to_mend() {
        let mut mending = Mending::default();
        assert_eq!(mending.mean_delight(), None);
        mending.add(&DelightParams::default(), &[moment("support", 1, 0.2)], NOW);
        mending.add(&DelightParams::default(), &[], NOW);
        assert_eq!(mending.links(0.95), []);
    }
}
