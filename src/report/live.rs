//! Edge: the live view in the terminal.

use super::number::{best, counted, grouped, money, nanos, qty};
use crate::event::input::GateReason;
use crate::event::market::flags;
use crate::metric::latency::{BYTES_TO_DECISION, BYTES_TO_ORDER, SPANS};
use crate::runtime::recorder::View;
use ratatui::Frame;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

/// What the header says besides the view.
pub struct Header {
    /// Name of the host.
    pub host: String,
    /// Mode and placement.
    pub setting: String,
    /// Messages a second, of late.
    pub messages_per_second: f64,
    /// Seconds since the start.
    pub seconds: f64,
    /// Where the journal is.
    pub journal: String,
}

/// The gate's state in words.
pub fn gate_words(bits: u32) -> String {
    if bits == 0 {
        return "open".to_owned();
    }
    format!("closed: {}", GateReason::names(bits))
}

/// Draws one frame. Nothing is cut at 80 columns and 24 lines: what does not fit beside each other is wrapped, and of more
/// instruments than there is room for the last line says how many are not shown.
pub fn draw(frame: &mut Frame<'_>, header: &Header, view: &View) {
    let area = frame.area();
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let top = header_lines(header, view, width);
    let latency = latency_table(view);
    let footer = 1;
    // Two headings at most stand over the instruments, which may need two lines each.
    let room = height.saturating_sub(top.len() + latency.len() + footer);
    let market = market_lines(view, width, room);
    let mut lines = top;
    let spare = height.saturating_sub(lines.len() + market.len() + latency.len() + footer);
    let gaps = [spare > 0, spare > 1, spare > 2];
    for (block, gap) in [market, latency].into_iter().zip(gaps) {
        if gap {
            lines.push(Line::default());
        }
        lines.extend(block);
    }
    if gaps[2] {
        lines.push(Line::default());
    }
    lines.push(Line::from("Ctrl-C or q ends the run: orders are cancelled, a summary follows").style(DIM));
    frame.render_widget(Paragraph::new(lines), area);
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const HEADING: Style = Style::new().add_modifier(Modifier::BOLD).add_modifier(Modifier::UNDERLINED);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);

/// Puts `items` side by side, as many to a line as fit; an item that is longer than a line loses its beginning.
fn wrapped(items: &[String], width: usize) -> Vec<String> {
    const BETWEEN: &str = "   ";
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        let item = shortened(item, width);
        match lines.last_mut() {
            Some(line) if line.chars().count() + BETWEEN.len() + item.chars().count() <= width => {
                line.push_str(BETWEEN);
                line.push_str(&item);
            }
            _ => lines.push(item),
        }
    }
    lines
}

/// The end of `text`, which tells most of a path, behind an ellipsis if it does not fit.
fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let end: String = text.chars().skip(length + 1 - width.max(1)).collect();
    format!("…{end}")
}

fn header_lines(header: &Header, view: &View, width: usize) -> Vec<Line<'static>> {
    let gate = Style::new().fg(if view.gate == 0 { Color::Green } else { Color::Red }).add_modifier(Modifier::BOLD);
    let mut lines = Vec::new();
    for line in wrapped(&[format!("tickpath {}", header.host), header.setting.clone()], width) {
        lines.push(Line::from(line).style(BOLD));
    }
    for line in wrapped(&[format!("gate {}", gate_words(view.gate))], width) {
        lines.push(Line::from(line).style(gate));
    }
    let c = &view.counts;
    let counters = [
        format!("{} messages/s", grouped(header.messages_per_second as u64)),
        format!("sequence {}", grouped(view.sequence)),
        format!("{:.0} s", header.seconds),
        counted(c.signals, "signal"),
        counted(c.orders, "order"),
        counted(c.fills, "fill"),
        format!("{} refused", grouped(c.refused)),
    ];
    lines.extend(wrapped(&counters, width).into_iter().map(Line::from));
    if let Some(fault) = &view.journal_fault {
        let words: Vec<String> = format!("journal FAULT: {fault}").split(' ').map(ToOwned::to_owned).collect();
        let style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        lines.extend(prose(&words, width).into_iter().map(|line| Line::from(line).style(style)));
    } else {
        let items = [format!("output hash {}", view.output_hash), format!("journal {}", header.journal)];
        lines.extend(wrapped(&items, width).into_iter().map(Line::from));
    }
    lines
}

/// Words as running text.
fn prose(words: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.clone()),
        }
    }
    lines
}

/// A table as lines: a heading and the rows, each column as wide as its widest cell, numbers to the right.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|c| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let text: Vec<String> = cells
            .map(|(c, (cell, width))| if c == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") })
            .collect();
        text.join("  ")
    };
    rows.iter().map(line).collect()
}

