//! Edge: real captures, read whole, with exact counts. Skipped, plainly, where the folder of captures is absent.

use itch5::{MessageHandler, Parser};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tickpath::event::input::{Input, InputKind, OrderAction, OrderEvent, Status};
use tickpath::types::ids::SourceId;
use tickpath::types::instrument::VenueKind;
use tickpath::types::time::UnixNanos;
use tickpath::venue::capture::{self, CaptureError, CaptureFormat, CaptureOptions, DecoderKind, FrameKind, Merge};
use tickpath::venue::directory::Directory;
use tickpath::venue::feed::{Decoder, Frame, InputBatch};
use tickpath::venue::itch::ItchDecoder;
use tickpath::venue::itch::message::{nanos_since_midnight, specified_length};
use tickpath::venue::lobster::LobsterDecoder;

/// The file `name` among the captures.
fn captured(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TICKPATH_CAPTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    if !folder.is_dir() {
        println!("skipped: no captures at {} (TICKPATH_CAPTURES)", folder.display());
        return None;
    }
    Some(folder.join(name))
}

#[test]
fn hftbacktest_files_have_all_their_messages() {
    let check = |name: &str, venue: VenueKind, messages: u64, snapshots: u64, symbol: &str| {
        let Some(path) = captured(&format!("hftbacktest/{name}.gz")) else { return };
        let mut reader = capture::open(&path, &CaptureOptions::default()).unwrap();
        assert_eq!(reader.format(), CaptureFormat::Hftbacktest);
        assert_eq!(reader.decoder(), DecoderKind::Binance { venue: Some(venue) }, "{name}");
        let mut seen = 0;
        while let Some(frame) = reader.next().unwrap() {
            if let FrameKind::RestSnapshot { symbol: found } = frame.kind {
                assert_eq!(found, Some(symbol), "{name}");
                seen += 1;
            }
            assert!(frame.bytes.starts_with(b"{") && frame.bytes.ends_with(b"}"));
        }
        let counts = reader.counts();
        assert_eq!(
            (counts.frames, counts.records, seen, counts.blank_lines),
            (messages, messages, snapshots, 0),
            "{name}"
        );
        let (read, size) = reader.progress();
        assert_eq!(read, size);
        println!("{name}: {messages} messages, {} times backward", counts.times_backward);
    };
    use VenueKind::{BinanceCoinm, BinanceSpot, BinanceUsdm};
    check("usdm_btcusdt_20240808", BinanceUsdm, 93_954, 1, "BTCUSDT");
    check("usdm_ethusdt_20240808", BinanceUsdm, 74_655, 1, "ETHUSDT");
    check("spot_btcusdt_20240808", BinanceSpot, 41_249, 1, "BTCUSDT");
    check("spot_btcusdt_20240809", BinanceSpot, 58_325, 0, "");
    check("cm_btcusd_perp_20240808", BinanceCoinm, 48_270, 1, "BTCUSD_PERP");
    check("cm_btcusd_perp_20240809", BinanceCoinm, 50_116, 0, "");
}

#[test]
fn cryptofeed_files_have_all_their_lines() {
    // Frames, snapshots, definitions; then connections, configuration, blank lines.
    let check = |name: &str, venue: VenueKind, frames: [u64; 3], others: [u64; 3]| {
        let Some(path) = captured(&format!("cryptofeed/{name}")) else { return };
        let mut reader = capture::open(&path, &CaptureOptions::default()).unwrap();
        let mut seen = [0; 3];
        while let Some(frame) = reader.next().unwrap() {
            assert_eq!(frame.venue, Some(venue));
            seen[match frame.kind {
                FrameKind::Message => 0,
                FrameKind::RestSnapshot { symbol } => {
                    assert!(symbol.unwrap().bytes().all(|b| b.is_ascii_uppercase()));
                    1
                }
                _ => 2,
            }] += 1;
        }
        let c = reader.counts();
        assert_eq!((seen, [c.connects, c.configuration, c.blank_lines]), (frames, others), "{name}");
        assert_eq!(
            c.records,
            frames.iter().sum::<u64>() + others.iter().sum::<u64>(),
            "{name}: a line is unaccounted for"
        );
    };
    use VenueKind::{BinanceSpot, BinanceUsdm};
    check("BINANCE.0", BinanceSpot, [0, 0, 1], [0, 1, 0]);
    check("BINANCE.http.0.0", BinanceSpot, [0, 4, 0], [0, 0, 1]);
    check("BINANCE.ws.1.0", BinanceSpot, [265, 0, 0], [1, 0, 1]);
    check("BINANCE_FUTURES.0", BinanceUsdm, [0, 0, 1], [0, 1, 0]);
    check("BINANCE_FUTURES.http.0.0", BinanceUsdm, [0, 4, 0], [0, 0, 1]);
    check("BINANCE_FUTURES.ws.1.0", BinanceUsdm, [1535, 0, 0], [1, 0, 0]);
}

