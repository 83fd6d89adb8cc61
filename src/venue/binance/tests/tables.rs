//! One table for each type of message.

use super::super::Ignored;
use super::{Desk, check};
use crate::types::instrument::VenueKind::{BinanceCoinm, BinanceSpot, BinanceUsdm};
use crate::venue::feed::DecodeFault;

#[test]
fn trades() {
    check(
        BinanceSpot,
        r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#,
        "definition BTCUSDT.BINANCE [2, 8, 2, 8]\ntrade BTCUSDT.BINANCE 1723161255342000000 #3735683259 \
         3735683259..3735683259 61837.63000000 x 0.02000000 sell\n",
    );
    check(
        BinanceSpot,
        r#"{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","b":88,"a":50,"T":1672515782137,"m":false,"M":true}"#,
        "definition BNBBTC.BINANCE [3, 3, 0, 0]\ntrade BNBBTC.BINANCE 1672515782137000000 #12345 12345..12345 0.001 x 100 \
         buy\n",
    );
    check(
        BinanceUsdm,
        r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256321,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}"#,
        "definition BTCUSDT.BINANCE_USDM [1, 2, 3, 3]\ntrade BTCUSDT.BINANCE_USDM 1723161256321000000 #5266583935 \
         5266583935..5266583935 61800.30 x 0.006 buy\n",
    );
    check(
        BinanceCoinm,
        r#"{"e":"trade","E":1723161256322,"T":1723161256321,"s":"BTCUSD_PERP","t":9,"p":"61804.8","q":"4","X":"INSURANCE_FUND","m":true}"#,
        "definition BTCUSD_PERP.BINANCE_COINM [1, 1, 0, 0]\ntrade BTCUSD_PERP.BINANCE_COINM 1723161256321000000 #9 9..9 \
         61804.8 x 4 sell unprintable\n",
    );
}

#[test]
fn aggregated_trades_in_microseconds_too() {
    check(
        BinanceSpot,
        r#"{"e":"aggTrade","E":1633998523963001,"s":"NKNUSDT","a":15683430,"p":"0.35280000","q":"58.00000000","f":19862790,"l":19862792,"T":1633998523963002,"m":false,"M":true}"#,
        "definition NKNUSDT.BINANCE [4, 8, 0, 8]\ntrade NKNUSDT.BINANCE 1633998523963002000 #19862792 19862790..19862792 \
         0.35280000 x 58.00000000 buy aggregated\n",
    );
    let usdm = "definition CTKUSDT.BINANCE_USDM [3, 5, 0, 0]\ntrade CTKUSDT.BINANCE_USDM 1626992741421000000 #23961323 \
                23961322..23961323 1.01100 x 10 sell aggregated\n";
    check(
        BinanceUsdm,
        r#"{"stream":"ctkusdt@aggTrade","data":{"e":"aggTrade","E":1626992741575,"a":16599292,"s":"CTKUSDT","p":"1.01100","q":"10","f":23961322,"l":23961323,"T":1626992741421,"m":true}}"#,
        usdm,
    );
    check(
        BinanceUsdm,
        r#"{"e":"aggTrade","E":1626992741575,"s":"CTKUSDT","a":16599292,"p":"1.01100","q":"10","nq":"7","f":23961322,"l":23961323,"T":1626992741421,"m":true,"st":1}"#,
        usdm,
    );
}

#[test]
fn quotes() {
    check(
        BinanceSpot,
        r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#,
        "definition BTCUSDT.BINANCE [2, 8, 5, 8]\nquote BTCUSDT.BINANCE - #50093239212 61837.63000000 x 3.78826000 | \
         61837.64000000 x 1.54698000\n",
    );
    let usdm = "definition BTCUSDT.BINANCE_USDM [1, 2, 3, 3]\nquote BTCUSDT.BINANCE_USDM 1723161256313000000 #77 61800.20 x \
                2.507 | 61800.30 x 0.000\n";
    check(
        BinanceUsdm,
        r#"{"e":"bookTicker","u":77,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"0.000","T":1723161256313,"E":1723161256314}"#,
        usdm,
    );
    check(
        BinanceUsdm,
        r#"{"e":"bookTicker","u":77,"E":1723161256314,"T":1723161256313,"s":"BTCUSDT","ps":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"0.000","st":1}"#,
        usdm,
    );
    check(
        BinanceCoinm,
        r#"{"stream":"btcusd_perp@bookTicker","data":{"u":1007198632021,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161257465,"E":1723161257476}}"#,
        "definition BTCUSD_PERP.BINANCE_COINM [1, 1, 0, 0]\nquote BTCUSD_PERP.BINANCE_COINM 1723161257465000000 \
         #1007198632021 61804.7 x 35 | 61804.8 x 1645\n",
    );
}

