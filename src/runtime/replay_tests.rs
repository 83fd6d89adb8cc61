//! Edge: tests of the end of a replay: it does not wait for what nobody waits for.

use super::host::{self, Outcome, RunOptions, Running, Source};
use super::simulation::{Ended, Limits};
use crate::config::{self, Config};
use crate::types::instrument::VenueKind;
use crate::venue::capture::{self, CaptureCounts, CaptureError, CaptureFormat, CaptureOptions, CaptureReader};
use crate::venue::capture::{CapturedFrame, DecoderKind, FrameKind};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A reader that gives some blocks of messages and then is at its file for a long time.
struct Slow {
    given: u64,
    messages: u64,
    kind: FrameKind<'static>,
    /// How long it is at its file behind them.
    rest: Duration,
}

const TRADE: &str = r#"{"stream":"abcusdt@trade","data":{"e":"trade","E":1700000000000,"s":"ABCUSDT","t":1,"p":"10.00","q":"1.000","T":1700000000000,"m":true}}"#;
const LONG: Duration = Duration::from_secs(8);

impl CaptureReader for Slow {
    fn advance(&mut self) -> Result<bool, CaptureError> {
        if self.given == self.messages {
            std::thread::sleep(self.rest);
            return Ok(false);
        }
        self.given += 1;
        Ok(true)
    }

    fn frame(&self) -> CapturedFrame<'_> {
        CapturedFrame {
            ts_recv: 1_700_000_000_000_000_000 + self.given as i64,
            bytes: TRADE.as_bytes(),
            kind: self.kind,
            sequence: 0,
            venue: None,
            number: self.given,
        }
    }

    fn path(&self) -> &Path {
        Path::new("slow")
    }

    fn progress(&self) -> (u64, u64) {
        (self.given, self.messages)
    }

    fn format(&self) -> CaptureFormat {
        CaptureFormat::Hftbacktest
    }

    fn decoder(&self) -> DecoderKind {
        DecoderKind::Binance { venue: Some(VenueKind::BinanceSpot) }
    }

    fn counts(&self) -> CaptureCounts {
        CaptureCounts::default()
    }

    fn describe(&self) -> String {
        "slow".to_owned()
    }
}

fn replay(reader: Box<dyn CaptureReader>, limits: Limits) -> Running {
    let config: Config = config::load(None, std::iter::empty()).unwrap().config;
    let options = RunOptions { limits, ..RunOptions::default() };
    host::start(&config, Source::Captures(vec![reader]), options).unwrap()
}

#[test]
fn a_run_that_is_stopped_does_not_wait_for_the_loader() {
    let begun = Instant::now();
    let slow = Slow { given: 0, messages: 10_000, kind: FrameKind::Message, rest: LONG };
    let running = replay(Box::new(slow), Limits::default());
    while running.progress.events.load(Ordering::Relaxed) == 0 {
        assert!(begun.elapsed() < LONG / 2);
        std::thread::yield_now();
    }
    running.gate.stop();
    let outcome = running.wait().unwrap();
    assert_eq!((outcome.ended, outcome.problems.is_clean()), (Ended::Stopped, true), "{:?}", outcome.problems);
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
}

/// A packed capture one line of which is no message, and whose bytes say all the same that they are as written.
fn capture_with_a_bad_message(dir: &Path) -> Box<dyn CaptureReader> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for n in 0..100u64 {
        let json = match n {
            0 => {
                r#"{"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"ABCUSDT","U":1,"u":2,"b":[["10.00","1.000"]],"a":[]}}"#
            }
            5 => r#"{"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":17x"#,
            _ => {
                r#"{"stream":"abcusdt@trade","data":{"e":"trade","E":1700000000000,"s":"ABCUSDT","t":1,"p":"10.00","q":"1.000","T":1700000000000,"m":true}}"#
            }
        };
        writeln!(packed, "{} {json}", 1_700_000_000_000_000_000 + n).unwrap();
    }
    let path = dir.join("a.gz");
    std::fs::write(&path, packed.finish().unwrap()).unwrap();
    capture::open(&path, &CaptureOptions::default()).unwrap()
}

#[test]
fn only_a_run_that_saw_all_data_asks_the_checksum_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let check = |events_max: u64, ended: Ended, asked: bool| {
        let running = replay(capture_with_a_bad_message(dir.path()), Limits { events_max, nanos_max: 0 });
        let outcome: Outcome = running.wait().unwrap();
        assert_eq!(outcome.ended, ended);
        let told = &outcome.problems.told;
        assert!(told[0].contains("a.gz: line 6 cannot be read"), "{told:?}");
        assert_eq!(told[0].contains("checksum is right"), asked, "{told:?}");
    };
    check(0, Ended::Data, true);
    check(50, Ended::Limit, false);
}

#[test]
fn captures_without_a_message_say_what_they_hold() {
    let check = |kind: FrameKind<'static>, expected: &str| {
        let reader = Slow { given: 0, messages: 3, kind, rest: Duration::ZERO };
        let Err(error) = replay(Box::new(reader), Limits::default()).wait() else {
            panic!("that is nothing to replay")
        };
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(FrameKind::Gap { from: 5, to: 9 }, "no market data, only gaps between messages;");
}
