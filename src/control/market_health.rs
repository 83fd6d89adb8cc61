//! Edge: whether market data is fresh, as `/healthz` tells it and the gate needs it: for all, by source, by instrument.
//! No tick yet, an unknown age and a clock that ran backward are all stale.

use super::clock_guard::Reading;
use super::ticks::Ticks;
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::time::{NO_TIME, Nanos, SECONDS};
use serde::Serialize;
use std::sync::Arc;

/// The variable for the greatest age that is fresh.
pub const MAX_AGE_VARIABLE: &str = "MARKETDATA_MAX_AGE_SECONDS";
/// The variable that makes everything stale, for drills.
pub const FORCE_STALE_VARIABLE: &str = "MARKETDATA_FORCE_STALE";

/// The greatest age that is fresh, unless another is set.
pub const MAX_AGE_DEFAULT: Nanos = 60 * SECONDS;
/// The greatest age that can be set: a day.
const MAX_AGE_MAX_SECONDS: f64 = 86_400.0;

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable MARKETDATA_MAX_AGE_SECONDS: `{}` is no number of seconds above 0 and up to 86400", .0.escape_debug())]
pub struct SettingError(String);

/// Settings of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The greatest age that is fresh.
    pub max_age: Nanos,
    /// Everything is stale, by demand.
    pub forced_stale: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_age: MAX_AGE_DEFAULT, forced_stale: false }
    }
}

impl Settings {
    /// The settings that `environment` gives, such as `|name| std::env::var(name).ok()`.
    ///
    /// # Errors
    /// [`SettingError`]. For the demand to be stale whatever is not plainly a no is a yes.
    pub fn from_env(environment: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let max_age = match environment(MAX_AGE_VARIABLE) {
            None => MAX_AGE_DEFAULT,
            Some(text) => text
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|seconds| *seconds > 0.0 && *seconds <= MAX_AGE_MAX_SECONDS)
                .map(|seconds| (seconds * SECONDS as f64) as Nanos)
                .ok_or(SettingError(text))?,
        };
        let forced_stale = environment(FORCE_STALE_VARIABLE).is_some_and(|text| {
            !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
        });
        Ok(Self { max_age, forced_stale })
    }
}

/// The answer of `/healthz`. Field names are the contract's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Healthz {
    /// Who answers.
    pub service: String,
    /// When the last tick came in, by the wall clock, in seconds since 1970; `null` before the first.
    pub last_tick_epoch_seconds: Option<f64>,
    /// Its age, in seconds; `null` if it is not known.
    pub age_seconds: Option<f64>,
    /// The greatest age that is fresh, in seconds.
    pub max_age_seconds: f64,
    /// Whether it is fresh.
    pub ok: bool,
    /// Whether staleness was demanded.
    pub forced_stale: bool,
}

impl Healthz {
    /// The status of the HTTP answer: 200 only while ticks are fresh.
    pub const fn http_status(&self) -> u16 {
        if self.ok { 200 } else { 503 }
    }
}

/// The check.
#[derive(Clone, Debug)]
pub struct MarketHealth {
    ticks: Arc<Ticks>,
    settings: Settings,
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECONDS as f64
}

impl MarketHealth {
    /// A check of `ticks`.
    pub fn new(ticks: Arc<Ticks>, settings: Settings) -> Self {
        Self { ticks, settings }
    }

    /// Whether any source is fresh: what the execution state asks.
    pub fn is_fresh(&self, now: Reading) -> bool {
        self.judge(self.ticks.any(), now)
    }

    /// The sources that were heard of and are not fresh any more, by their number among the feeds.
    pub fn silent_sources(&self, clocks: impl FnOnce() -> Reading) -> Vec<usize> {
        let heard: Vec<_> = self.ticks.heard().collect();
        let now = clocks();
        heard.into_iter().filter(|(_, last)| !self.judge(*last, now)).map(|(number, _)| number).collect()
    }

    /// Whether this source is fresh.
    pub fn is_source_fresh(&self, source: SourceId, now: Reading) -> bool {
        self.judge(self.ticks.source(source), now)
    }

    /// Whether this instrument is fresh.
    pub fn is_instrument_fresh(&self, instrument: InstrumentId, now: Reading) -> bool {
        self.judge(self.ticks.instrument(instrument), now)
    }

    /// Whether a tick of `last` is fresh `now`. Take the tick first and read the clocks behind it: a tick that comes in between
    /// would lie ahead of them, and look like a clock that ran backward.
    pub fn judge(&self, last: Reading, now: Reading) -> bool {
        !self.settings.forced_stale && now.is_fresh(last, self.settings.max_age)
    }

    /// The answer of `/healthz` for the whole host.
    pub fn healthz(&self, service: &str, now: Reading) -> Healthz {
        self.answer(service, self.ticks.any(), now)
    }

    /// The same for one source.
    pub fn source_healthz(&self, service: &str, source: SourceId, now: Reading) -> Healthz {
        self.answer(service, self.ticks.source(source), now)
    }

    /// The same for one instrument.
    pub fn instrument_healthz(&self, service: &str, instrument: InstrumentId, now: Reading) -> Healthz {
        self.answer(service, self.ticks.instrument(instrument), now)
    }

