//! Edge: the summary of a run, for people and for programs.

use super::latency;
use super::number::{best, counted, counted_as, grouped, money, nanos, qty};
use crate::event::input::GateReason;
use crate::event::market::{InvalidReason, anomaly, flags};
use crate::market::anomaly::AnomalyCounts;
use crate::metric::counts::Counts;
use crate::metric::latency::{BYTES_TO_DECISION, BYTES_TO_ORDER, LatencySet};
use crate::runtime::host::{Outcome, span};
use crate::runtime::simulation::Ended;
use crate::types::instrument::VenueKind;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The exit code of a run that was not clean.
const EXIT_CODE: u8 = 1;

fn quantiles(histogram: &Histogram<u64>) -> Value {
    if histogram.is_empty() {
        return Value::Null;
    }
    json!({
        "p50": histogram.value_at_quantile(0.5),
        "p90": histogram.value_at_quantile(0.9),
        "p99": histogram.value_at_quantile(0.99),
        "p999": histogram.value_at_quantile(0.999),
        "p9999": histogram.value_at_quantile(0.9999),
        "max": histogram.max(),
        "samples": histogram.len(),
    })
}

/// Latency from bytes in to encoded order out; where no order was made, to the finished decision.
fn headline(set: &LatencySet) -> (&'static str, &Histogram<u64>) {
    if set.get(BYTES_TO_ORDER).is_empty() {
        ("bytes in to decision (no order was made)", set.get(BYTES_TO_DECISION))
    } else {
        ("bytes in to encoded order out", set.get(BYTES_TO_ORDER))
    }
}

/// One JSON object.
pub fn to_json(outcome: &Outcome) -> Value {
    let view = &outcome.view;
    let (what, histogram) = headline(&view.latency);
    let mut latency = quantiles(histogram);
    if latency.is_null() {
        latency = json!({"p50": null, "p99": null, "p999": null, "max": null, "samples": 0});
    }
    if let Value::Object(map) = &mut latency {
        map.insert("what".to_owned(), json!(what));
    }
    let spans: serde_json::Map<String, Value> = crate::metric::latency::SPANS
        .iter()
        .enumerate()
        .map(|(i, name)| ((*name).to_owned(), quantiles(view.latency.get(i))))
        .collect();
    let instruments: Vec<Value> = view
        .instruments
        .values()
        .map(|v| {
            let (i, slot) = (&v.instrument, &v.slot);
            let decimals = slot.risk.money_decimals;
            json!({
                "instrument": i.name(),
                "inferred": i.inferred,
                "price_decimals": i.price_decimals,
                "qty_decimals": i.qty_decimals,
                "book_valid": slot.market.has(flags::VALID),
                "invalid_reason": InvalidReason::from_code(slot.market.invalid_reason).map(InvalidReason::name),
                "bid": best(i, slot.market.bid),
                "ask": best(i, slot.market.ask),
                "position": qty(i, slot.risk.position),
                "realized": money(slot.risk.realized, decimals),
                "unrealized": money(slot.risk.unrealized, decimals),
                "fees": money(slot.risk.fees, decimals),
                "fills": v.fills,
            })
        })
        .collect();
    let counts: serde_json::Map<String, Value> =
        view.counts.rows().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let refusals: serde_json::Map<String, Value> =
        view.refusals.iter().map(|(code, count)| (refusal(*code).to_owned(), json!(count))).collect();
    let gate_refusals: serde_json::Map<String, Value> =
        view.gate_refusals.iter().map(|(bits, count)| (GateReason::names(*bits), json!(count))).collect();
    json!({
        "events": outcome.counts.events,
        "inputs": outcome.counts.inputs,
        "orders": view.counts.orders,
        "cancels": view.counts.cancels,
        "fills": view.counts.fills,
        "signals": view.counts.signals,
        "output_hash": view.output_hash.to_string(),
        "seconds": outcome.seconds,
        "events_per_second": rate(outcome.counts.events, outcome.seconds),
        "latency_ns": latency,
        "latency_spans_ns": spans,
        "start_to_first_event_ns": outcome.first_event_ns,
        "stamp_cost_ns": outcome.stamp_cost_ns,
        "simulated_seconds": span(&outcome.counts) as f64 / 1e9,
        "feed_latency_ns": view.feed_latency.map(|(low, high)| json!({"min": low, "max": high})),
        "placement": outcome.placement,
        "epoch": outcome.epoch,
        "journal": outcome.journal_dir.as_ref().map(|d| d.display().to_string()),
        "last_sequence": view.sequence,
        "counts": counts,
        "anomalies": view.anomalies.named().map(|(name, n)| (name.to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
        "refusals": refusals,
        "gate_refusals": gate_refusals,
        "ring_full": outcome.stalls,
        "gated": outcome.gated,
        "not_approved": outcome.not_approved,
        "not_encodable": outcome.not_encodable,
        "instruments": instruments,
        "problems": outcome.problems.told,
        "problem_count": outcome.problems.count,
        "not_used": outcome.notes.iter().map(|(name, n)| (name.clone(), json!(n))).collect::<serde_json::Map<_, _>>(),
        "journal_last_sequence": view.journaled,
        "not_recorded": view.not_recorded,
        "differences": view.differences.values().collect::<Vec<_>>(),
        "ended": outcome.ended.name(),
        "error": outcome.problems.fatal.as_ref().map(|fatal| fatal.to_json(EXIT_CODE)),
    })
}

/// Whether the venue's books begin with a snapshot.
fn is_binance(venue: VenueKind) -> bool {
    matches!(venue, VenueKind::BinanceSpot | VenueKind::BinanceUsdm | VenueKind::BinanceCoinm)
}

fn refusal(code: u8) -> &'static str {
    crate::risk::check_name(code).unwrap_or("UNKNOWN_CHECK")
}

fn rate(events: u64, seconds: f64) -> u64 {
    if seconds > 0.0 { (events as f64 / seconds) as u64 } else { 0 }
}

/// The kinds of anomaly that there were; `None` if there were none. Negative latency stands in the line of the feed.
fn kinds(anomalies: &AnomalyCounts) -> Option<String> {
    let negative = anomaly::NEGATIVE_LATENCY.trailing_zeros() as usize;
    let kinds: Vec<String> = anomalies
        .named()
        .enumerate()
        .filter(|(bit, (_, count))| *count > 0 && *bit != negative)
        .map(|(_, (name, count))| format!("{} {name}", grouped(count)))
        .collect();
    (!kinds.is_empty()).then(|| kinds.join(", "))
}

/// What happened to the books.
fn books(counts: &Counts) -> String {
    format!(
        "{}, {}, {} invalidated, {} crossed, {}, {}",
        counted(counts.book_updates, "update"),
        counted(counts.gaps, "gap"),
        grouped(counts.books_invalidated),
        grouped(counts.crossed),
        counted_as(counts.quote_mismatches, "quote mismatch", "quote mismatches"),
        counted_as(counts.anomalies, "anomaly", "anomalies")
    )
}

/// The summary for people.
pub fn to_text(outcome: &Outcome) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut text, outcome);
    text
}

