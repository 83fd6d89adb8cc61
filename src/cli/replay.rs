//! Edge: `tickpath replay FILE…`: recorded captures through all stages.

use super::Cli;
use super::exit::{Code, Failure};
use super::finish;
use crate::config::Mode;
use crate::runtime::host::{self, RunOptions, Running, Source};
use crate::runtime::simulation::{Ended, Limits};
use crate::types::instrument::{Instrument, Symbol, VenueKind};
use crate::venue::capture::{self, CaptureOptions, DecoderKind};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Pace of simulated time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as it goes.
    Max,
    /// So many simulated seconds for each real one.
    Factor(f64),
}

impl Speed {
    /// The factor, if it is not `max`.
    pub fn factor(self) -> Option<f64> {
        match self {
            Self::Max => None,
            Self::Factor(factor) => Some(factor),
        }
    }
}

/// Reads `max`, `real` or `10x`.
///
/// # Errors
/// What is allowed.
pub fn parse_speed(text: &str) -> Result<Speed, String> {
    match text {
        "max" => Ok(Speed::Max),
        "real" => Ok(Speed::Factor(1.0)),
        other => other
            .strip_suffix('x')
            .and_then(|n| n.parse::<f64>().ok())
            .filter(|n| n.is_finite() && *n > 0.0)
            .map(Speed::Factor)
            .ok_or_else(|| "expected `max`, `real`, or a factor such as `10x`".to_owned()),
    }
}

fn parse_date(text: &str) -> Result<jiff::civil::Date, String> {
    text.parse().map_err(|_| "expected a date such as 2019-01-30".to_owned())
}

fn parse_symbol(text: &str) -> Result<Symbol, String> {
    Symbol::from(text)
        .ok()
        .filter(|symbol| !symbol.is_empty())
        .ok_or_else(|| "expected a symbol of 1 to 32 letters, such as AMZN".to_owned())
}

fn parse_venue(text: &str) -> Result<VenueKind, String> {
    VenueKind::from_name(text)
        .filter(|v| matches!(v, VenueKind::BinanceSpot | VenueKind::BinanceUsdm | VenueKind::BinanceCoinm))
        .ok_or_else(|| "expected BINANCE, BINANCE_USDM or BINANCE_COINM".to_owned())
}

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Captures: plain, gzip or zstd; lines of raw messages with their local time, cryptofeed lines, ITCH files, pcap and
    /// pcapng of MoldUDP64, LOBSTER message files. Several are merged by local time.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// `max`, `real`, or a factor such as `10x`.
    #[arg(long, default_value = "max", value_parser = parse_speed)]
    pub speed: Speed,
    /// Keep a journal of the run in this folder, which must not hold one yet.
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// `fused`, or groups such as `market+feature,signal+risk,execution` (commas between threads).
    #[arg(long)]
    pub placement: Option<String>,
    /// Instrument definitions: a venue's exchangeInfo answer. Symbols that it does not list are errors.
    #[arg(long, value_name = "FILE")]
    pub definitions: Option<PathBuf>,
    /// Date of ITCH and LOBSTER files whose name does not say it, as YYYY-MM-DD (New York).
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub date: Option<jiff::civil::Date>,
    /// Symbol of LOBSTER files whose name does not say it.
    #[arg(long, value_name = "SYMBOL", value_parser = parse_symbol)]
    pub symbol: Option<Symbol>,
    /// Venue of JSON lines that do not say it: BINANCE, BINANCE_USDM or BINANCE_COINM.
    #[arg(long, value_name = "VENUE", value_parser = parse_venue)]
    pub venue: Option<VenueKind>,
    /// Only signals, no orders.
    #[arg(long)]
    pub observe: bool,
    /// End after this many market messages; 0 = no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub events: u64,
    /// Where to write latency.svg and the .hgrm files; without it they are not written.
    #[arg(long, value_name = "DIR")]
    pub latency: Option<PathBuf>,
}

