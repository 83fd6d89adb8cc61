//! What an event costs with one instrument and with ten thousand, with one feature and with 32.
//!
//! All instruments get the same messages: a snapshot, then quotes, trades and differences of the book in a fixed mix, first a
//! second apart until all features are warm, then as fast as a busy instrument's. A block's messages fall on instruments at
//! random, so that with ten thousand each one finds its state out in memory. The texts are made before a block is timed.

use crate::cores::Cores;
use crate::hot::{Build, HotPath};
use crate::shared::binance::{Kind, Message};
use crate::shared::findings::{Findings, Sense};
use crate::shared::turns::{Turns, timed};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::fmt::Write as _;
use std::hint::black_box;
use tickpath::config::Config;
use tickpath::types::instrument::VenueKind;

/// Messages of a block: fewer than the ring's watermark.
const BLOCK: usize = 1024;
/// Instruments, the rival of all others first.
const INSTRUMENTS: [usize; 4] = [1, 100, 1_000, 10_000];
/// Messages of an instrument a second apart, until everything is warm.
const WARM: u32 = 48;
/// When the market begins, in nanoseconds.
const START: i64 = 1_700_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;
const MILLI: i64 = 1_000_000;

/// Sixteen features beside the sixteen of the standard set: their other outputs, windows and intervals.
const MORE: &str = "
    [[features]]\nkind='sma'\nperiod=10
    [[features]]\nkind='ema'\nperiod=10
    [[features]]\nkind='bar_vwap'\nperiod=10
    [[features]]\nname='atr_simple'\nkind='atr'\nsmoothing='simple'
    [[features]]\nname='bollinger_upper'\nkind='bollinger'\noutput='upper'
    [[features]]\nname='bollinger_lower'\nkind='bollinger'\noutput='lower'
    [[features]]\nname='macd_line'\nkind='macd'\noutput='line'
    [[features]]\nname='macd_signal'\nkind='macd'\noutput='signal'
    [[features]]\nname='vwap_short'\nkind='vwap'\nwindow_ms=5000
    [[features]]\nname='ofi_qty'\nkind='ofi'\nunit='qty'
    [[features]]\nname='ofi_short'\nkind='ofi'\nwindow_ms=900
    [[features]]\nname='trade_flow_qty'\nkind='trade_flow'\noutput='qty'
    [[features]]\nname='trade_flow_short'\nkind='trade_flow'\nwindow_ms=1100
    [[features]]\nname='depth_imbalance_10'\nkind='depth_imbalance'\nlevels=10
    [[features]]\nname='ewma_slow'\nkind='ewma_return'\ntau_ms=30000
    [[features]]\nname='vol_slow'\nkind='realized_vol'\nsample_ms=500\nsamples=60";

/// The messages of a market, as a USD-M venue writes them.
struct Feed {
    /// Symbols, small and great.
    names: Vec<(String, String)>,
    /// Messages that each has had.
    had: Vec<u32>,
    random: Pcg64Mcg,
    now: i64,
}

impl Feed {
    fn new(instruments: usize) -> Self {
        let names = (0..instruments).map(|n| (format!("a{n:05}usdt"), format!("A{n:05}USDT"))).collect();
        Self { names, had: vec![0; instruments], random: Pcg64Mcg::seed_from_u64(7), now: START }
    }