#[test]
fn other_venues_and_formats_say_what_they_are() {
    let check = |name: &str, told: &str| {
        let Some(path) = captured(name) else { return };
        let Err(error) = capture::open(&path, &CaptureOptions::default()) else { panic!("{name} was opened") };
        assert!(error.to_string().contains(told), "{error}");
    };
    check("cryptofeed/COINBASE.ws.28.0", "ws-feed.pro.coinbase.com");
    check("cryptofeed/OKX.ws.1.0", "ws.okx.com");
    check("cryptofeed/BITFINEX.ws.11.0", "api.bitfinex.com");
    check("cryptofeed/KRAKEN_FUTURES.ws.1.0", "futures.kraken.com");
    check("hftbacktest/hyperliquid_btcusd_20250126.gz", "none of Binance's");
    check("iex/TOPS16.pcapng.gz", "IEX-TP packets (TOPS)");
    check("omi/Nasdaq/Nasdaq.Nsm.Ouch.v5.0/EnterOrderMessage.pcap", "1 TCP");
    check("lobster/AMZN_2012-06-21_34200000_57600000_orderbook_1.csv", "orderbook file");
    check("databento/dbn_test_data.mbo.v3.dbn", "DBN");
    check("README.md", "some other text");
}

/// What another decoder reads of an order message: action, order, new order, match number, price, shares; and its time.
#[derive(Default)]
struct Oracle {
    event: Option<(OrderAction, u64, u64, u64, i64, i64)>,
    state: Option<u8>,
    nanos: u64,
    messages: u32,
}

macro_rules! oracle {
    ($($method:ident($message:ident: $type:ident) => $action:ident($order:expr, $new:expr, $match:expr, $px:expr, $qty:expr);)+) => {
        impl MessageHandler for Oracle {
            $(fn $method(&mut self, $message: &itch5::messages::$type) -> ControlFlow<()> {
                self.event = Some((OrderAction::$action, $order, $new, $match, $px, i64::try_from($qty).unwrap()));
                self.nanos = $message.timestamp().to_u64();
                self.messages += 1;
                ControlFlow::Continue(())
            })+
            fn on_stock_trading_action(&mut self, m: &itch5::messages::StockTradingAction) -> ControlFlow<()> {
                self.state = Some(match m.trading_state() {
                    itch5::messages::TradingState::Trading => 1,
                    itch5::messages::TradingState::QuotationOnly => 3,
                    _ => 2,
                });
                self.nanos = m.timestamp().to_u64();
                self.messages += 1;
                ControlFlow::Continue(())
            }
            fn on_system_event(&mut self, m: &itch5::messages::SystemEvent) -> ControlFlow<()> {
                self.state = Some(if matches!(m.event_code(), itch5::messages::SystemEventCode::StartOfMarketHours) { 1 } else { 4 });
                self.nanos = m.timestamp().to_u64();
                self.messages += 1;
                ControlFlow::Continue(())
            }
        }
    };
}

