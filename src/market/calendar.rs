//! Hot: when an instrument trades, and which bars are to be expected. Integer arithmetic; a table built at start.
//!
//! United States equities: closures and early closes of 2024 to 2028 are the exchanges' announcements (NYSE Group,
//! 2024-11-08 and 2025-12-23); for other years (2007 to 2050) they follow the rules of today and the four unforeseen
//! closures that there were; the configuration can add days. Daylight saving by the Energy Policy Act of 2005, in force
//! since 2007: from the second Sunday of March to the first of November, at 02:00.

use super::config::{Config, ConfigError};
use crate::types::time::{Nanos, SECONDS, UnixNanos};

/// Years that the table covers.
pub const YEARS: core::ops::RangeInclusive<i32> = 2007..=2050;
/// The last day (`YYYYMMDD`) that follows an announcement instead of rules.
pub const VALID_TO: u32 = 20281231;

const DAY: Nanos = 86_400 * SECONDS;
const HOUR: Nanos = 3_600 * SECONDS;

/// Announced closures and early closes, `YYYYMMDD`.
const CLOSURES: &[u32] = &[
    20240101, 20240115, 20240219, 20240329, 20240527, 20240619, 20240704, 20240902, 20241128, 20241225, 20250101,
    20250109, 20250120, 20250217, 20250418, 20250526, 20250619, 20250704, 20250901, 20251127, 20251225, 20260101,
    20260119, 20260216, 20260403, 20260525, 20260619, 20260703, 20260907, 20261126, 20261225, 20270101, 20270118,
    20270215, 20270326, 20270531, 20270618, 20270705, 20270906, 20271125, 20271224, 20280117, 20280221, 20280414,
    20280529, 20280619, 20280704, 20280904, 20281123, 20281225,
];
const EARLY_CLOSES: &[u32] =
    &[20240703, 20241129, 20241224, 20250703, 20251128, 20251224, 20261127, 20261224, 20271126, 20280703, 20281124];
/// Closures that no rule foresees: mourning (2007, 2018) and a hurricane (2012).
const UNFORESEEN: &[u32] = &[20070102, 20121029, 20121030, 20181205];

/// Days since 1970-01-01 of a Gregorian date (Howard Hinnant, "chrono-compatible low-level date algorithms").
const fn days_from_civil(year: i32, month: u32, day: u32) -> i64 {
    let y = (if month <= 2 { year - 1 } else { year }) as i64;
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((month as i64 + 9) % 12) + 2) / 5 + day as i64 - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// 0 = Monday.
const fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

const fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Day of the month of the `n`-th (from 1) `wanted` weekday (0 = Monday).
const fn nth_weekday(year: i32, month: u32, wanted: i64, n: u32) -> u32 {
    let first = weekday(days_from_civil(year, month, 1));
    1 + (wanted - first).rem_euclid(7) as u32 + (n - 1) * 7
}

/// New York's offset from UTC at noon of a day: no session spans the change, which is on a Sunday at 02:00.
fn offset_hours(year: i32, month: u32, day: u32) -> i64 {
    let start = (3, nth_weekday(year, 3, 6, 2));
    let end = (11, nth_weekday(year, 11, 6, 1));
    if (month, day) >= start && (month, day) < end { -4 } else { -5 }
}

/// Good Friday, by the anonymous Gregorian algorithm for Easter.
fn good_friday(year: i32) -> i64 {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let (d, e, f) = (b / 4, b % 4, (b + 8) / 25);
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    days_from_civil(year, (n / 31) as u32, (n % 31 + 1) as u32) - 2
}

