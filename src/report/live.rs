//! Edge: the live view in the terminal.

use super::number::{best, grouped, money, nanos, qty};
use crate::event::input::GateReason;
use crate::event::market::flags;
use crate::metric::latency::{BYTES_TO_DECISION, BYTES_TO_ORDER, SPANS};
use crate::runtime::recorder::View;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Row, Table};

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
pub fn gate_words(bits: u8) -> String {
    if bits == 0 {
        return "open".to_owned();
    }
    let reasons: Vec<&str> = GateReason::ALL.iter().filter(|r| bits >> r.code() & 1 == 1).map(|r| r.name()).collect();
    format!("closed: {}", reasons.join(", "))
}

/// Draws one frame.
pub fn draw(frame: &mut Frame<'_>, header: &Header, view: &View) {
    let instruments = view.instruments.len().clamp(1, 12) as u16;
    let [top, market, middle, bottom] = Layout::vertical([
        Constraint::Length(5),
        Constraint::Length(instruments + 3),
        Constraint::Length(11),
        Constraint::Min(1),
    ])
    .areas(frame.area());
    let open = view.gate == 0;
    let gate_style = Style::new().fg(if open { Color::Green } else { Color::Red }).add_modifier(Modifier::BOLD);
    let lines = vec![
        Line::from(vec![
            Span::raw(format!("{}  {}  gate ", header.host, header.setting)),
            Span::styled(gate_words(view.gate), gate_style),
        ]),
        Line::from(format!(
            "{:>9} messages/s   sequence {}   {:.0} s   {} signals   {} orders   {} fills   {} refused",
            grouped(header.messages_per_second as u64),
            grouped(view.sequence),
            header.seconds,
            grouped(view.counts.signals),
            view.counts.orders,
            view.counts.fills,
            view.counts.refused
        )),
        Line::from(match &view.journal_fault {
            Some(fault) => format!("journal FAULT: {fault}"),
            None => format!("journal {}   output hash {}", header.journal, view.output_hash),
        }),
    ];
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" tickpath ")), top);
    draw_instruments(frame, view, market);
    draw_latency(frame, view, middle);
    frame.render_widget(
        Paragraph::new("Ctrl-C ends the run: orders are cancelled, the journal is closed, a summary follows"),
        bottom,
    );
}

fn draw_instruments(frame: &mut Frame<'_>, view: &View, area: ratatui::layout::Rect) {
    let rows = view.instruments.values().take(12).map(|v| {
        let (i, slot) = (&v.instrument, &v.slot);
        let d = slot.risk.money_decimals;
        let state = if !slot.market.has(flags::VALID) {
            "not whole"
        } else if slot.market.has(flags::STALE) {
            "stale"
        } else {
            "ok"
        };
        Row::new([
            i.name(),
            qty(i, slot.market.bid.qty),
            best(i, slot.market.bid),
            best(i, slot.market.ask),
            qty(i, slot.market.ask.qty),
            state.to_owned(),
            qty(i, slot.risk.position),
            money(slot.risk.realized, d),
            money(slot.risk.unrealized, d),
            money(slot.risk.fees, d),
        ])
    });
    let widths = [22, 12, 12, 12, 12, 10, 12, 14, 14, 12].map(Constraint::Length);
    let head = Row::new([
        "instrument",
        "bid qty",
        "bid",
        "ask",
        "ask qty",
        "book",
        "position",
        "realized",
        "unrealized",
        "fees",
    ])
    .style(Style::new().add_modifier(Modifier::BOLD));
    frame.render_widget(
        Table::new(rows, widths).header(head).block(Block::bordered().title(" market and positions ")),
        area,
    );
}

fn draw_latency(frame: &mut Frame<'_>, view: &View, area: ratatui::layout::Rect) {
    let rows = SPANS.iter().enumerate().filter(|(i, _)| !view.latency.get(*i).is_empty()).map(|(i, name)| {
        let histogram = view.latency.get(i);
        let style = if i == BYTES_TO_ORDER || i == BYTES_TO_DECISION {
            Style::new().add_modifier(Modifier::BOLD)
        } else {
            Style::new()
        };
        Row::new([
            (*name).to_owned(),
            grouped(histogram.len()),
            nanos(histogram.value_at_quantile(0.5)),
            nanos(histogram.value_at_quantile(0.99)),
            nanos(histogram.value_at_quantile(0.999)),
            nanos(histogram.max()),
        ])
        .style(style)
    });
    let widths = [20, 14, 12, 12, 12, 12].map(Constraint::Length);
    let head =
        Row::new(["latency", "samples", "p50", "p99", "p99.9", "max"]).style(Style::new().add_modifier(Modifier::BOLD));
    frame.render_widget(Table::new(rows, widths).header(head).block(Block::bordered().title(" latency ")), area);
}

#[cfg(test)]
mod tests {
    use super::*;
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

    #[test]
    fn it_draws_also_on_a_tiny_terminal() {
        for (width, height) in [(120, 40), (20, 5), (1, 1)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            let header = Header {
                host: "h".into(),
                setting: "paper".into(),
                messages_per_second: 1234.0,
                seconds: 1.0,
                journal: "x".into(),
            };
            terminal.draw(|frame| draw(frame, &header, &View::default())).unwrap();
            let text = format!("{:?}", terminal.backend().buffer());
            assert!(width < 100 || text.contains("1 234 messages/s"), "{text}");
        }
    }
}
