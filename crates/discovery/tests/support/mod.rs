//! A shop whose customers go from cart to payment, with changes planted where a test wants them.

use elate_discovery::{Ending, Recorder, Settings, Step, Summary};
use elate_domain::Timestamp;

pub(crate) const DAY: i64 = 86_400_000;

/// Sunday, 2026-03-01: days 2, 9, 16 and 23 are Tuesdays.
const BEGIN: i64 = 1_772_323_200_000;

const DEVICES: [&str; 3] = ["mobile", "desktop", "tablet"];
const COUNTRIES: [&str; 3] = ["de", "fr", "it"];

/// What happens in the shop. Days count from 0.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) seed: u64,
    pub(crate) days: i64,
    pub(crate) per_day: u64,
    /// How long payment is awaited, in milliseconds.
    pub(crate) horizon: i64,
    /// By how much days differ as a whole: the deviation of the logarithm of their times.
    pub(crate) day_noise: f64,
    /// How much longer (in logarithms) it takes at weekends.
    pub(crate) weekend: f64,
    /// From this day it takes so many times as long.
    pub(crate) slower: Option<(i64, f64)>,
    /// Until this day.
    pub(crate) mended: Option<i64>,
    /// The same for mobile alone.
    pub(crate) slower_mobile: Option<(i64, f64)>,
    /// From this day, so much more of the mobile customers are lost.
    pub(crate) lost_mobile: Option<(i64, f64)>,
}

/// The number of a day of the shop.
pub(crate) fn day_of(at: Timestamp) -> i64 {
    (at.0 - BEGIN).div_euclid(DAY)
}

struct Chance(u64);

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        ((mixed ^ (mixed >> 33)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[((self.uniform() * all.len() as f64) as usize).min(all.len() - 1)]
    }
}

impl Shop {
    /// Four weeks of sixty customers a day, in which nothing changes.
    pub(crate) fn steady(seed: u64) -> Self {
        Self {
            seed,
            days: 28,
            per_day: 60,
            horizon: DAY / 24,
            day_noise: 0.0,
            weekend: 0.0,
            slower: None,
            mended: None,
            slower_mobile: None,
            lost_mobile: None,
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        self.part(0, 1)
    }

    /// Every `of`th customer, beginning with `part`.
    pub(crate) fn part(&self, part: u64, of: u64) -> Summary {
        let settings = Settings { horizon_millis: self.horizon as u64, ..Settings::default() };
        let mut recorder = Recorder::try_new(settings).unwrap();
        let mut chance = Chance(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for day in 0..self.days {
            let noise = self.day_noise * chance.normal();
            for customer in 0..self.per_day {
                let instance = format!("{day}-{customer}");
                self.visit(&mut chance, (day, noise), customer % of == part, &instance, &mut recorder);
            }
        }
        // Somebody comes when the last day is over, so that the log knows that it is.
        if self.days > 0 {
            let at = Timestamp(BEGIN + self.days * DAY + DAY / 24);
            recorder.record(&Step { instance: "late", name: "home", at, segments: &[] });
        }
        recorder.summary()
    }

    fn visit(
        &self,
        chance: &mut Chance,
        (day, noise): (i64, f64),
        counts: bool,
        instance: &str,
        recorder: &mut Recorder,
    ) {
        let since =
            |from: Option<(i64, f64)>| from.filter(|(begin, _)| day >= *begin).map(|(_, value)| value);
        let (device, country) = (chance.one_of(&DEVICES), chance.one_of(&COUNTRIES));
        let is_mobile = device == "mobile";
        let at = BEGIN + day * DAY + (chance.uniform() * DAY as f64) as i64;
        let mut log = 300_f64.ln() + 0.8 * chance.normal() + noise;
        // The first day is a Sunday.
        log += if day % 7 == 0 || day % 7 == 6 { self.weekend } else { 0.0 };
        if self.mended.is_none_or(|mended| day < mended) {
            log += since(self.slower).map_or(0.0, f64::ln);
        }
        log += since(self.slower_mobile.filter(|_| is_mobile)).map_or(0.0, f64::ln);
        let lost = 0.1 + since(self.lost_mobile.filter(|_| is_mobile)).unwrap_or_default();
        let is_lost = chance.uniform() < lost;
        if !counts {
            return;
        }
        let segments = [("device", device), ("country", country)];
        let mut step =
            |name, at| recorder.record(&Step { instance, name, at: Timestamp(at), segments: &segments });
        step("cart", at);
        if !is_lost {
            step("payment", at + (log.exp() * 1e3) as i64);
            recorder.end(instance, Ending::Completed);
        }
    }
}