/// What the rules say of a day: closed, or an early close.
fn by_rule(year: i32, month: u32, day: u32) -> (bool, bool) {
    let days = days_from_civil(year, month, day);
    let week = weekday(days);
    if week >= 5 {
        return (true, false);
    }
    // A holiday on a Saturday is kept on the Friday before, one on a Sunday on the Monday after.
    let kept = |m: u32, d: u32| {
        let holiday = days_from_civil(year, m, d);
        days == match weekday(holiday) {
            5 => holiday - 1,
            6 => holiday + 1,
            _ => holiday,
        }
    };
    let last_monday_of_may = nth_weekday(year, 5, 0, 5);
    let memorial = if last_monday_of_may > 31 { last_monday_of_may - 7 } else { last_monday_of_may };
    // New Year's Day on a Saturday is not kept: that Friday belongs to the year before.
    let closed = kept(1, 1)
        || (month, day) == (1, nth_weekday(year, 1, 0, 3))
        || (month, day) == (2, nth_weekday(year, 2, 0, 3))
        || days == good_friday(year)
        || (month, day) == (5, memorial)
        || (year >= 2022 && kept(6, 19))
        || kept(7, 4)
        || (month, day) == (9, nth_weekday(year, 9, 0, 1))
        || (month, day) == (11, nth_weekday(year, 11, 3, 4))
        || kept(12, 25)
        || UNFORESEEN.contains(&yyyymmdd(year, month, day));
    let early = !closed
        && ((month == 7 && day == 3 && week <= 3)
            || (month, day) == (11, nth_weekday(year, 11, 3, 4) + 1)
            || (month == 12 && day == 24 && week <= 3));
    (closed, early)
}

const fn yyyymmdd(year: i32, month: u32, day: u32) -> u32 {
    year as u32 * 10_000 + month * 100 + day
}

/// One core session: `[open, close)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// 09:30 in New York.
    pub open: UnixNanos,
    /// 16:00, or 13:00 on an early-close day.
    pub close: UnixNanos,
}

/// The core sessions of United States equities, in order.
#[derive(Clone, Debug)]
pub struct UsEquities {
    sessions: Vec<Session>,
}

impl UsEquities {
    /// The table, with the configuration's further days.
    ///
    /// # Errors
    /// [`ConfigError::BadDate`].
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        for (field, dates) in [("us_closures", &config.us_closures), ("us_early_closes", &config.us_early_closes)] {
            for &date in dates {
                let (year, month, day) = ((date / 10_000) as i32, date / 100 % 100, date % 100);
                let is_day = YEARS.contains(&year) && (1..=12).contains(&month) && day >= 1;
                if !is_day || day > days_in_month(year, month) {
                    return Err(ConfigError::BadDate { field, date });
                }
            }
        }
        let mut sessions = Vec::with_capacity(260 * YEARS.count());
        for year in YEARS {
            for (month, day) in (1..=12).flat_map(|m| (1..=days_in_month(year, m)).map(move |d| (m, d))) {
                let date = yyyymmdd(year, month, day);
                let days = days_from_civil(year, month, day);
                let (mut closed, mut early) = by_rule(year, month, day);
                if (2024..=2028).contains(&year) {
                    closed = weekday(days) >= 5 || CLOSURES.contains(&date);
                    early = EARLY_CLOSES.contains(&date);
                }
                if closed || config.us_closures.contains(&date) {
                    continue;
                }
                early |= config.us_early_closes.contains(&date);
                let midnight = days * DAY - offset_hours(year, month, day) * HOUR;
                let close = midnight + if early { 13 } else { 16 } * HOUR;
                sessions.push(Session { open: midnight + 9 * HOUR + HOUR / 2, close });
            }
        }
        Ok(Self { sessions })
    }

    /// All sessions.
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// The core session that `at` lies in.
    pub fn session_at(&self, at: UnixNanos) -> Option<Session> {
        let next = self.sessions.partition_point(|s| s.open <= at);
        self.sessions.get(next.checked_sub(1)?).copied().filter(|s| at < s.close)
    }

    /// Whether `at` lies in a core session.
    pub fn is_open(&self, at: UnixNanos) -> bool {
        self.session_at(at).is_some()
    }

    /// Bars of `interval` (> 0, aligned to UTC) that start in `[from, to)` and overlap a session.
    pub fn bars(&self, from: UnixNanos, to: UnixNanos, interval: Nanos) -> u64 {
        let first = self.sessions.partition_point(|s| s.close <= from);
        let mut bars = 0u64;
        for session in self.sessions.get(first..).unwrap_or_default() {
            let start = (session.open - session.open.rem_euclid(interval)).max(from);
            if start >= to {
                break;
            }
            let end = session.close.min(to);
            bars += ((end - start).max(0) as u64).div_ceil(interval as u64);
        }
        bars
    }

    /// Start of the first such bar at or behind `from`.
    pub fn first_bar(&self, from: UnixNanos, interval: Nanos) -> Option<UnixNanos> {
        let session = self.sessions.get(self.sessions.partition_point(|s| s.close <= from))?;
        Some((session.open - session.open.rem_euclid(interval)).max(from))
    }
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
