//! Inferring venues, instruments and scales.

use super::Desk;
use crate::types::ids::SourceId;
use crate::types::instrument::VenueKind::{self, BinanceCoinm, BinanceSpot, BinanceUsdm};
use crate::types::price::Px;
use crate::venue::feed::DecodeFault;

#[test]
fn every_message_type_decides_the_venue() {
    let table: &[(VenueKind, &str)] = &[
        (BinanceSpot, r#"{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true,"M":true}"#),
        (BinanceUsdm, r#"{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","X":"MARKET","m":true}"#),
        (BinanceCoinm, r#"{"e":"trade","E":1,"T":1,"s":"BTCUSD_PERP","t":1,"p":"1","q":"1","X":"MARKET","m":true}"#),
        (BinanceSpot, r#"{"e":"aggTrade","E":1,"s":"X","a":1,"p":"1","q":"1","f":1,"l":1,"T":1,"m":true,"M":true}"#),
        (BinanceUsdm, r#"{"e":"aggTrade","E":1,"a":1,"s":"X","p":"1","q":"1","f":1,"l":1,"T":1,"m":true}"#),
        (BinanceSpot, r#"{"u":1,"s":"X","b":"1","B":"1","a":"1","A":"1"}"#),
        (BinanceUsdm, r#"{"e":"bookTicker","u":1,"s":"X","ps":"X","b":"1","B":"1","a":"1","A":"1","T":1,"E":1}"#),
        (
            BinanceCoinm,
            r#"{"u":1,"e":"bookTicker","s":"ETHUSD_240927","ps":"ETHUSD","b":"1","B":"1","a":"1","A":"1","T":1,"E":1}"#,
        ),
        (BinanceSpot, r#"{"e":"depthUpdate","E":1,"s":"X","U":1,"u":1,"b":[],"a":[]}"#),
        (BinanceUsdm, r#"{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT_240927","U":1,"u":1,"pu":0,"b":[],"a":[]}"#),
        (BinanceSpot, r#"{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,"bids":[],"asks":[]}}"#),
        (BinanceCoinm, r#"{"lastUpdateId":1,"E":1,"T":1,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[],"asks":[]}"#),
        (BinanceUsdm, r#"{"e":"markPriceUpdate","E":1,"s":"X","p":"1","P":"1","i":"1","r":"0","T":1}"#),
        (
            BinanceSpot,
            r#"{"e":"kline","E":1,"s":"X","k":{"t":1,"i":"1m","o":"1","c":"1","h":"1","l":"1","v":"1.00000000","n":1,"x":false}}"#,
        ),
        (
            BinanceSpot,
            r#"{"e":"kline","E":1,"s":"X","k":{"t":1,"i":"1s","o":"1","c":"1","h":"1","l":"1","v":"1","n":1,"x":false}}"#,
        ),
        (
            BinanceUsdm,
            r#"{"e":"kline","E":1,"s":"X","k":{"t":1,"i":"1m","o":"1","c":"1","h":"1","l":"1","v":"1.000","n":1,"x":false}}"#,
        ),
    ];
    for &(venue, json) in table {
        let mut desk = Desk::new(None, true);
        desk.decode(r#"{"result":null,"id":1}"#).unwrap();
        assert_eq!(desk.decoder.venue(), None);
        desk.decode(json).unwrap();
        assert_eq!(desk.decoder.venue(), Some(venue), "{json}");
        assert_eq!(desk.directory.all()[0].venue, venue);
    }
}

#[test]
fn each_source_has_its_own_venue() {
    let spot = r#"{"u":1,"s":"X","b":"1","B":"1","a":"1","A":"1"}"#;
    let usdm = r#"{"e":"bookTicker","u":1,"s":"X","b":"1","B":"1","a":"1","A":"1","T":1,"E":1}"#;
    let mut desk = Desk::new(None, true);
    for round in 0..2 {
        desk.decode_from(SourceId(16), spot).unwrap();
        assert_eq!(desk.decoder.venue(), Some(BinanceSpot));
        desk.decode_from(SourceId(17), usdm).unwrap();
        assert_eq!(desk.decoder.venue(), Some(BinanceUsdm));
        assert_eq!(desk.directory.all().len(), 2, "round {round}");
    }
    assert_eq!((desk.decoder.stats().fast, desk.decoder.stats().definitions), (4, 2));
}

#[test]
fn finer_numbers_refine_and_marks_do_not_change_what_is_shown() {
    let quote = |px: &str, qty: &str| {
        format!(r#"{{"e":"bookTicker","u":1,"s":"X","b":"{px}","B":"{qty}","a":"{px}","A":"{qty}","T":1,"E":1}}"#)
    };
    for fast in [true, false] {
        let mut desk = Desk::new(Some(BinanceUsdm), fast);
        assert!(
            desk.decode(&quote("61800.20", "2.000")).unwrap().starts_with("definition X.BINANCE_USDM [1, 2, 0, 3]\n")
        );
        assert!(
            desk.decode(&quote("61800.25", "2.000")).unwrap().starts_with("definition X.BINANCE_USDM [2, 2, 0, 3]\n")
        );
        let mark = r#"{"e":"markPriceUpdate","E":1,"s":"X","p":"61789.12345678","P":"1","i":"1","r":"0","T":1}"#;
        assert!(desk.decode(mark).unwrap().starts_with("definition X.BINANCE_USDM [8, 2, 0, 3]\n"));
        let text = desk.decode(&quote("61800.20", "2.000")).unwrap();
        assert_eq!(text, "quote X.BINANCE_USDM 1000000 #1 61800.20 x 2.000 | 61800.20 x 2.000\n");
        // More decimals in the text than before, all zero: only what is shown changes.
        assert!(
            desk.decode(&quote("61800.200", "2.000")).unwrap().starts_with("definition X.BINANCE_USDM [8, 3, 0, 3]\n")
        );
        assert_eq!(desk.decoder.stats().definitions, 4);
        assert_eq!(if fast { desk.decoder.stats().fast } else { desk.decoder.stats().fallback }, 5);
    }
}

#[test]
fn given_definitions_keep_their_tick_and_are_the_only_ones() {
    let quote = |symbol: &str, px: &str| format!(r#"{{"u":1,"s":"{symbol}","b":"{px}","B":"1","a":"{px}","A":"1"}}"#);
    for fast in [true, false] {
        let mut desk = Desk::new(Some(BinanceSpot), fast);
        let mut given = desk.directory.infer(BinanceSpot, b"X", 2, 0).unwrap();
        (given.inferred, given.tick_size, given.price_shown) = (false, Px(5), 2);
        desk.directory.define(given).unwrap();
        desk.directory.close();
        assert_eq!(desk.decode(&quote("Y", "1.5")).unwrap_err().fault, DecodeFault::UnknownSymbol);
        assert_eq!(desk.decode(&quote("X", "1.50000000")).unwrap(), "quote X.BINANCE - #1 1.50 x 1 | 1.50 x 1\n");
        assert!(desk.decode(&quote("X", "1.505")).unwrap().starts_with("definition X.BINANCE [3, 2, 0, 0]\n"));
        assert_eq!(desk.directory.all()[0].tick_size, Px(50));
    }
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    let mut desk = Desk::new(Some(BinanceSpot), true);
    let json = r#"{"u":1,"s":"X","b":"oops","B":"1","a":"1","A":"1","u":2,"b":"3"}"#;
    assert!(desk.decode(json).unwrap().ends_with("quote X.BINANCE - #2 3 x 1 | 1 x 1\n"));
    let json = r#"{"u":1,"s":"X","b":"3","B":"1","a":"1","A":"1","b":null}"#;
    assert_eq!(desk.decode(json).unwrap_err().fault, DecodeFault::Field);
}

#[test]
fn symbols_that_are_not_ascii() {
    let mut desk = Desk::new(Some(BinanceSpot), true);
    let json = r#"{"stream":"币安USDT@bookTicker","data":{"u":1,"s":"币安USDT","b":"1","B":"1","a":"1","A":"1"}}"#;
    assert!(desk.decode(json).unwrap().contains("币安USDT.BINANCE"));
}