fn market_lines(view: &View, width: usize, room: usize) -> Vec<Line<'static>> {
    const MARKET: [&str; 6] = ["market", "bid qty", "bid", "ask", "ask qty", "book"];
    const ACCOUNT: [&str; 5] = ["account", "position", "realized", "unrealized", "fees"];
    let rows = |shown: usize| -> (Vec<Vec<String>>, Vec<Vec<String>>) {
        let texts = |heading: &[&str]| vec![heading.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>()];
        let (mut market, mut account) = (texts(&MARKET), texts(&ACCOUNT));
        for v in view.instruments.values().take(shown) {
            let (i, slot) = (&v.instrument, &v.slot);
            let d = slot.risk.money_decimals;
            let state = if !slot.market.has(flags::VALID) {
                "not whole"
            } else if slot.market.has(flags::STALE) {
                "stale"
            } else {
                "ok"
            };
            market.push(vec![
                i.name(),
                qty(i, slot.market.bid.qty),
                best(i, slot.market.bid),
                best(i, slot.market.ask),
                qty(i, slot.market.ask.qty),
                state.to_owned(),
            ]);
            account.push(vec![
                i.name(),
                qty(i, slot.risk.position),
                money(slot.risk.realized, d),
                money(slot.risk.unrealized, d),
                money(slot.risk.fees, d),
            ]);
        }
        (market, account)
    };
    let all = view.instruments.len();
    let joined = |market: Vec<Vec<String>>, account: Vec<Vec<String>>| -> Vec<Vec<String>> {
        market.into_iter().zip(account).map(|(m, a)| m.into_iter().chain(a.into_iter().skip(1)).collect()).collect()
    };
    let fits = |lines: &[String]| lines.iter().all(|line| line.chars().count() <= width);
    // In one table if it fits beside each other, else in two. One line is kept for the number of those left out.
    let one = room.saturating_sub(1);
    let shown = if all <= one { all } else { one.saturating_sub(1) };
    let (market, account) = rows(shown);
    let wide = table(&joined(market, account));
    let (tables, shown) = if fits(&wide) {
        (vec![wide], shown)
    } else {
        let two = room.saturating_sub(2);
        let shown = if all * 2 <= two { all } else { two.saturating_sub(1) / 2 };
        let (market, account) = rows(shown);
        (vec![table(&market), table(&account)], shown)
    };
    let mut lines = Vec::new();
    for table in tables {
        for (n, text) in table.into_iter().enumerate() {
            let text = shortened(&text, width.max(1));
            lines.push(if n == 0 { Line::from(text).style(HEADING) } else { Line::from(text) });
        }
    }
    if shown < all {
        lines.push(Line::from(format!("… and {} more instruments", all - shown)).style(DIM));
    }
    lines
}