#[test]
fn depth_differences() {
    check(
        BinanceSpot,
        r#"{"stream":"nknusdt@depth@100ms","data":{"e":"depthUpdate","E":1633998512068,"s":"NKNUSDT","U":499869750,"u":499869752,"b":[["0.35130000","6195.00000000"],["0.34750000","0.00000000"]],"a":[]}}"#,
        "definition NKNUSDT.BINANCE [4, 8, 0, 8]\ndepth NKNUSDT.BINANCE 1633998512068000000 #499869752 diff_by_first \
         499869750..499869752 after 0 b0.35130000 x 6195.00000000 b0.34750000 x 0.00000000\n",
    );
    check(
        BinanceUsdm,
        r#"{"e":"depthUpdate","E":1626992741037,"T":1626992741024,"s":"SUSHIUSDT","U":90,"u":97,"pu":61,"b":[],"a":[["7.6150","1563"]]}"#,
        "definition SUSHIUSDT.BINANCE_USDM [3, 4, 0, 0]\ndepth SUSHIUSDT.BINANCE_USDM 1626992741024000000 #97 diff_by_prev \
         90..97 after 61 a7.6150 x 1563\n",
    );
    check(
        BinanceCoinm,
        r#"{"stream":"btcusd_perp@depth@0ms","data":{"e":"depthUpdate","E":1723161257440,"T":1723161257432,"s":"BTCUSD_PERP","ps":"BTCUSD","U":5,"u":6,"pu":4,"b":[],"a":[]}}"#,
        "definition BTCUSD_PERP.BINANCE_COINM [0, 0, 0, 0]\ndepth BTCUSD_PERP.BINANCE_COINM 1723161257432000000 #6 \
         diff_by_prev 5..6 after 4\n",
    );
}

#[test]
fn top_levels() {
    check(
        BinanceSpot,
        r#"{"stream":"btcusdt@depth5@100ms","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}}"#,
        "definition BTCUSDT.BINANCE [4, 4, 0, 0]\ndepth BTCUSDT.BINANCE - #160 top_levels 160..160 after 0 b0.0024 x 10 \
         a0.0026 x 100 snapshot\n",
    );
    check(
        BinanceUsdm,
        r#"{"stream":"btcusdt@depth20","data":{"e":"depthUpdate","E":1571889248277,"T":1571889248276,"s":"BTCUSDT","U":390497796,"u":390497878,"pu":390497794,"b":[["7403.89","0.002"]],"a":[["7405.96","3.340"]]}}"#,
        "definition BTCUSDT.BINANCE_USDM [2, 2, 3, 3]\ndepth BTCUSDT.BINANCE_USDM 1571889248276000000 #390497878 top_levels \
         390497878..390497878 after 390497794 b7403.89 x 0.002 a7405.96 x 3.340 snapshot\n",
    );
}

