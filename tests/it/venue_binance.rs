//! The Binance decoder against an independent oracle: on real captures, on changed frames, on generated messages.

use crate::venue_binance_oracle::Trio;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use tickpath::types::instrument::VenueKind::{self, BinanceCoinm, BinanceSpot, BinanceUsdm};

fn captures() -> Option<PathBuf> {
    let folder = std::env::var_os("TICKPATH_CAPTURES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no captures at {}", folder.display());
    None
}

/// Every message of a capture: both paths and the oracle agree, and the fast path takes them all.
fn check_capture(files: &[&str], venue: VenueKind, given: bool) {
    let Some(folder) = captures() else { return };
    let mut trio = Trio::new(given.then_some(venue));
    let mut messages = 0;
    for file in files {
        let file = std::fs::File::open(folder.join("hftbacktest").join(file)).unwrap();
        for line in BufReader::new(flate2::read::MultiGzDecoder::new(file)).split(b'\n') {
            let line = line.unwrap();
            let Some(space) = line.iter().position(|&b| b == b' ') else { continue };
            assert!(trio.check(&line[space + 1..]));
            messages += 1;
        }
    }
    let stats = trio.stats();
    println!("{files:?}: {messages} messages, {stats:?}");
    assert!(messages > 50_000);
    assert_eq!((stats.fast, stats.fallback, stats.errors), (messages, 0, 0));
}

#[test]
fn real_usdm() {
    check_capture(&["usdm_btcusdt_20240808.gz"], BinanceUsdm, false);
    check_capture(&["usdm_ethusdt_20240808.gz"], BinanceUsdm, true);
}

#[test]
fn real_spot() {
    check_capture(&["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"], BinanceSpot, false);
}

#[test]
fn real_coinm() {
    check_capture(&["cm_btcusd_perp_20240808.gz", "cm_btcusd_perp_20240809.gz"], BinanceCoinm, false);
}

#[test]
fn real_sessions_with_bars_and_snapshots() {
    let Some(folder) = captures() else { return };
    for (name, venue) in [("BINANCE", BinanceSpot), ("BINANCE_FUTURES", BinanceUsdm)] {
        let mut trio = Trio::new(None);
        let mut messages = 0;
        for part in ["ws.1.0", "http.0.0"] {
            let text = std::fs::read_to_string(folder.join("cryptofeed").join(format!("{name}.{part}"))).unwrap();
            for line in text.lines() {
                let Some(start) = line.find(": {") else { continue };
                if let Some((_, rest)) = line.split_once("symbol=") {
                    trio.set_rest_symbol(rest.split('&').next().unwrap());
                }
                assert!(trio.check(&line.as_bytes()[start + 2..]), "{line}");
                messages += 1;
            }
        }
        let stats = trio.stats();
        println!("{name}: {messages} messages, {stats:?}");
        assert!(messages > 200);
        assert_eq!((stats.fast, stats.fallback, stats.errors), (messages, 0, 0));
        let _ = venue;
    }
}