    /// The next message of the instrument.
    fn message(&mut self, at: usize) -> Message {
        let (number, (small, great)) = (u64::from(self.had[at]), &self.names[at]);
        self.had[at] += 1;
        let time = self.now / MILLI;
        // Quantities and the touch differ from message to message, and the same for every instrument.
        let qty = |n: u64| format!("{}.{:03}", 1 + (number * 7 + n * 3) % 19, (number * 131 + n * 37) % 1000);
        let away = (number * 5 % 3) as i64;
        let px = |ticks: i64| format!("{}.{}0", ticks / 10, ticks % 10);
        let levels = |side: i64, count: u64| {
            let level = |n: u64| format!(r#"["{}","{}"]"#, px(600_000 + side * (4 + n as i64)), qty(n));
            (0..count).map(level).collect::<Vec<_>>().join(",")
        };
        let mut text = String::with_capacity(512);
        // One difference of the book for seven others; ids as a venue gives them.
        let (last, kind) = (1_000 + number / 8 * 10, number % 8);
        let wrote = if number == 0 {
            let (bids, asks) = (levels(-1, 20), levels(1, 20));
            write!(
                text,
                r#"{{"lastUpdateId":1005,"E":{time},"T":{time},"symbol":"{great}","bids":[{bids}],"asks":[{asks}]}}"#
            )
        } else if kind == 0 {
            let (bids, asks, first, before) = (levels(-1, 5), levels(1, 5), last - 9, last - 10);
            write!(
                text,
                r#"{{"stream":"{small}@depth@100ms","data":{{"e":"depthUpdate","E":{time},"T":{time},"s":"{great}","U":{first},"u":{last},"pu":{before},"b":[{bids}],"a":[{asks}]}}}}"#
            )
        } else if kind == 3 || kind == 6 {
            let (px, qty) = (px(600_000 + away - 1), qty(0));
            let maker = kind == 3;
            write!(
                text,
                r#"{{"stream":"{small}@trade","data":{{"e":"trade","E":{time},"T":{time},"s":"{great}","t":{number},"p":"{px}","q":"{qty}","X":"MARKET","m":{maker}}}}}"#
            )
        } else {
            let (bid, ask, id) = (px(599_999 - away), px(600_001 + away), last + kind);
            let (bid_qty, ask_qty) = (qty(1), qty(2));
            write!(
                text,
                r#"{{"stream":"{small}@bookTicker","data":{{"e":"bookTicker","u":{id},"s":"{great}","b":"{bid}","B":"{bid_qty}","a":"{ask}","A":"{ask_qty}","T":{time},"E":{time}}}}}"#
            )
        };
        wrote.expect("a string takes it");
        Message { at: self.now + MILLI / 2, kind: Kind::Other, bytes: text.into_bytes() }
    }

    /// Every instrument once, in a second of its own.
    fn second(&mut self) -> impl Iterator<Item = Message> {
        let begun = self.now;
        self.now += SECOND;
        (0..self.names.len()).map(move |at| {
            self.now = begun + SECOND + at as i64 * 1_000;
            self.message(at)
        })
    }

    /// A block of messages, each instrument's on average a millisecond apart.
    fn block(&mut self) -> Vec<Message> {
        let count = self.names.len();
        (0..BLOCK)
            .map(|_| {
                self.now += MILLI / count as i64;
                let at = (self.random.next_u64() % count as u64) as usize;
                self.message(at)
            })
            .collect()
    }
}

/// A contestant: its market, and the host that follows it.
struct Scaled {
    feed: Feed,
    path: HotPath,
}

impl Scaled {
    fn start(mut config: Config, instruments: usize, cores: &Cores) -> Self {
        // The configuration's own generated market has two, whether it runs or not.
        config.topology.instruments_max = instruments.max(2);
        let build = Build { config, venue: VenueKind::BinanceUsdm, instruments: Vec::new(), journal: None };
        cores.free();
        let mut path = HotPath::start(&build, START);
        cores.pin();
        let mut feed = Feed::new(instruments);
        for _ in 0..WARM {
            for (number, message) in feed.second().enumerate() {
                path.tick(message.at, &message.bytes);
                if number % BLOCK == 0 {
                    path.answer();
                    path.settle();
                }
            }
        }
        // Each instrument at another place of the mix, so that a block has all kinds of messages from the first on.
        for at in (0..instruments).flat_map(|at| std::iter::repeat_n(at, at % 8)) {
            feed.now += 1_000;
            let message = feed.message(at);
            path.tick(message.at, &message.bytes);
            path.answer();
            path.settle();
        }
        path.answer();
        path.settle();
        Self { feed, path }
    }