#[test]
fn snapshots() {
    check(
        BinanceCoinm,
        r#"{"lastUpdateId":1007198635033,"E":1723161257835,"T":1723161257823,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[["61804.7","35"]],"asks":[]}"#,
        "definition BTCUSD_PERP.BINANCE_COINM [1, 1, 0, 0]\ndepth BTCUSD_PERP.BINANCE_COINM 1723161257823000000 \
         #1007198635033 snapshot 1007198635033..1007198635033 after 0 b61804.7 x 35 snapshot\n",
    );
    // Without a symbol: the one that was set, else the last one.
    let bare = r#"{"lastUpdateId":9,"E":2,"T":1,"bids":[],"asks":[["7.5","3"]]}"#;
    for fast in [true, false] {
        let mut desk = Desk::new(Some(BinanceUsdm), fast);
        assert_eq!(desk.decode(bare).unwrap_err().fault, DecodeFault::Field);
        for symbol in ["AAA", "BBB"] {
            desk.decode(&format!(
                r#"{{"u":1,"e":"bookTicker","s":"{symbol}","b":"7.5","B":"1","a":"7.6","A":"2","T":1,"E":1}}"#
            ))
            .unwrap();
        }
        let expected = "depth SYMBOL.BINANCE_USDM 1000000 #9 snapshot 9..9 after 0 a7.5 x 3 snapshot\n";
        assert_eq!(desk.decode(bare).unwrap(), expected.replace("SYMBOL", "BBB"));
        desk.decoder.set_rest_symbol(Some("AAA".try_into().unwrap()));
        assert_eq!(desk.decode(bare).unwrap(), expected.replace("SYMBOL", "AAA"));
        desk.decoder.set_rest_symbol(Some("CCC".try_into().unwrap()));
        assert!(desk.decode(bare).unwrap().starts_with("definition CCC.BINANCE_USDM [1, 1, 0, 0]\n"));
    }
}

#[test]
fn long_messages_become_groups() {
    let levels = |from: u32, count: u32| {
        (from..from + count).map(|i| format!("[\"{i}.5\",\"{}\"]", i % 7)).collect::<Vec<_>>().join(",")
    };
    for (bids, asks) in [(18, 0), (17, 2), (0, 19), (36, 1), (20, 20), (0, 0)] {
        let json = format!(
            r#"{{"e":"depthUpdate","E":1,"s":"X","U":3,"u":4,"b":[{}],"a":[{}]}}"#,
            levels(100, bids),
            levels(500, asks)
        );
        for fast in [true, false] {
            let mut desk = Desk::new(Some(BinanceSpot), fast);
            let text = desk.decode(&json).unwrap();
            let lines: Vec<&str> = text.lines().skip(1).collect();
            let parts = (bids + asks).div_ceil(18).max(1) as usize;
            assert_eq!(lines.len(), parts, "{text}");
            let mut prices = Vec::new();
            for (i, line) in lines.iter().enumerate() {
                assert!(line.starts_with("depth X.BINANCE 1000000 #4 diff_by_first 3..4 after 0"), "{line}");
                if parts > 1 {
                    assert!(line.ends_with(&format!(" part {i} {} {}", i == 0, i == parts - 1)), "{line}");
                }
                prices.extend(line.split(' ').filter(|w| w.ends_with(".5")).map(str::to_owned));
            }
            let expected: Vec<String> = (100..100 + bids)
                .map(|i| format!("b{i}.5"))
                .chain((500..500 + asks).map(|i| format!("a{i}.5")))
                .collect();
            assert_eq!(prices, expected);
        }
    }
}

#[test]
fn bars() {
    check(
        BinanceSpot,
        r#"{"e":"kline","E":1633998523963,"s":"NKNUSDT","k":{"t":1633998480000,"T":1633998539999,"s":"NKNUSDT","i":"1m","f":19862761,"L":19862790,"o":"0.35270000","c":"0.35280000","h":"0.35290000","l":"0.35220000","v":"25877.00000000","n":30,"x":false,"q":"9.1","V":"1.0","Q":"2.0","B":"0"}}"#,
        "definition NKNUSDT.BINANCE [4, 8, 0, 8]\nbar NKNUSDT.BINANCE 1633998523963000000 #1633998480000000000 \
         1633998480000000000 +60000000000 0.35270000 0.35290000 0.35220000 0.35280000 25877.00000000 30\n",
    );
    check(
        BinanceUsdm,
        r#"{"stream":"ctkusdt@kline_1M","data":{"e":"kline","E":1626992741424,"s":"CTKUSDT","k":{"t":1626992700000,"T":1626992759999,"s":"CTKUSDT","i":"1M","f":-1,"L":-1,"o":"1.01000","c":"1.01100","h":"1.01100","l":"1.01000","v":"0","n":0,"x":true,"q":"0","V":"0","Q":"0","B":"0"}}}"#,
        "definition CTKUSDT.BINANCE_USDM [3, 5, 0, 0]\nbar CTKUSDT.BINANCE_USDM 1626992741424000000 #1626992700000000000 \
         1626992700000000000 +0 1.01000 1.01100 1.01000 1.01100 0 0 closed\n",
    );
}