fn write_text(text: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let view = &outcome.view;
    let counts = &view.counts;
    writeln!(
        text,
        "{} ({}) of {:.1} s market time in {:.3} s: {} messages/s",
        counted(outcome.counts.events, "market message"),
        counted(outcome.counts.inputs, "input"),
        span(&outcome.counts) as f64 / 1e9,
        outcome.seconds,
        grouped(rate(outcome.counts.events, outcome.seconds)),
    )?;
    if outcome.ended == Ended::Stopped {
        writeln!(text, "stopped     before the end of the data")?;
    }
    writeln!(text, "placement   {}", outcome.placement)?;
    writeln!(text, "books       {}", books(counts))?;
    if let Some(kinds) = kinds(&view.anomalies) {
        writeln!(text, "            anomalies: {kinds}")?;
    }
    if counts.trades_late > 0 {
        writeln!(
            text,
            "trades      {} of {} came when their own candle was closed, and count in a later one (see market.candle_grace_ms)",
            grouped(counts.trades_late),
            grouped(counts.trades)
        )?;
    }
    // Files without receive times have their events' own times instead: then there is no latency to tell.
    if let Some((low, high)) = view.feed_latency.filter(|range| *range != (0, 0)) {
        let note = if low < 0 { "  (negative: the local clock is behind the venue's; kept as it is)" } else { "" };
        writeln!(text, "feed        latency {:.3} to {:.3} ms{note}", low as f64 / 1e6, high as f64 / 1e6)?;
    }
    writeln!(
        text,
        "flow        {}, {} approved, {} refused, {}, {}, {}, {} rejected",
        counted(counts.signals, "signal"),
        grouped(counts.approved),
        grouped(counts.refused),
        counted(counts.orders, "order"),
        counted(counts.cancels, "cancel"),
        counted(counts.fills, "fill"),
        grouped(counts.rejected)
    )?;
    if counts.statements_agreed + counts.statements_differed > 0 {
        let agreed = counted_as(counts.statements_agreed, "statement agrees with", "statements agree with");
        let differed = match counts.statements_differed {
            0 => String::new(),
            n => format!(", {} DIFFERED", grouped(n)),
        };
        writeln!(text, "venue       {agreed} what execution and risk hold{differed}")?;
    }
    for (code, count) in &view.refusals {
        write!(text, "            refused {} × {}", grouped(*count), refusal(*code))?;
        if *code == crate::risk::code::gate {
            let reasons: Vec<String> = view
                .gate_refusals
                .iter()
                .map(|(bits, n)| format!("{} × {}", grouped(*n), GateReason::names(*bits)))
                .collect();
            match view.gate_refusals.first_key_value() {
                Some((bits, _)) if reasons.len() == 1 => write!(text, " ({})", GateReason::names(*bits))?,
                _ => write!(text, " ({})", reasons.join("; "))?,
            }
        }
        writeln!(text)?;
    }
    for v in view.instruments.values() {
        let (i, slot) = (&v.instrument, &v.slot);
        let d = slot.risk.money_decimals;
        write!(
            text,
            "{:<24} bid {} ask {}  position {}  realized {}  unrealized {}  fees {}",
            i.name(),
            best(i, slot.market.bid),
            best(i, slot.market.ask),
            qty(i, slot.risk.position),
            money(slot.risk.realized, d),
            money(slot.risk.unrealized, d),
            money(slot.risk.fees, d)
        )?;
        if i.inferred {
            write!(
                text,
                "  [definition inferred: {} price and {} quantity decimals]",
                i.price_decimals, i.qty_decimals
            )?;
        }
        writeln!(text)?;
        if !slot.market.has(flags::VALID) {
            let reason = InvalidReason::from_code(slot.market.invalid_reason).map_or("unknown", InvalidReason::name);
            let hint = match InvalidReason::from_code(slot.market.invalid_reason) {
                Some(InvalidReason::NoSnapshot) if is_binance(i.venue) => {
                    ": the data holds no snapshot to begin from; without one there is no book and no signal"
                }
                Some(InvalidReason::SnapshotTooOld) => {
                    ": the snapshot is older than the first difference; a newer one is needed"
                }
                _ => "",
            };
            writeln!(text, "            book not valid at the end: {reason}{hint}")?;
        }
    }
    let (what, histogram) = headline(&view.latency);
    if !histogram.is_empty() {
        writeln!(
            text,
            "latency     {what}: p50 {}, p99 {}, p99.9 {}, max {} ({} samples; one stamp costs {:.1} ns)",
            nanos(histogram.value_at_quantile(0.5)),
            nanos(histogram.value_at_quantile(0.99)),
            nanos(histogram.value_at_quantile(0.999)),
            nanos(histogram.max()),
            grouped(histogram.len()),
            outcome.stamp_cost_ns
        )?;
        writeln!(text, "\n{}", latency::table(&view.latency).trim_end())?;
    }
    writeln!(text, "output hash {} up to sequence {}", view.output_hash, view.sequence)?;
    if let Some(dir) = &outcome.journal_dir {
        writeln!(text, "journal     {} (epoch {})", dir.display(), outcome.epoch)?;
    }
    for (name, count) in &outcome.notes {
        writeln!(text, "not used    {} {name}", grouped(*count))?;
    }
    let complaints = complaints(outcome).len();
    if complaints > 0 {
        writeln!(text, "problems    {complaints}, told on standard error")?;
    }
    Ok(())
}

