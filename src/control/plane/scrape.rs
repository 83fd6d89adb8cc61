//! Edge: metrics on their way to a scraper: families of counters, gauges and histograms, each with its help text.

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// What one scrape gives. Names get the prefix `tickpath_`.
#[derive(Debug, Default)]
pub struct Scrape {
    families: Vec<MetricFamily>,
}

/// A histogram's figures: cumulative counts at upper bounds (ascending), the count and sum of everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// Upper bound, and how many values were at or below it.
    pub cumulative: Vec<(f64, u64)>,
    /// How many values in all.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

impl Buckets {
    /// The figures of an HDR histogram in nanoseconds, as seconds, at powers of two from 64 ns to 17 s.
    pub fn of_nanos(histogram: &hdrhistogram::Histogram<u64>) -> Self {
        let cumulative: Vec<(f64, u64)> = (6..=34)
            .map(|power| {
                let bound = 1u64 << power;
                (bound as f64 / 1e9, histogram.count_between(0, bound))
            })
            .collect();
        // `count_between` counts whole equivalent ranges, so a bound's count may take in values a little (0.1 %) above it;
        // it never goes beyond all.
        Self { cumulative, count: histogram.len(), sum: histogram.mean() * histogram.len() as f64 / 1e9 }
    }
}

impl Scrape {
    /// A counter: only grows, but for a restart. The name should end in `_total`.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: u64) {
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_counter(counter);
        self.add(name, help, MetricType::COUNTER, metric);
    }

    /// A gauge: goes up and down. What is not known is `NaN`, never 0.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_gauge(gauge);
        self.add(name, help, MetricType::GAUGE, metric);
    }

    /// A histogram. The name should say the unit (`_seconds`).
    pub fn histogram(&mut self, name: &str, help: &str, labels: &[(&str, &str)], figures: &Buckets) {
        let mut histogram = Histogram::default();
        histogram.set_sample_count(figures.count);
        histogram.set_sample_sum(figures.sum);
        histogram.set_bucket(
            figures
                .cumulative
                .iter()
                .map(|&(bound, count)| {
                    let mut bucket = Bucket::default();
                    bucket.set_upper_bound(bound);
                    bucket.set_cumulative_count(count.min(figures.count));
                    bucket
                })
                .collect(),
        );
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_histogram(histogram);
        self.add(name, help, MetricType::HISTOGRAM, metric);
    }

    /// All counters of a run, from their table.
    pub fn counts(&mut self, counts: &crate::metric::counts::Counts) {
        for (name, help, value) in counts.table() {
            self.counter(&format!("{name}_total"), help, &[], value);
        }
    }

    /// All spans of the journey, from their table.
    pub fn latency(&mut self, latency: &crate::metric::latency::LatencySet) {
        for (index, span) in crate::metric::latency::SPANS.iter().enumerate() {
            let figures = Buckets::of_nanos(latency.get(index));
            self.histogram(
                "journey_seconds",
                "Time of a span of the journey of an input.",
                &[("span", span)],
                &figures,
            );
        }
    }

    /// The text that scrapers read (Prometheus text format 0.0.4).
    pub fn text(&self) -> String {
        // It fails only for a family without metric or name, and `add` makes none.
        prometheus::TextEncoder::new().encode_to_string(&self.families).unwrap_or_default()
    }

    fn add(&mut self, name: &str, help: &str, kind: MetricType, metric: Metric) {
        let name = format!("tickpath_{}", legal(name));
        if let Some(family) = self.families.iter_mut().find(|f| f.name() == name && f.get_field_type() == kind) {
            family.mut_metric().push(metric);
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name);
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(vec![metric]);
        self.families.push(family);
    }
}

/// `text` with every character that a metric's name may not have turned into `_`.
fn legal(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

fn pairs(labels: &[(&str, &str)]) -> Vec<LabelPair> {
    labels
        .iter()
        .map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name(legal(name));
            pair.set_value((*value).to_owned());
            pair
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_help_type_and_labels() {
        let mut scrape = Scrape::default();
        scrape.counter("orders_total", "New orders sent.", &[], 3);
        scrape.gauge("gate closed", "1 while a reason holds.", &[("reason", "a\"b\\c\nd")], 1.0);
        scrape.gauge("gate closed", "1 while a reason holds.", &[("reason", "kill")], f64::NAN);
        assert_eq!(
            scrape.text(),
            "# HELP tickpath_orders_total New orders sent.\n# TYPE tickpath_orders_total counter\n\
             tickpath_orders_total 3\n\
             # HELP tickpath_gate_closed 1 while a reason holds.\n# TYPE tickpath_gate_closed gauge\n\
             tickpath_gate_closed{reason=\"a\\\"b\\\\c\\nd\"} 1\ntickpath_gate_closed{reason=\"kill\"} NaN\n"
        );
    }

    #[test]
    fn histograms_are_cumulative_and_end_with_all() {
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        for nanos in [50, 100, 1000, 30_000_000_000] {
            histogram.record(nanos).unwrap();
        }
        let figures = Buckets::of_nanos(&histogram);
        assert_eq!(figures.count, 4);
        assert!((figures.sum - 30.000_001_15).abs() < 0.03, "{}", figures.sum);
        assert_eq!(figures.cumulative[0], (64e-9, 1));
        assert_eq!(figures.cumulative[1], (128e-9, 2));
        assert_eq!(figures.cumulative.last().unwrap().1, 3, "30 s lie above the last bound");
        assert!(figures.cumulative.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1));
        let mut scrape = Scrape::default();
        scrape.histogram("journey_seconds", "h", &[("span", "risk")], &figures);
        let text = scrape.text();
        assert!(text.contains("tickpath_journey_seconds_bucket{span=\"risk\",le=\"+Inf\"} 4\n"), "{text}");
        assert!(text.contains("tickpath_journey_seconds_count{span=\"risk\"} 4\n"), "{text}");
    }

    #[test]
    fn every_counter_of_the_table_has_its_help() {
        let mut scrape = Scrape::default();
        scrape.counts(&crate::metric::counts::Counts { orders: 7, ..Default::default() });
        scrape.latency(&crate::metric::latency::LatencySet::new());
        let text = scrape.text();
        assert!(text.contains("# HELP tickpath_orders_total New orders sent.\n"), "{text}");
        assert!(text.contains("\ntickpath_orders_total 7\n"));
        let samples = text.lines().filter(|l| l.ends_with(" counter")).count();
        assert_eq!(samples, crate::metric::counts::Counts::default().rows().len());
    }
}