#[test]
fn marks() {
    check(
        BinanceUsdm,
        r#"{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15000000","P":"11784.25641265","i":"11784.62659091","r":"0.00038167","T":1562306400000}}"#,
        "definition BTCUSDT.BINANCE_USDM [8, 0, 0, 0]\nmark BTCUSDT.BINANCE_USDM 1562305380000000000 #0 11794.15 \
         11784.62659091 11784.25641265 38167 1562306400000000000\n",
    );
    let ap = r#"{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15","ap":"11794.1","i":"2.5","P":"3.5","r":"-0.00010000","T":1562306400000,"st":1}"#;
    check(
        BinanceUsdm,
        ap,
        "definition BTCUSDT.BINANCE_USDM [2, 0, 0, 0]\nmark BTCUSDT.BINANCE_USDM 1562305380000000000 #0 11794.15 2.5 3.5 \
         -10000 1562306400000000000\n",
    );
    check(
        BinanceCoinm,
        r#"{"e":"markPriceUpdate","E":1596095725000,"s":"BTCUSD_201225","p":"10934.6","P":"10962.1","r":"","T":0}"#,
        "definition BTCUSD_201225.BINANCE_COINM [1, 0, 0, 0]\nmark BTCUSD_201225.BINANCE_COINM 1596095725000000000 #0 \
         10934.6 0 10962.1 0 -\n",
    );
    for fast in [true, false] {
        let fine = ap.replace("-0.00010000", "0.000100001");
        assert_eq!(Desk::new(Some(BinanceUsdm), fast).decode(&fine).unwrap_err().fault, DecodeFault::OutOfRange);
    }
}