    /// Ends it.
    ///
    /// # Panics
    /// If an instrument's features were not all warm, or its book was not whole: then less was measured than is said.
    fn finish(self, features: usize) {
        let instruments = self.feed.names.len();
        let (_, view) = self.path.finish_with_view();
        assert_eq!(view.instruments.len(), instruments, "all were seen");
        for (id, seen) in &view.instruments {
            let warm = seen.slot.features.warm.count_ones() as usize;
            assert_eq!(warm, features, "instrument {id}: features that are warm");
            assert!(seen.slot.market.is_tradable(), "instrument {id}: a whole book");
        }
    }

    fn block(&mut self, block: &[Message]) -> f64 {
        let time = timed(|| block.iter().for_each(|message| self.path.tick(message.at, black_box(&message.bytes))));
        self.path.answer();
        self.path.settle();
        time
    }
}

/// All contestants in turns, each on its own market's next block; beside each the number of its features.
fn run(
    title: &str,
    names: &[String],
    mut scaled: Vec<(Scaled, usize)>,
    blocks: usize,
    findings: &mut Findings,
) -> Turns {
    let mut turns = Turns::new(std::iter::once("floor: copy of a byte".to_owned()).chain(names.iter().cloned()));
    let mut copy = vec![0u8; 1 << 16];
    for _ in 0..blocks {
        let texts: Vec<Vec<Message>> = scaled.iter_mut().map(|(one, _)| one.feed.block()).collect();
        let bytes = texts[0].iter().map(|message| message.bytes.len()).sum();
        turns.block_of(BLOCK, bytes, |who| match who {
            0 => timed(|| {
                for message in &texts[0] {
                    let bytes = black_box(message.bytes.as_slice());
                    copy[..bytes.len()].copy_from_slice(bytes);
                    black_box(&copy);
                }
            }),
            _ => scaled[who - 1].0.block(&texts[who - 1]),
        });
    }
    findings.keep(title, &turns, 1);
    findings.say(format_args!("\n{title}: {} of {} blocks kept", turns.kept().len(), turns.blocks()));
    for (who, name) in turns.names().iter().enumerate() {
        findings.say(format_args!(
            "  {name:<24} {:>8.1} ns   {} × the first",
            turns.nanos(who).median,
            turns.ratio(who, 1)
        ));
    }
    for (one, features) in scaled {
        one.finish(features);
    }
    turns
}

/// Rows of both comparisons.
pub fn compare(config: &Config, cores: &Cores, quick: bool, findings: &mut Findings) {
    let blocks = if quick { 20 } else { 400 };
    let counts: &[usize] = if quick { &[1, 1_000] } else { &INSTRUMENTS };
    let names: Vec<String> = counts.iter().map(|count| format!("{count} instruments")).collect();
    let standard = config.feature.features.clone();
    let scaled = counts.iter().map(|count| (Scaled::start(config.clone(), *count, cores), standard.len())).collect();
    let turns = run("an event, by instruments", &names, scaled, blocks, findings);
    let (most, last) = (names.len(), names.last().expect("two at least"));
    findings.found(
        if quick { None } else { Some(21) },
        "instruments",
        &format!("{last} ÷ 1"),
        Sense::Less,
        turns.ratio(most, 1),
        &turns,
    );

    let more: tickpath::feature::Config = toml::from_str(MORE).expect("features");
    let all: Vec<_> = standard.into_iter().chain(more.features).collect();
    let with = |count: usize| {
        let mut config = config.clone();
        // No model: they want features by name.
        config.signal.models.clear();
        config.feature.features = all[all.len() - count..].to_vec();
        (Scaled::start(config, 1, cores), count)
    };
    // The one is the last of the list; the standard set and all else come before it.
    let counts = [1, 16, all.len()];
    let names: Vec<String> = counts.iter().map(|count| format!("{count} features")).collect();
    let turns = run("an event, by features", &names, counts.map(with).into(), blocks, findings);
    findings.found(21, "features", &format!("{} ÷ 1", all.len()), Sense::Less, turns.ratio(3, 1), &turns);
}
