//! Hot: the calendar against the announcements, the rules, and the time zone database.

use super::*;

fn calendar() -> UsEquities {
    UsEquities::new(&Config::default()).unwrap()
}

/// The session of a date by the time zone database: open and close in Unix seconds.
fn by_tzdb(date: jiff::civil::Date, close_hour: i8) -> Session {
    let at = |hour, minute| {
        let zoned = date.at(hour, minute, 0, 0).in_tz("America/New_York").unwrap();
        zoned.timestamp().as_second() * SECONDS
    };
    Session { open: at(9, 30), close: at(close_hour, 0) }
}

#[test]
fn sessions_open_when_the_sheet_says() {
    let calendar = calendar();
    for (unix, month_day) in [
        (1709908200, "2024-03-08"),
        (1710163800, "2024-03-11"),
        (1730467800, "2024-11-01"),
        (1730730600, "2024-11-04"),
        (1772807400, "2026-03-06"),
        (1773063000, "2026-03-09"),
        (1793367000, "2026-10-30"),
        (1793629800, "2026-11-02"),
        (1795789800, "2026-11-27"),
        (1804861800, "2027-03-12"),
        (1805117400, "2027-03-15"),
    ] {
        let open = unix * SECONDS;
        assert!(calendar.is_open(open) && !calendar.is_open(open - 1), "{month_day}");
        let hours = if month_day == "2026-11-27" { 7 } else { 13 };
        let close = open + hours * HOUR / 2;
        assert!(calendar.is_open(close - 1) && !calendar.is_open(close), "{month_day}");
    }
}

#[test]
fn every_session_agrees_with_the_time_zone_database() {
    let mut early = 0;
    for session in calendar().sessions() {
        let date =
            jiff::Timestamp::from_second(session.open / SECONDS).unwrap().in_tz("America/New_York").unwrap().date();
        let is_early = session.close - session.open < 6 * HOUR;
        early += usize::from(is_early);
        assert_eq!(*session, by_tzdb(date, if is_early { 13 } else { 16 }), "{date}");
    }
    assert!(early > 80);
}

#[test]
fn trading_days_are_as_many_as_announced() {
    let calendar = calendar();
    let days = |year: i32, month: u32| {
        let next = if month == 12 { days_from_civil(year + 1, 1, 1) } else { days_from_civil(year, month + 1, 1) };
        let span = days_from_civil(year, month, 1) * DAY..next * DAY;
        calendar.sessions().iter().filter(|s| span.contains(&s.open)).count()
    };
    let table: [(i32, [usize; 12]); 5] = [
        (2024, [21, 20, 20, 22, 22, 19, 22, 22, 20, 23, 20, 21]),
        (2025, [20, 19, 21, 21, 21, 20, 22, 21, 21, 23, 19, 22]),
        (2026, [20, 19, 22, 21, 20, 21, 22, 21, 21, 22, 20, 22]),
        (2027, [19, 19, 22, 22, 20, 21, 21, 22, 21, 21, 21, 22]),
        (2028, [20, 20, 23, 19, 22, 21, 20, 23, 20, 22, 21, 20]),
    ];
    for (year, months) in table {
        for (month, expected) in (1..).zip(months) {
            assert_eq!(days(year, month), expected, "{year}-{month:02}");
        }
    }
    assert_eq!((1..=12).map(|m| days(2012, m)).sum::<usize>(), 250);
}

#[test]
fn rules_and_announcements_agree() {
    for year in 2024..=2028 {
        for (month, day) in (1..=12).flat_map(|m| (1..=days_in_month(year, m)).map(move |d| (m, d))) {
            let date = yyyymmdd(year, month, day);
            let weekend = weekday(days_from_civil(year, month, day)) >= 5;
            let announced = (weekend || CLOSURES.contains(&date), EARLY_CLOSES.contains(&date));
            if date == 20250109 {
                assert_eq!(by_rule(year, month, day), (false, false), "a day of mourning follows no rule");
            } else {
                assert_eq!(by_rule(year, month, day), announced, "{date}");
            }
        }
    }
}

#[test]
fn expected_bars_are_those_of_the_session() {
    let calendar = calendar();
    let open = 1795789800 * SECONDS; // 2026-11-27, closes at 13:00
    let (midnight, minute) = (open - 14 * HOUR - HOUR / 2, 60 * SECONDS);
    assert_eq!(calendar.bars(midnight, midnight + DAY, minute), 210);
    let full = 1793629800 * SECONDS - 14 * HOUR - HOUR / 2;
    assert_eq!(calendar.bars(full, full + DAY, minute), 390);
    assert_eq!(calendar.bars(full, full + DAY, HOUR), 7, "the first hour is half a session hour");
    assert_eq!(calendar.bars(full, full + 7 * DAY, minute), 5 * 390);
    assert_eq!(calendar.bars(open, open + minute, minute), 1);
    assert_eq!(calendar.bars(open - minute, open, minute), 0);
    assert_eq!(calendar.bars(open, open, minute), 0);
}

#[test]
fn further_days_come_from_the_configuration() {
    let config = Config { us_closures: vec![20261102], us_early_closes: vec![20261103], ..Config::default() };
    let calendar = UsEquities::new(&config).unwrap();
    let open = 1793629800 * SECONDS;
    assert!(!calendar.is_open(open) && calendar.is_open(open + DAY) && !calendar.is_open(open + DAY + 4 * HOUR));
    let bad = Config { us_closures: vec![20260230], ..Config::default() };
    assert_eq!(UsEquities::new(&bad).unwrap_err(), ConfigError::BadDate { field: "us_closures", date: 20260230 });
}