#[test]
fn what_becomes_no_input_is_counted() {
    let table: &[(&str, Ignored)] = &[
        (r#"{"result":null,"id":1}"#, Ignored::Control),
        (r#"{"result":["btcusdt@aggTrade"],"id":"x"}"#, Ignored::Control),
        (r#"{"id":2,"result":true}"#, Ignored::Control),
        (r#"{"code":2,"msg":"Invalid request","id":3}"#, Ignored::Refusal),
        (r#"{"error":{"code":2,"msg":"Invalid request"},"id":null}"#, Ignored::Refusal),
        (r#"{"code":-1121,"msg":"Invalid symbol."}"#, Ignored::Refusal),
        (r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#, Ignored::ServerShutdown),
        (r#"{"e":"24hrTicker","E":1,"s":"X"}"#, Ignored::Ticker),
        (r#"{"e":"1hTicker","E":1,"s":"X"}"#, Ignored::Ticker),
        (r#"{"e":"24hrMiniTicker","E":1,"s":"X"}"#, Ignored::MiniTicker),
        (r#"{"e":"avgPrice","E":1,"s":"X"}"#, Ignored::AvgPrice),
        (r#"{"e":"referencePrice","s":"X","r":null,"t":1}"#, Ignored::ReferencePrice),
        (r#"{"e":"blockTrade","E":1,"s":"X","t":1,"p":"1","q":"1","T":1,"m":true}"#, Ignored::BlockTrade),
        (r#"{"e":"forceOrder","E":1,"o":{"s":"X"}}"#, Ignored::ForceOrder),
        (r#"{"e":"contractInfo","E":1,"s":"X"}"#, Ignored::ContractInfo),
        (r#"{"e":"continuous_kline","E":1,"ps":"X"}"#, Ignored::Index),
        (r#"[{"e":"24hrMiniTicker"},{"e":"markPriceUpdate"}]"#, Ignored::Array),
        (r#"{"stream":"!markPrice@arr","data":[{"e":"markPriceUpdate"}]}"#, Ignored::Array),
        ("[]", Ignored::Array),
        (
            r#"{"stream":"x@rpiDepth@500ms","data":{"e":"depthUpdate","E":1,"T":1,"s":"X","U":1,"u":1,"pu":0,"b":[],"a":[]}}"#,
            Ignored::RpiDepth,
        ),
        (r#"{"e":"trade","E":1,"T":1,"s":"X","t":1,"p":"0","q":"0","X":"NA","m":true}"#, Ignored::EmptyTrade),
    ];
    for &(json, kind) in table {
        for fast in [true, false] {
            let mut desk = Desk::new(Some(BinanceUsdm), fast);
            assert_eq!(desk.decode(json).unwrap(), "", "{json}");
            assert_eq!(desk.decoder.stats().ignored(kind), 1, "{json}");
            assert_eq!(desk.decoder.stats().ignored.iter().sum::<u64>(), 1);
        }
    }
}

#[test]
fn faults_are_told_apart() {
    use DecodeFault::{Field, OutOfRange, Syntax, UnknownMessage, UnknownSymbol};
    let quote = r#"{"u":1,"s":"X","b":"1.5","B":"1","a":"1.6","A":"2"}"#;
    let depth = r#"{"e":"depthUpdate","E":1,"s":"X","U":1,"u":2,"b":[["1","2"]],"a":[]}"#;
    let table = [
        (String::new(), Syntax),
        ("{".to_owned(), Syntax),
        (quote[..quote.len() - 1].to_owned(), Syntax),
        (format!("{quote}x"), Syntax),
        (format!("{quote}{quote}"), Syntax),
        (quote.replace("\"X\"", "\"\u{1}\""), Syntax),
        (quote.replace("\"u\":1", "\"u\":01"), Syntax),
        ("{}".to_owned(), UnknownMessage),
        ("5".to_owned(), UnknownMessage),
        ("[{}]".to_owned(), UnknownMessage),
        (r#"[{"e":"24hrTicker"},{"e":"news"}]"#.to_owned(), UnknownMessage),
        (depth.replace("depthUpdate", "depthUpgrade"), UnknownMessage),
        (depth.replace("\"depthUpdate\"", "5"), Field),
        (depth.replace("\"E\":1,", ""), Field),
        (depth.replace("\"E\":1", "\"E\":\"1\""), Field),
        (depth.replace("\"u\":2", "\"u\":-2"), Field),
        (depth.replace("\"u\":2", "\"u\":2.0"), Field),
        (depth.replace("[[\"1\",\"2\"]]", "[[\"1\"]]"), Field),
        (depth.replace("[[\"1\",\"2\"]]", "[\"1\",\"2\"]"), Field),
        (depth.replace("[[\"1\",\"2\"]]", "null"), Field),
        (r#"{"lastUpdateId":1,"E":1.5,"T":1,"bids":[],"asks":[]}"#.to_owned(), Field),
        (quote.replace("\"1.5\"", "1.5"), Field),
        (quote.replace("1.5", "1e5"), Field),
        (quote.replace("1.5", ""), Field),
        (quote.replace("\"B\":\"1\"", "\"B\":\"-1\""), Field),
        (quote.replace(",\"B\":\"1\"", ""), Field),
        (quote.replace("\"s\":\"X\",", ""), Field),
        (quote.replace("\"X\"", "\"\""), Field),
        (quote.replace("1.5", "0.0000000000000000001"), OutOfRange),
        (quote.replace("1.5", "99999999999999999999"), OutOfRange),
        (quote.replace("1.5", "1000000000000000000").replace("1.6", "0.01"), OutOfRange),
        (depth.replace("\"E\":1", "\"E\":18446744073709551615"), OutOfRange),
        (quote.replace("\"X\"", &format!("\"{}\"", "X".repeat(33))), UnknownSymbol),
    ];
    for (json, fault) in table {
        for fast in [true, false] {
            let mut desk = Desk::new(Some(BinanceSpot), fast);
            let error = desk.decode(&json).expect_err(&json);
            assert_eq!(error.fault, fault, "{json}: {error}");
            assert!(error.at <= json.len(), "{json}: {error}");
            assert!(desk.out.is_empty() && desk.directory.all().is_empty(), "{json}");
            assert_eq!(desk.decoder.stats().errors, 1);
        }
    }
    let bad = depth.replace("\"2\"", "\"2x\"");
    let error = Desk::new(Some(BinanceSpot), true).decode(&bad).unwrap_err();
    assert_eq!(&bad[error.at..error.at + 2], "2x");
    let futures = Desk::new(Some(BinanceUsdm), true).decode(depth).unwrap_err();
    assert_eq!((futures.fault, futures.expected), (Field, "an update id pu"));
}
