//! Inputs as text, to compare them and to read what a test expects.

use crate::event::definition::Definition;
use crate::event::input::{Bar, Depth, DepthStyle, Input, InputKind, Mark, Quote, Trade, flags};
use crate::types::decimal::format_decimal;
use crate::types::price::{Px, Qty, Side};
use crate::types::time::NO_TIME;
use crate::venue::directory::Directory;
use std::fmt::Write;

/// One line for each input, numbers as the venue writes them. All but FALLBACK.
pub fn render(inputs: &[Input], directory: &Directory) -> String {
    let mut text = String::new();
    for input in inputs {
        let instrument = directory.get(input.instrument).expect("an instrument");
        let px = |px: Px| format_decimal(i128::from(px.0), instrument.price_decimals, instrument.price_shown);
        let qty = |qty: Qty| format_decimal(i128::from(qty.0), instrument.qty_decimals, instrument.qty_shown);
        let time = |time: i64| if time == NO_TIME { "-".to_owned() } else { time.to_string() };
        let kind = input.kind().expect("a kind");
        if kind == InputKind::Definition {
            let d = input.payload::<Definition>();
            let scales = [d.price_decimals, d.price_shown, d.qty_decimals, d.qty_shown];
            writeln!(text, "definition {} {scales:?}", instrument.name()).unwrap();
            continue;
        }
        write!(text, "{kind} {} {} #{}", instrument.name(), time(input.ts_event), input.venue_id).unwrap();
        match kind {
            InputKind::Trade => {
                let t = input.payload::<Trade>();
                let side = t.aggressor().map_or("?", Side::name);
                write!(text, " {}..{} {} x {} {side}", t.first_trade_id, t.trade_id, px(t.px), qty(t.qty)).unwrap();
                write!(text, "{}", if t.printable == 1 { "" } else { " unprintable" }).unwrap();
                write!(text, "{}", if t.aggregated == 1 { " aggregated" } else { "" }).unwrap();
            }
            InputKind::Quote => {
                let q = input.payload::<Quote>();
                let [bid, ask] = [q.bid, q.ask].map(|l| format!("{} x {}", px(l.px), qty(l.qty)));
                write!(text, " {bid} | {ask}").unwrap();
                assert_eq!(q.update_id, input.venue_id);
            }
            InputKind::Depth => {
                let d = input.payload::<Depth>();
                let style = DepthStyle::from_code(d.style).unwrap();
                write!(text, " {style} {}..{} after {}", d.first_id, d.last_id, d.prev_id).unwrap();
                let (bids, asks) = (d.bids as usize, d.asks as usize);
                assert_eq!(usize::from(input.payload_len), 32 + 16 * (bids + asks));
                for (i, level) in d.levels[..bids + asks].iter().enumerate() {
                    let side = if i < bids { 'b' } else { 'a' };
                    write!(text, " {side}{} x {}", px(level.px), qty(level.qty)).unwrap();
                }
            }
            InputKind::Bar => {
                let b = input.payload::<Bar>();
                let prices = [b.open, b.high, b.low, b.close].map(px).join(" ");
                let closed = if b.closed == 1 { " closed" } else { "" };
                write!(text, " {} +{} {prices} {} {}{closed}", b.open_time, b.interval, qty(b.volume), b.trades)
                    .unwrap();
            }
            InputKind::Mark => {
                let m = input.payload::<Mark>();
                let prices = [m.mark, m.index, m.settle].map(px).join(" ");
                write!(text, " {prices} {} {}", m.funding_rate_e8, time(m.next_funding)).unwrap();
            }
            other => panic!("unexpected {other}"),
        }
        let part = match (input.is_first(), input.is_last(), input.part) {
            (true, true, 0) => String::new(),
            (first, last, part) => format!(" part {part} {first} {last}"),
        };
        let snapshot = if input.flags & flags::SNAPSHOT != 0 { " snapshot" } else { "" };
        writeln!(text, "{part}{snapshot}").unwrap();
    }
    text
}