/// What was wrong, a line each, for standard error; empty after a clean run.
pub fn complaints(outcome: &Outcome) -> Vec<String> {
    let mut lines = outcome.problems.lines();
    if outcome.not_approved + outcome.not_encodable > 0 {
        lines.push(format!(
            "FAULT: {} commands without approval, {} not encodable; please report this",
            outcome.not_approved, outcome.not_encodable
        ));
    }
    lines.extend(
        outcome.view.differences.values().map(|text| {
            format!("the venue and the host differ in {text}; what to do: `tickpath runbook reconciliation`")
        }),
    );
    lines.extend(outcome.view.not_recorded.iter().map(|loss| format!("journal: {loss}")));
    if outcome.journal_dir.is_some()
        && outcome.view.journaled < outcome.view.sequence
        && outcome.view.not_recorded.is_empty()
    {
        lines.push(format!(
            "the journal ends at sequence {}: what follows, up to {}, is not recorded",
            outcome.view.journaled, outcome.view.sequence
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let check = |n: u64, expected: &str| {
            let (book_updates, gaps, quote_mismatches, anomalies) = (n, n, n, n);
            let counts = Counts { book_updates, gaps, quote_mismatches, anomalies, ..Counts::default() };
            assert_eq!(books(&counts), expected);
        };
        check(1, "1 update, 1 gap, 0 invalidated, 0 crossed, 1 quote mismatch, 1 anomaly");
        check(1_200, "1 200 updates, 1 200 gaps, 0 invalidated, 0 crossed, 1 200 quote mismatches, 1 200 anomalies");
    }

    #[test]
    fn only_the_kinds_that_there_were_are_told() {
        let mut anomalies = AnomalyCounts::default();
        assert_eq!(kinds(&anomalies), None);
        anomalies.add(anomaly::NEGATIVE_LATENCY);
        assert_eq!(kinds(&anomalies), None, "the line of the feed tells it");
        for _ in 0..1_200 {
            anomalies.add(anomaly::TIME_BACK | anomaly::NEGATIVE_LATENCY);
        }
        anomalies.add(anomaly::CLOCK_AHEAD);
        assert_eq!(kinds(&anomalies).as_deref(), Some("1 200 time_back, 1 clock_ahead"));
    }
}