oracle! {
    on_add_order_no_mpid_attribution(m: AddOrderNoMPIDAttribution) => Add(m.order_reference_number(), 0, 0, m.price().into_i64(), m.shares());
    on_add_order_with_mpid_attribution(m: AddOrderWithMPIDAttribution) => Add(m.order_reference_number(), 0, 0, m.price().into_i64(), m.shares());
    on_order_executed(m: OrderExecuted) => Execute(m.order_reference_number(), 0, m.match_number(), 0, m.executed_shares());
    on_order_executed_with_price(m: OrderExecutedWithPrice) => ExecuteAt(m.order_reference_number(), 0, m.match_number(), m.execution_price().into_i64(), m.executed_shares());
    on_order_cancel(m: OrderCancel) => Reduce(m.order_reference_number(), 0, 0, 0, m.cancelled_shares());
    on_order_delete(m: OrderDelete) => Delete(m.order_reference_number(), 0, 0, 0, 0u32);
    on_order_replace(m: OrderReplace) => Replace(m.original_order_reference_number(), m.new_order_reference_number(), 0, m.price().into_i64(), m.shares());
    on_trade(m: Trade) => HiddenTrade(m.order_reference_number(), 0, m.match_number(), m.price().into_i64(), m.shares());
    on_cross_trade(m: CrossTrade) => Cross(0, 0, m.match_number(), m.cross_price().into_i64(), m.shares());
    on_broken_trade(m: BrokenTrade) => Broken(0, 0, m.match_number(), 0, 0u32);
}

/// An add order that names the locate of `message`, since these captures begin in the middle of the day.
fn naming(message: &[u8]) -> Vec<u8> {
    let mut add = vec![b'A', message[1], message[2], 0, 0, 0, 0, 0, 0, 0, 0];
    add.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    add.extend(b"B\0\0\0\x01NAMED   \0\0\0\x01");
    add
}

fn decode(decoder: &mut dyn Decoder, directory: &mut Directory, ts_recv: UnixNanos, bytes: &[u8]) -> Vec<Input> {
    let mut out = InputBatch::with_capacity(2);
    decoder.decode(&Frame { ts_recv, source: SourceId::FEED_FIRST, bytes }, directory, &mut out).unwrap();
    out.as_slice().to_vec()
}