/// Replays captures.
///
/// # Errors
/// [`Failure`].
pub fn main(cli: &Cli, args: &ReplayArgs) -> Result<Code, Failure> {
    let mut loaded = crate::config::load(cli.config.as_deref(), std::env::vars())?;
    if let Some(placement) = &args.placement {
        loaded.config.topology.placement.clone_from(placement);
    }
    if args.observe {
        loaded.config.host.mode = Mode::Observe;
    }
    let options = CaptureOptions {
        date: args.date,
        symbol: args.symbol,
        venue: args.venue,
        // Held to the wall, the market would stand still meanwhile.
        ask_packing: args.speed.factor().is_none(),
        ..CaptureOptions::default()
    };
    let mut readers = Vec::with_capacity(args.files.len());
    for file in &args.files {
        readers.push(capture::open(file, &options)?);
    }
    let touch_only = readers.iter().any(|r| matches!(r.decoder(), DecoderKind::Lobster { .. }));
    if touch_only && loaded.config.market.lobster_level_1 && loaded.config.host.mode != Mode::Observe {
        // A level-1 file does not say what happens to orders that leave the touch: no honest fill can be made of it.
        loaded.config.host.mode = Mode::Observe;
        eprintln!(
            "tickpath: a level-1 LOBSTER file cannot fill orders honestly: observing only (with a file of all levels set [market] lobster_level_1 = false)"
        );
    }
    let definitions = args.definitions.as_deref().map(read_definitions).transpose()?.unwrap_or_default();
    if !cli.json {
        for reader in &readers {
            crate::say!("{}: {}", reader.path().display(), reader.describe());
        }
        if definitions.is_empty() {
            crate::say!(
                "no definitions given: instruments are inferred from the messages (or taken from an exchangeInfo in the captures)"
            );
        }
    }
    let options = RunOptions {
        journal_dir: args.journal.clone(),
        fresh_journal: true,
        speed: args.speed.factor(),
        limits: Limits { events_max: args.events, nanos_max: 0 },
        shared: None,
        start: None,
        definitions,
        plane: true,
    };
    let running = host::start(&loaded.config, Source::Captures(readers), options)?;
    let stop = super::run::install_stop(&running.gate)?;
    if !cli.json {
        super::run::announce_plane(&running);
    }
    watch(&running, cli.json);
    let outcome = running.wait()?;
    stop.store(true, Ordering::Release);
    let code = finish(cli, &outcome, args.latency.as_deref())?;
    // What was interrupted is not the whole replay.
    Ok(if outcome.ended == Ended::Stopped && code == Code::Ok { Code::Error } else { code })
}

fn read_definitions(path: &Path) -> Result<Vec<Instrument>, Failure> {
    let shown = path.display();
    let bytes = std::fs::read(path)
        .map_err(|e| Failure::new(Code::Usage, format!("cannot read the definitions {shown}: {e}")))?;
    let text = bytes.as_slice();
    // A bare exchangeInfo answer, or a capture line `<url> -> t: {…}` that has one.
    let (json, venue) = match memchr::memmem::find(text, b"{\"timezone\"") {
        Some(at) => {
            let line_end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n);
            let url = &text[..at];
            let venue = if memchr::memmem::find(url, b"dapi").is_some() {
                Some(VenueKind::BinanceCoinm)
            } else if memchr::memmem::find(url, b"fapi").is_some() {
                Some(VenueKind::BinanceUsdm)
            } else {
                None
            };
            (&text[at..line_end], venue)
        }
        None => (text, None),
    };
    crate::venue::binance::exchange_info::read(json, venue)
        .map_err(|e| Failure::new(Code::Error, format!("{shown} is no exchangeInfo answer: {e}")))
}

/// A progress bar until the run is over.
fn watch(running: &Running, quiet: bool) {
    let bar = if quiet || !std::io::stderr().is_terminal() {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(running.bytes_total).with_style(
            ProgressStyle::with_template(
                "{bar:40} {percent:>3} %  {bytes}/{total_bytes}  {msg}  {elapsed} (eta {eta})",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
        )
    };
    while !running.is_finished() {
        bar.set_position(running.progress.bytes_read.load(Ordering::Relaxed));
        bar.set_message(format!(
            "{} messages",
            crate::report::number::grouped(running.progress.events.load(Ordering::Relaxed))
        ));
        std::thread::sleep(Duration::from_millis(5));
    }
    bar.finish_and_clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds() {
        assert_eq!(parse_speed("max"), Ok(Speed::Max));
        assert_eq!(parse_speed("real"), Ok(Speed::Factor(1.0)));
        assert_eq!(parse_speed("2.5x"), Ok(Speed::Factor(2.5)));
        for bad in ["", "x", "0x", "-1x", "fast", "10", "infx"] {
            assert!(parse_speed(bad).is_err(), "{bad}");
        }
    }
}