fn latency_table(view: &View) -> Vec<Line<'static>> {
    let mut rows = vec![["latency", "samples", "p50", "p99", "p99.9", "max"].map(ToOwned::to_owned).to_vec()];
    let mut styles = vec![HEADING];
    for (i, name) in SPANS.iter().enumerate() {
        let histogram = view.latency.get(i);
        if histogram.is_empty() {
            continue;
        }
        styles.push(if i == BYTES_TO_ORDER || i == BYTES_TO_DECISION { BOLD } else { Style::new() });
        rows.push(vec![
            (*name).to_owned(),
            grouped(histogram.len()),
            nanos(histogram.value_at_quantile(0.5)),
            nanos(histogram.value_at_quantile(0.99)),
            nanos(histogram.value_at_quantile(0.999)),
            nanos(histogram.max()),
        ]);
    }
    table(&rows).into_iter().zip(styles).map(|(text, style)| Line::from(text).style(style)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::input::Level;
    use crate::event::slot::Slot;
    use crate::runtime::recorder::{InstrumentView, NO_CANDLES};
    use crate::types::ids::InstrumentId;
    use crate::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
    use crate::types::price::{Px, Qty};
    use bytemuck::Zeroable;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    #[test]
    fn the_gate_is_told_in_words() {
        assert_eq!(gate_words(0), "open");
        assert_eq!(
            gate_words(1 << GateReason::Kill.code() | 1 << GateReason::JournalLag.code()),
            "closed: journal_lag, kill"
        );
    }

    fn header() -> Header {
        Header {
            host: "tickpath-1".into(),
            setting: "paper   sequencer+market+feature+signal+risk+execution".into(),
            messages_per_second: 1_234_567.0,
            seconds: 86_400.0,
            journal: "/srv/a/rather/long/path/to/where/the/journals/of/this/host/are/kept/tickpath-data".into(),
        }
    }

    /// Everything as large as it gets in a day.
    fn busy(instruments: u32) -> View {
        let mut view = View { sequence: 98_765_432_101, gate: 0b111_1110, ..View::default() };
        view.counts.signals = 9_876_543_210;
        (view.counts.orders, view.counts.fills, view.counts.refused) = (1_234_567, 2_345_678, 3_456_789);
        let mut slot = Slot::zeroed();
        slot.input.flags = crate::event::input::flags::LAST;
        slot.input.stamp = 1;
        for (n, stamp) in [
            &mut slot.market.stamp,
            &mut slot.features.stamp,
            &mut slot.signal.stamp,
            &mut slot.risk.stamp,
            &mut slot.execution.stamp,
            &mut slot.execution.stamp_encoded,
        ]
        .into_iter()
        .enumerate()
        {
            *stamp = 123_456 * (n as u64 + 1);
        }
        slot.execution.commands_len = 1;
        view.latency.record(&slot, |from, to| to - from);
        for id in 0..instruments {
            let instrument = Instrument {
                id: InstrumentId(id),
                symbol: Symbol::from("BTCUSDT").unwrap(),
                venue: VenueKind::Simulated,
                contract: Contract::Linear,
                calendar: Calendar::Crypto,
                price_decimals: 2,
                qty_decimals: 5,
                price_shown: 2,
                qty_shown: 5,
                tick_size: Px(1),
                lot_size: Qty(1),
                multiplier: 1,
                maker_fee_ppm: 0,
                taker_fee_ppm: 0,
                inferred: false,
            };
            slot.market.bid = Level { px: Px(6_543_210 + i64::from(id)), qty: Qty(1_234_567) };
            slot.market.ask = Level { px: Px(6_543_212), qty: Qty(7_654_321) };
            slot.risk.position = Qty(-123_456);
            (slot.risk.realized, slot.risk.unrealized, slot.risk.fees) =
                (-12_345_678_901, 98_765_432_109, 1_234_567_890);
            slot.risk.money_decimals = 7;
            view.instruments.insert(id, InstrumentView { instrument, slot, fills: 1, candles: NO_CANDLES });
        }
        view
    }

    /// What is on a terminal of this size, line by line.
    fn screen(width: u16, height: u16, view: &View) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &header(), view)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn nothing_is_cut_at_80_by_24() {
        let text = screen(80, 24, &busy(2));
        for part in [
            "tickpath tickpath-1",
            "paper   sequencer+market+feature+signal+risk+execution",
            "gate closed: journal_lag, journal_fault, kill, mode_observe, shutdown, not_ready",
            "1 234 567 messages/s",
            "sequence 98 765 432 101",
            "86400 s",
            "9 876 543 210 signals",
            "1 234 567 orders",
            "2 345 678 fills",
            "3 456 789 refused",
            "output hash 0000000000000000",
            "tickpath-data",
            "12.34567",
            "65432.10",
            "76.54321",
            "not whole",
            "-1.23456",
            "-1234.5678901",
            "9876.5432109",
            "123.456789",
            "bytes_to_decision",
            "bytes_to_order",
            "Ctrl-C or q ends the run: orders are cancelled, a summary follows",
        ] {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
        assert_eq!(text.matches("BTCUSDT.SIM").count(), 4, "{text}");
        assert!(!text.contains("more instruments"), "{text}");
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let text = screen(80, 24, &busy(40));
        assert!(text.contains("more instruments") && text.contains("Ctrl-C"), "{text}");
        let shown = text.matches("BTCUSDT.SIM").count() / 2;
        assert!(text.contains(&format!("… and {} more instruments", 40 - shown)), "{text}");
        let wide = screen(160, 60, &busy(30));
        assert_eq!(wide.matches("BTCUSDT.SIM").count(), 30, "one line each where there is room\n{wide}");
    }

    #[test]
    fn a_long_fault_is_wrapped() {
        let mut view = busy(1);
        view.journal_fault = Some("no room for another segment ".repeat(6) + "END");
        let text = screen(80, 24, &view);
        assert!(text.contains("journal FAULT: no room") && text.contains("END"), "{text}");
    }

    #[test]
    fn it_draws_also_on_a_tiny_terminal() {
        for (width, height) in [(120, 40), (20, 5), (1, 1)] {
            let text = screen(width, height, &busy(3));
            assert!(width < 100 || text.contains("1 234 567 messages/s"), "{text}");
        }
    }
}