/// A generated message, its keys in the venue's order.
fn message() -> impl Strategy<Value = Value> {
    let decimal = "[0-9]{1,6}(\\.[0-9]{1,8})?|[0-9]{1,3}\\.[0-9]{2}000000";
    let id = prop_oneof![0u64..100_000, any::<u64>()];
    let time = prop_oneof![1_600_000_000_000u64..1_800_000_000_000, 1_600_000_000_000_000u64..1_700_000_000_000_000];
    let side = proptest::collection::vec((decimal, decimal), 0..30);
    let parts = (
        (0usize..9, any::<bool>(), "[A-C](USD_PERP|USDT)", any::<bool>(), any::<bool>()),
        proptest::array::uniform6(decimal),
        proptest::array::uniform3(id),
        proptest::array::uniform2(time),
        (side.clone(), side),
    );
    parts.prop_map(|((kind, combined, symbol, m, future), d, ids, [e, t], (b, a))| {
        let [d0, d1, d2, d3, d4, d5] = d;
        let [x, y, z] = ids;
        let (body, topic) = match kind {
            0 if future => (json!({"e":"trade","E":e,"T":t,"s":symbol,"t":x,"p":d0,"q":d1,"X":"MARKET","m":m}), "trade"),
            0 => (json!({"e":"trade","E":e,"s":symbol,"t":x,"p":d0,"q":d1,"T":t,"m":m,"M":true}), "trade"),
            1 if future => {
                (json!({"e":"aggTrade","E":e,"a":x,"s":symbol,"p":d0,"q":d1,"f":y,"l":z,"T":t,"m":m}), "aggTrade")
            }
            1 => (json!({"e":"aggTrade","E":e,"s":symbol,"a":x,"p":d0,"q":d1,"f":y,"l":z,"T":t,"m":m,"M":m}), "aggTrade"),
            2 => (json!({"u":x,"s":symbol,"b":d0,"B":d1,"a":d2,"A":d3}), "bookTicker"),
            3 => (
                json!({"e":"bookTicker","u":x,"s":symbol,"b":d0,"B":d1,"a":d2,"A":d3,"T":t,"E":e}),
                "bookTicker",
            ),
            4 if future => {
                (json!({"e":"depthUpdate","E":e,"T":t,"s":symbol,"U":x,"u":y,"pu":z,"b":b,"a":a}), "depth@100ms")
            }
            4 => (json!({"e":"depthUpdate","E":e,"s":symbol,"U":x,"u":y,"b":b,"a":a}), "depth"),
            5 => (json!({"e":"depthUpdate","E":e,"T":t,"s":symbol,"U":x,"u":y,"pu":z,"b":b,"a":a}), "depth10"),
            6 => (json!({"lastUpdateId":x,"bids":b,"asks":a}), "depth20@100ms"),
            7 => (
                json!({"e":"kline","E":e,"s":symbol,"k":{"t":t,"T":e,"s":symbol,"i":"1m","f":x,"L":y,"o":d0,"c":d1,"h":d2,"l":d3,
                    "v":d4,"n":z,"x":m,"q":d5,"V":d5,"Q":d5,"B":"0"}}),
                "kline_1m",
            ),
            _ => (
                json!({"e":"markPriceUpdate","E":e,"s":symbol,"p":d0,"P":d1,"i":d2,"r":if m { "" } else { "-0.0001" },"T":t}),
                "markPrice@1s",
            ),
        };
        if combined { json!({"stream": format!("{}@{topic}", symbol.to_lowercase()), "data": body}) } else { body }
    })
}

/// The keys in another order, and unknown ones among them.
fn shuffled(value: &Value, seed: u64) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(String, Value)> = map.iter().map(|(k, v)| (k.clone(), shuffled(v, seed))).collect();
            if seed.is_multiple_of(3) {
                pairs.push(("ps2".to_owned(), json!([{"e": 1}, "\\\"", -0.5])));
            }
            let mut state = seed | 1;
            for i in (1..pairs.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                pairs.swap(i, (state >> 33) as usize % (i + 1));
            }
            Value::Object(pairs.into_iter().collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn venue() -> impl Strategy<Value = Option<VenueKind>> {
    prop_oneof![Just(None), Just(Some(BinanceSpot)), Just(Some(BinanceUsdm)), Just(Some(BinanceCoinm))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn generated_messages(messages in proptest::collection::vec((message(), any::<u64>()), 1..8), venue in venue()) {
        let mut trio = Trio::new(venue);
        for (message, seed) in &messages {
            trio.check(message.to_string().as_bytes());
            trio.check(shuffled(message, *seed).to_string().as_bytes());
            trio.check(serde_json::to_string_pretty(message).unwrap().as_bytes());
        }
    }

    #[test]
    fn damaged_messages(message in message(), venue in venue(), at in any::<u64>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut json = message.to_string().into_bytes();
        let at = at as usize % json.len();
        if cut { json.truncate(at); } else { json[at] = byte; }
        Trio::new(venue).check(&json);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64), venue in venue()) {
        Trio::new(venue).check(&bytes);
    }
}
