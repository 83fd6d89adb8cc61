//! What the measurements share: medians and intervals of ratios, cores, where the report goes.

use serde_json::{Value, json};

/// A number from the environment.
pub fn setting(name: &str, otherwise: f64) -> f64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, not `{text}`")),
        Err(_) => otherwise,
    }
}

/// The middle one; NaN of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// Ratios of the rounds: their median, and how far they go.
#[derive(Clone, Debug)]
pub struct Ratios(pub Vec<f64>);

impl Ratios {
    /// The median.
    pub fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// The least and the greatest.
    pub fn interval(&self) -> (f64, f64) {
        let fold = |pick: fn(f64, f64) -> f64| self.0.iter().copied().fold(f64::NAN, pick);
        (fold(f64::min), fold(f64::max))
    }

    /// For a table.
    pub fn text(&self) -> String {
        let (least, greatest) = self.interval();
        format!("{:.3} [{least:.3} to {greatest:.3}]", self.median())
    }

    /// What a tenth of them have less than, and what a tenth have more than.
    fn outer(&self) -> [f64; 2] {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        [0.1, 0.9].map(|part| {
            let at = (values.len().max(1) - 1) as f64 * part;
            values.get(at.round() as usize).copied().unwrap_or(f64::NAN)
        })
    }

    /// For a table of many: the middle, and what a tenth of them had less, and more, than.
    pub fn tenths(&self) -> String {
        let [low, high] = self.outer();
        format!("{:.3} [{low:.3} to {high:.3}]", self.median())
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let (least, greatest) = self.interval();
        let [low, high] = self.outer();
        json!({
            "median": self.median(), "tenth": low, "nine_tenths": high, "least": least, "greatest": greatest, "rounds": self.0.len(),
        })
    }
}

/// Whether the floor of a round moved too much between its begin and its end for what lies between to be compared.
pub fn moved(begin: f64, end: f64) -> bool {
    !(0.8..=1.25).contains(&(end / begin))
}

/// The threads of a process: number and name.
pub fn threads(process: u32) -> Vec<(u32, String)> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let named = tasks.filter_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        Some((task.file_name().to_str()?.parse().ok()?, name.trim_end().to_owned()))
    });
    named.collect()
}

/// Puts a thread on a core; whether that was possible.
pub fn pin_thread(thread: u32, core: usize) -> bool {
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    let thread = i32::try_from(thread).ok().and_then(rustix::thread::Pid::from_raw);
    thread.is_some_and(|thread| rustix::thread::sched_setaffinity(Some(thread), &set).is_ok())
}

/// Puts a process with all its threads on a core; whether that was possible.
pub fn pin(process: u32, core: usize) -> bool {
    let threads = threads(process);
    !threads.is_empty() && threads.iter().all(|(thread, _)| pin_thread(*thread, core))
}

/// Two cores, one for what is measured and one for all else; `None` if there is but one.
pub fn two_cores() -> Option<(usize, usize)> {
    let cores = tickpath::runtime::cores::allowed_cores();
    (cores.len() >= 2).then(|| (cores[cores.len() - 1], cores[0]))
}

/// The report, as a table or as JSON: into the file that `TICKPATH_REPORT` names, or printed.
pub fn report(table: &str, json: &Value) {
    let text = if std::env::var_os("TICKPATH_JSON").is_some() { json.to_string() } else { table.to_owned() };
    match std::env::var_os("TICKPATH_REPORT") {
        Some(path) => std::fs::write(path, format!("{}\n", text.trim_end())).unwrap(),
        None => println!("{text}"),
    }
}

#[test]
fn medians_intervals_and_floors_that_move() {
    let ratios = Ratios(vec![1.1, 0.9, 1.0]);
    assert_eq!((ratios.text().as_str(), ratios.interval()), ("1.000 [0.900 to 1.100]", (0.9, 1.1)));
    assert!((Ratios(vec![1.0, 2.0]).median() - 1.5).abs() < 1e-9 && Ratios(Vec::new()).median().is_nan());
    assert!(!moved(1.0, 1.19) && !moved(1.0, 0.81) && moved(1.0, 1.3) && moved(1.0, 0.7) && moved(0.0, 0.0));
}