#[test]
fn every_captured_itch_message_agrees_with_another_decoder() {
    let Some(folder) = captured("omi/Nasdaq") else { return };
    let mut by_type = BTreeMap::<char, u32>::new();
    let mut compared = 0;
    for part in ["Nasdaq.Equities.TotalView.Itch.v5.0", "Nasdaq.Equities.TotalView.Itch.v5.0.20230822"] {
        let mut files: Vec<_> =
            std::fs::read_dir(folder.join(part)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for path in files {
            let mut reader = capture::open(&path, &CaptureOptions::default()).unwrap();
            let DecoderKind::Itch { midnight } = reader.decoder() else { panic!("{}", reader.describe()) };
            let mut decoder = ItchDecoder::new(midnight);
            let mut directory = Directory::new(64);
            while let Some(frame) = reader.next().unwrap() {
                if frame.kind != FrameKind::Message {
                    continue;
                }
                let message = frame.bytes;
                assert_eq!(Some(message.len()), specified_length(message[0]), "{}", path.display());
                *by_type.entry(message[0] as char).or_default() += 1;
                decode(&mut decoder, &mut directory, frame.ts_recv, &naming(message));
                decoder.set_next_sequence(frame.sequence);
                let inputs = decode(&mut decoder, &mut directory, frame.ts_recv, message);
                let mut framed = (message.len() as u16).to_be_bytes().to_vec();
                framed.extend_from_slice(message);
                let mut oracle = Oracle::default();
                Parser::new(&framed).parse_stream(&mut oracle).unwrap();
                if oracle.messages == 0 {
                    assert!(inputs.is_empty(), "{}", message[0] as char);
                    continue;
                }
                let input = inputs.last().unwrap();
                assert_eq!((input.venue_id, input.ts_recv), (frame.sequence, frame.ts_recv));
                assert_eq!(input.ts_event - midnight, oracle.nanos as i64);
                assert_eq!(Some(oracle.nanos as i64), nanos_since_midnight(message));
                // The recorder's clock and the venue's agree on the day, so midnight is right.
                assert!((input.ts_event - input.ts_recv).abs() < 3_600_000_000_000, "{}", path.display());
                if let Some((action, order, new, match_number, px, qty)) = oracle.event {
                    let e: &OrderEvent = input.payload();
                    assert_eq!(
                        (e.action, e.order_ref, e.new_ref, e.match_number, e.px.0, e.qty.0),
                        (action.code(), order, new, match_number, px, qty)
                    );
                } else {
                    assert_eq!(input.kind(), Some(InputKind::Status));
                    assert_eq!(Some(input.payload::<Status>().state), oracle.state);
                }
                compared += 1;
            }
            assert_eq!(reader.counts().packets_not_mold + reader.counts().packets_unreadable, 0);
            println!("{}: {:?}", path.file_name().unwrap().display(), reader.counts());
        }
    }
    println!("{compared} messages compared; by type: {by_type:?}");
    let expected = [
        ('A', 42),
        ('C', 5),
        ('D', 7),
        ('E', 6),
        ('F', 7),
        ('H', 6),
        ('I', 6),
        ('J', 5),
        ('L', 6),
        ('P', 5),
        ('Q', 5),
        ('S', 1),
        ('U', 6),
        ('X', 5),
        ('Y', 5),
    ];
    assert_eq!(by_type, expected.into());
    assert_eq!(compared, 95);
}

#[test]
fn a_lobster_file_is_read_whole() {
    let Some(path) = captured("lobster/AMZN_2012-06-21_34200000_57600000_message_1.csv") else { return };
    let mut reader = capture::open(&path, &CaptureOptions::default()).unwrap();
    let DecoderKind::Lobster { symbol, midnight } = reader.decoder() else { panic!("{}", reader.describe()) };
    assert_eq!((symbol.as_str(), midnight), ("AMZN", 1_340_251_200_000_000_000));
    let mut decoder = LobsterDecoder::new(symbol, midnight);
    let mut directory = Directory::new(1);
    let mut by_action = BTreeMap::<u8, u32>::new();
    let mut first = None;
    while let Some(frame) = reader.next().unwrap() {
        let inputs = decode(&mut decoder, &mut directory, frame.ts_recv, frame.bytes);
        let input = inputs.last().unwrap();
        assert_eq!(input.ts_event, frame.ts_recv);
        let event: &OrderEvent = input.payload();
        first.get_or_insert((input.ts_event - midnight, event.px.0, event.qty.0, event.side));
        *by_action.entry(event.action).or_default() += 1;
    }
    assert_eq!(first, Some((34_200_017_460_000, 2_238_200, 1, 2)));
    use OrderAction::{Add, Delete, Execute, HiddenTrade, Reduce};
    let expected = [(Add, 10_884), (Execute, 3_342), (Reduce, 10), (Delete, 7_308), (HiddenTrade, 1_008)];
    assert_eq!(by_action, expected.map(|(action, n)| (action.code(), n)).into());
    let counts = reader.counts();
    assert_eq!((counts.frames, counts.blank_lines, counts.times_backward), (22_552, 1, 0));
}

#[test]
fn two_instruments_merge_in_the_order_of_their_times() {
    let files =
        ["usdm_btcusdt_20240808", "usdm_ethusdt_20240808"].map(|name| captured(&format!("hftbacktest/{name}.gz")));
    let [Some(btc), Some(eth)] = files else { return };
    let options = CaptureOptions::default();
    let mut merge = Merge::new([btc, eth].iter().map(|path| capture::open(path, &options).unwrap()).collect());
    let (mut frames, mut backward, mut last) = ([0u64; 2], 0, 0);
    while let Some((index, frame)) = merge.next_frame().unwrap() {
        frames[index] += 1;
        backward += u64::from(frame.ts_recv < last);
        last = frame.ts_recv;
    }
    assert_eq!(frames, [93_954, 74_655]);
    let in_files: u64 = merge.readers().iter().map(|reader| reader.counts().times_backward).sum();
    assert!(backward <= in_files, "{backward} steps back, of which {in_files} are in the files themselves");
}

#[test]
fn a_cut_capture_gives_what_is_there() {
    let Some(path) = captured("hftbacktest/usdm_btcusdt_20240808.gz") else { return };
    let whole = std::fs::read(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.gz");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let mut reader = capture::open(&cut, &CaptureOptions::default()).unwrap();
    let error = loop {
        match reader.advance() {
            Ok(more) => assert!(more, "the cut went unseen"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, CaptureError::Truncated { layer: "gzip", .. }), "{error}");
    assert!(reader.counts().frames > 40_000, "{}", reader.counts().frames);
}
