//! Hot: time as integers. Stages never read a clock: time is an input.

/// An instant: nanoseconds since 1970-01-01T00:00:00Z (UTC, no leap seconds). [`NO_TIME`] where there is none.
pub type UnixNanos = i64;

/// A span in nanoseconds.
pub type Nanos = i64;

/// "No such time", e.g. the exchange time of a spot bookTicker, which has none.
pub const NO_TIME: UnixNanos = i64::MIN;

/// One microsecond.
pub const MICROS: Nanos = 1_000;
/// One millisecond.
pub const MILLIS: Nanos = 1_000_000;
/// One second.
pub const SECONDS: Nanos = 1_000_000_000;

/// Age of `then` at `now`; `None` when either is missing, on overflow, or when the clock ran backward. An unknown
/// age must be treated as *stale*, never as fresh.
#[inline]
pub const fn age(now: UnixNanos, then: UnixNanos) -> Option<Nanos> {
    if now == NO_TIME || then == NO_TIME || now < then {
        return None;
    }
    now.checked_sub(then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_or_negative_age_is_none() {
        assert_eq!(age(5, 3), Some(2));
        assert_eq!(age(3, 5), None);
        assert_eq!(age(NO_TIME, 5), None);
        assert_eq!(age(5, NO_TIME), None);
    }
}
