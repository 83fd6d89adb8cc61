//! Edge: latency as a table, as `.hgrm` files (the format of HdrHistogram's plotter), and as an SVG plot.

use super::number::nanos;
use crate::metric::latency::{BYTES_TO_DECISION, BYTES_TO_ORDER, LatencySet, SPANS};
use hdrhistogram::Histogram;
use plotters::prelude::*;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// The quantiles of the table.
const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// The table of all spans that were recorded.
pub fn table(set: &LatencySet) -> String {
    let mut text = format!("{:<20}{:>12}", "span", "samples");
    for (name, _) in QUANTILES {
        let _ = write!(text, "{name:>11}");
    }
    let _ = writeln!(text, "{:>11}", "max");
    for (span, name) in SPANS.iter().enumerate() {
        let histogram = set.get(span);
        if histogram.is_empty() {
            continue;
        }
        let _ = write!(text, "{name:<20}{:>12}", histogram.len());
        for (_, q) in QUANTILES {
            let _ = write!(text, "{:>11}", nanos(histogram.value_at_quantile(q)));
        }
        let _ = writeln!(text, "{:>11}", nanos(histogram.max()));
    }
    text
}

/// One histogram in HdrHistogram's percentile format (values in nanoseconds), as its plotter reads it.
pub fn hgrm(histogram: &Histogram<u64>) -> String {
    let mut text = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    for value in histogram.iter_quantiles(5) {
        let percentile = value.quantile_iterated_to();
        let at = value.value_iterated_to();
        let total = histogram.count_between(0, at);
        if percentile < 1.0 {
            let _ = writeln!(text, "{at:>12} {percentile:>14.12} {total:>10} {:>14.2}", 1.0 / (1.0 - percentile));
        } else {
            let _ = writeln!(text, "{at:>12} {percentile:>14.12} {total:>10}");
        }
    }
    let _ = writeln!(text, "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]", histogram.mean(), histogram.stdev());
    let _ = writeln!(text, "#[Max     = {:>12}, Total count    = {:>12}]", histogram.max(), histogram.len());
    let _ = writeln!(
        text,
        "#[Buckets = {:>12}, SubBuckets     = {:>12}]",
        histogram.buckets(),
        histogram.distinct_values()
    );
    text
}

/// Writes one `.hgrm` a span and `latency.svg` into `dir`, and says what it wrote.
///
/// # Errors
/// The folder or a file cannot be written.
pub fn write_files(set: &LatencySet, dir: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(dir)?;
    let mut written = Vec::new();
    for (span, name) in SPANS.iter().enumerate() {
        if set.get(span).is_empty() {
            continue;
        }
        let path = dir.join(format!("{name}.hgrm"));
        std::fs::write(&path, hgrm(set.get(span)))?;
        written.push(path);
    }
    if !set.get(BYTES_TO_DECISION).is_empty() {
        let path = dir.join("latency.svg");
        std::fs::write(&path, svg(set).map_err(io::Error::other)?)?;
        written.push(path);
    }
    Ok(written)
}

/// Percentile curves: nanoseconds (logarithmic) over the number of nines.
pub fn svg(set: &LatencySet) -> Result<String, String> {
    let mut text = String::new();
    draw(set, &mut text).map_err(|e| e.to_string())?;
    Ok(text)
}

fn draw(set: &LatencySet, text: &mut String) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    const NINES_MAX: f64 = 5.0;
    let root = SVGBackend::with_string(text, (960, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let spans: Vec<usize> = (0..SPANS.len()).filter(|&span| !set.get(span).is_empty()).collect();
    let highest =
        spans.iter().map(|&span| set.get(span).value_at_quantile(0.99999)).max().unwrap_or(1).max(1000) as f64;
    let mut chart = ChartBuilder::on(&root)
        .caption("Latency by percentile", ("sans-serif", 22))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(76)
        .build_cartesian_2d(0f64..NINES_MAX, (10f64..highest * 1.5).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("percentile")
        .y_desc("nanoseconds")
        .x_labels(6)
        .x_label_formatter(&|nines| match (nines.round() as i32, (nines - nines.round()).abs() < 1e-9) {
            (0, true) => "0 %".to_owned(),
            (1, true) => "90 %".to_owned(),
            (2, true) => "99 %".to_owned(),
            (3, true) => "99.9 %".to_owned(),
            (4, true) => "99.99 %".to_owned(),
            (5, true) => "99.999 %".to_owned(),
            _ => String::new(),
        })
        .y_label_formatter(&|ns| nanos(*ns as u64))
        .draw()?;
    for (place, &span) in spans.iter().enumerate() {
        let color = Palette99::pick(place).to_rgba();
        let wide = if span == BYTES_TO_ORDER || span == BYTES_TO_DECISION { 3 } else { 1 };
        let histogram = set.get(span);
        // No further than there are samples for.
        let nines_known = (histogram.len() as f64).log10().min(NINES_MAX);
        let points = (0..=200).map(|i| {
            let nines = f64::from(i) / 200.0 * nines_known;
            (nines, histogram.value_at_quantile(1.0 - 10f64.powf(-nines)).max(10) as f64)
        });
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(wide)))?
            .label(SPANS[span])
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(wide)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::slot::Slot;
    use bytemuck::Zeroable;

    fn filled() -> LatencySet {
        let mut set = LatencySet::new();
        let mut slot = Slot::zeroed();
        slot.input.flags = crate::event::input::flags::LAST;
        for i in 1..=1000u64 {
            slot.input.stamp = 1;
            slot.input.decode_ticks = 50;
            slot.market.stamp = 51 + i;
            slot.features.stamp = 61 + i;
            slot.signal.stamp = 71 + i;
            slot.risk.stamp = 81 + i;
            slot.execution.stamp = 91 + i;
            set.record(&slot, |a, b| b - a);
        }
        set
    }

    #[test]
    fn table_hgrm_and_plot_have_the_numbers() {
        let set = filled();
        let table = table(&set);
        assert!(table.contains("bytes_to_decision") && !table.contains("bytes_to_order"), "{table}");
        let text = hgrm(set.get(1));
        let last = text.lines().rev().find(|l| !l.starts_with('#')).unwrap();
        assert!(last.contains("1.000000000000") && last.trim_end().ends_with("1000"), "{text}");
        assert!(text.contains("Total count    =         1000"));
        let svg = svg(&set).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("99.9 %") && svg.contains("market"));
        let dir = tempfile::tempdir().unwrap();
        let written = write_files(&set, dir.path()).unwrap();
        assert_eq!(written.len(), 8);
    }
}
