//! Edge: whether market data is fresh, as `/healthz` tells it and the gate needs it: for all, by source, by instrument.
//! No tick yet, an unknown age and a clock that ran backward are all stale.

use super::clock_guard::Reading;
use super::ticks::{Stream, Ticks};
use crate::types::time::{Nanos, SECONDS};
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

/// The check.
#[derive(Clone, Debug)]
pub struct MarketHealth {
    ticks: Arc<Ticks>,
    settings: Settings,
}

impl MarketHealth {
    /// A check of `ticks`.
    pub fn new(ticks: Arc<Ticks>, settings: Settings) -> Self {
        Self { ticks, settings }
    }

    /// The sources that were heard of, are not fresh any more, and were the last to tell something of an instrument: one that
    /// another took over from is no loss. By their number among the feeds.
    pub fn silent_sources(&self, clocks: impl FnOnce() -> Reading) -> Vec<usize> {
        let heard: Vec<_> = self.ticks.heard().collect();
        let now = clocks();
        let silent = heard.into_iter().filter(|(_, last)| !self.judge(*last, now)).map(|(number, _)| number);
        silent.filter(|number| self.ticks.told_by(*number).next().is_some()).collect()
    }

    /// What of an instrument is not fresh, if so, by the ticks of its [streams](Ticks::instrument): the book, once there was one,
    /// whatever else is told of the instrument: so a feed that stands still closes what it makes the book of, also where another
    /// goes on. Else its quotes, else whatever is told. Quotes beside a fresh book may be old: they come only when the best
    /// changes, and the book tells that too.
    pub fn staleness(&self, streams: [Reading; Stream::ALL.len()], now: Reading) -> Option<Stream> {
        let [book, quote, _] = streams;
        let decides = match (book == Reading::NONE, quote == Reading::NONE) {
            (false, _) => Stream::Book,
            (true, false) => Stream::Quote,
            (true, true) => Stream::Other,
        };
        (!self.judge(streams[decides as usize], now)).then_some(decides)
    }

    /// Whether a tick of `last` is fresh `now`. Take the tick first and read the clocks behind it: a tick that comes in between
    /// would lie ahead of them, and look like a clock that ran backward.
    pub fn judge(&self, last: Reading, now: Reading) -> bool {
        !self.settings.forced_stale && now.is_fresh(last, self.settings.max_age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ids::{InstrumentId, SourceId};

    const FEED: SourceId = SourceId::FEED_FIRST;
    const WALL: i64 = 1_700_000_000 * SECONDS;

    fn at(nanos: i64) -> Reading {
        Reading { steady: nanos, wall: WALL + nanos }
    }

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, SettingError> {
        Settings::from_env(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    fn health(max_age: Nanos) -> (Arc<Ticks>, MarketHealth) {
        let ticks = Arc::new(Ticks::new(3, 2));
        (Arc::clone(&ticks), MarketHealth::new(ticks, Settings { max_age, forced_stale: false }))
    }

    #[test]
    fn fresh_up_to_the_limit_and_not_a_nanosecond_longer() {
        let (ticks, health) = health(MAX_AGE_DEFAULT);
        assert!(!health.judge(ticks.any(), at(0)), "no tick yet");
        ticks.tick(FEED, InstrumentId(1), Stream::Book, at(500_000_000));
        let limit = 500_000_000 + MAX_AGE_DEFAULT;
        let cases = [(limit, true), (limit + 1, false), (499_999_999, false), (limit + 3600 * SECONDS, false)];
        for (now, fresh) in cases {
            assert_eq!(health.judge(ticks.any(), at(now)), fresh, "{now}");
        }
        ticks.tick(FEED, InstrumentId(1), Stream::Book, at(limit + 2));
        assert!(health.judge(ticks.any(), at(limit + 2)), "again after recovery");
    }

    /// Ticks of one instrument as (feed, stream, second); what is stale at second 10 with a limit of 5 s, and which feeds are
    /// told.
    fn check(given: &[(u16, Stream, i64)], stale: Option<Stream>, silent: &[usize]) {
        let (ticks, health) = health(5 * SECONDS);
        // Another instrument is alive through feed 0 all the time.
        ticks.tick(FEED, InstrumentId(0), Stream::Book, at(10 * SECONDS));
        for &(feed, stream, second) in given {
            ticks.tick(SourceId(FEED.0 + feed), InstrumentId(1), stream, at(second * SECONDS));
        }
        // Feed 0 speaks of the other instrument until the end.
        ticks.tick(FEED, InstrumentId(0), Stream::Book, at(10 * SECONDS));
        let now = at(10 * SECONDS);
        assert_eq!(health.staleness(ticks.instrument(InstrumentId(1)), now), stale, "{given:?}");
        assert_eq!(health.silent_sources(|| now), silent, "{given:?}");
        assert_eq!(health.staleness(ticks.instrument(InstrumentId(0)), now), None, "{given:?}");
    }

    #[test]
    fn a_frozen_stream_or_feed_does_not_hide_behind_a_live_one() {
        use Stream::{Book, Other, Quote};
        check(&[], Some(Other), &[]);
        check(&[(1, Book, 5)], None, &[]);
        check(&[(1, Book, 4)], Some(Book), &[1]);
        // Trades of another feed, or of the same connection, make no book fresh.
        check(&[(1, Book, 4), (2, Other, 10)], Some(Book), &[1]);
        check(&[(1, Book, 4), (1, Other, 10)], Some(Book), &[]);
        // Quotes come when the best changes; without a book they must be fresh, and without either all counts.
        check(&[(1, Book, 10), (2, Quote, 4)], None, &[2]);
        check(&[(2, Quote, 4), (1, Other, 10)], Some(Quote), &[2]);
        check(&[(1, Book, 4), (2, Quote, 10)], Some(Book), &[1]);
        check(&[(1, Book, 10), (2, Quote, 9)], None, &[]);
        check(&[(1, Other, 9)], None, &[]);
        check(&[(1, Other, 4)], Some(Other), &[1]);
        // A feed that ends and another that goes on with the same book: the next file, or the second of two lines.
        check(&[(1, Book, 3), (2, Book, 9)], None, &[]);
        // A feed of trades alone that falls silent is told, and closes nothing.
        check(&[(1, Book, 10), (2, Other, 3)], None, &[2]);
    }

    #[test]
    fn a_clock_that_lies_makes_it_stale() {
        let ticks = Arc::new(Ticks::new(1, 1));
        let health = MarketHealth::new(Arc::clone(&ticks), Settings::default());
        ticks.tick(FEED, InstrumentId(0), Stream::Book, at(0));
        let check = |steady: i64, wall: i64, ok: bool| {
            assert_eq!(health.judge(ticks.any(), Reading { steady, wall: WALL + wall }), ok, "{steady} {wall}");
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
            ticks.tick(FEED, InstrumentId(0), Stream::Quote, at(0));
            let health = MarketHealth::new(Arc::clone(&ticks), settings);
            assert_eq!(health.judge(ticks.any(), at(1)), !forced);
        }
    }
}