    fn answer(&self, service: &str, last: Reading, now: Reading) -> Healthz {
        Healthz {
            service: service.to_owned(),
            last_tick_epoch_seconds: (last.wall != NO_TIME).then(|| seconds(last.wall)),
            age_seconds: now.age_of(last).map(seconds),
            max_age_seconds: seconds(self.settings.max_age),
            ok: self.judge(last, now),
            forced_stale: self.settings.forced_stale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: SourceId = SourceId::FEED_FIRST;
    const WALL: i64 = 1_700_000_000 * SECONDS;

    fn at(nanos: i64) -> Reading {
        Reading { steady: nanos, wall: WALL + nanos }
    }

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, SettingError> {
        Settings::from_env(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn fresh_up_to_the_limit_and_not_a_nanosecond_longer() {
        let ticks = Arc::new(Ticks::new(2, 2));
        let health = MarketHealth::new(Arc::clone(&ticks), Settings::default());
        let json = |now| serde_json::to_value(health.healthz("tickpath-1", now)).unwrap();
        assert_eq!(
            json(at(0)),
            serde_json::json!({"service": "tickpath-1", "last_tick_epoch_seconds": null, "age_seconds": null,
                "max_age_seconds": 60.0, "ok": false, "forced_stale": false})
        );
        ticks.tick(FEED, InstrumentId(1), at(500_000_000));
        assert_eq!(
            json(at(2_000_000_000)),
            serde_json::json!({"service": "tickpath-1", "last_tick_epoch_seconds": 1_700_000_000.5, "age_seconds": 1.5,
                "max_age_seconds": 60.0, "ok": true, "forced_stale": false})
        );
        let limit = 500_000_000 + MAX_AGE_DEFAULT;
        for (now, status) in [(limit, 200), (limit + 1, 503), (499_999_999, 503), (limit + 3600 * SECONDS, 503)] {
            assert_eq!(health.healthz("x", at(now)).http_status(), status, "{now}");
        }
        ticks.tick(FEED, InstrumentId(1), at(limit + 2));
        assert_eq!(health.healthz("x", at(limit + 2)).http_status(), 200, "again after recovery");
    }

    #[test]
    fn a_frozen_source_or_instrument_does_not_hide_behind_a_live_one() {
        let ticks = Arc::new(Ticks::new(2, 2));
        let health = MarketHealth::new(Arc::clone(&ticks), Settings { max_age: SECONDS, forced_stale: false });
        let (live, frozen) = (FEED, SourceId(FEED.0 + 1));
        ticks.tick(frozen, InstrumentId(1), at(0));
        ticks.tick(live, InstrumentId(0), at(2 * SECONDS));
        let now = at(2 * SECONDS);
        assert!(health.is_fresh(now) && health.is_source_fresh(live, now));
        assert!(health.is_instrument_fresh(InstrumentId(0), now) && !health.is_instrument_fresh(InstrumentId(1), now));
        assert!(!health.is_source_fresh(frozen, now) && !health.is_source_fresh(SourceId(99), now));
        assert!(!health.is_instrument_fresh(InstrumentId(7), now));
        assert_eq!(health.source_healthz("x", frozen, now).age_seconds, Some(2.0));
        assert_eq!(health.instrument_healthz("x", InstrumentId(1), now).http_status(), 503);
    }

    #[test]
    fn a_clock_that_lies_makes_it_stale() {
        let ticks = Arc::new(Ticks::new(1, 1));
        let health = MarketHealth::new(Arc::clone(&ticks), Settings::default());
        ticks.tick(FEED, InstrumentId(0), at(0));
        let check = |steady: i64, wall: i64, ok: bool| {
            assert_eq!(health.is_fresh(Reading { steady, wall: WALL + wall }), ok, "{steady} {wall}");
        };
        let hour = 3600 * SECONDS;
        check(SECONDS, SECONDS, true);
        check(SECONDS, SECONDS + hour, false);
        check(SECONDS, SECONDS - hour, false);
        check(-1, SECONDS, false);
        // An hour passed, and the wall clock was set back an hour: it looks like a second.
        check(SECONDS + hour, SECONDS, false);
        check(SECONDS, i64::MIN - WALL.wrapping_neg(), false);
    }

    #[test]
    fn the_environment() {
        assert_eq!(settings(&[]), Ok(Settings { max_age: 60 * SECONDS, forced_stale: false }));
        for (text, nanos) in [("2", 2 * SECONDS), (" 0.5 ", SECONDS / 2), ("86400", 86_400 * SECONDS)] {
            assert_eq!(settings(&[(MAX_AGE_VARIABLE, text)]).unwrap().max_age, nanos, "{text}");
        }
        for text in ["", "0", "-1", "NaN", "inf", "86401", "1e300", "60s", "maybe"] {
            let error = settings(&[(MAX_AGE_VARIABLE, text)]).unwrap_err().to_string();
            assert!(error.contains(&format!("MARKETDATA_MAX_AGE_SECONDS: `{text}`")), "{error}");
        }
        for (text, forced) in
            [("", false), ("0", false), ("false", false), ("No", false), ("1", true), ("true", true), ("maybe", true)]
        {
            let settings = settings(&[(FORCE_STALE_VARIABLE, text)]).unwrap();
            assert_eq!(settings.forced_stale, forced, "{text}");
            let ticks = Arc::new(Ticks::new(1, 1));
            ticks.tick(FEED, InstrumentId(0), at(0));
            let health = MarketHealth::new(ticks, settings);
            assert_eq!((health.is_fresh(at(1)), health.healthz("x", at(1)).forced_stale), (!forced, forced));
        }
    }
}
