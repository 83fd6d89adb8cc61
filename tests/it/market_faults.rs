//! A hundred thousand gaps, repeats and messages in the wrong order: what the host makes of the book must be exactly what the
//! venue's rule says, and no signal may come of a book that is not whole.

use crate::support::{arg, run, run_json};
use std::io::Write;

const FAULTS: u32 = 100_000;
const BASE: u64 = 1_700_000_000_000;

/// Writes the stream, and knows after each line whether the book is whole: spot rule, `U = last u + 1`.
struct Stream {
    out: std::io::BufWriter<std::fs::File>,
    lines: u64,
    /// Milliseconds of market time so far.
    millis: u64,
    /// The newest id that the venue has given out.
    id: u64,
    /// The newest id in the book, while it is whole.
    last: Option<u64>,
    /// The update id of each line behind which the book is whole and was touched.
    rows: Vec<u64>,
    gaps: u64,
}

impl Stream {
    fn line(&mut self, json: &str) {
        self.lines += 1;
        self.millis += 1;
        writeln!(self.out, "{} {json}", (BASE + self.millis) * 1_000_000).unwrap();
    }

    fn depth(&mut self, id: u64) {
        let (at, qty) = (BASE + self.millis, id % 9 + 1);
        let (bids, asks) = if id.is_multiple_of(2) {
            (format!("[[\"{}.00\",\"{qty}.0\"]]", 1000 + id % 3), "[]".to_owned())
        } else {
            ("[]".to_owned(), format!("[[\"{}.00\",\"{qty}.0\"]]", 1010 + id % 3))
        };
        self.line(&format!(
            r#"{{"stream":"abcusdt@depth","data":{{"e":"depthUpdate","E":{at},"s":"ABCUSDT","U":{id},"u":{id},"b":{bids},"a":{asks}}}}}"#
        ));
        match self.last {
            Some(last) if id == last + 1 => {
                self.last = Some(id);
                self.rows.push(id);
            }
            // Known already.
            Some(last) if id <= last => {}
            Some(_) => {
                self.last = None;
                self.gaps += 1;
            }
            None => {}
        }
    }

    fn next(&mut self) {
        self.id += 1;
        self.depth(self.id);
    }

    fn snapshot(&mut self) {
        let id = self.id;
        self.line(&format!(
            r#"{{"lastUpdateId":{id},"bids":[["999.00","5.0"],["998.00","5.0"]],"asks":[["1020.00","5.0"],["1021.00","5.0"]]}}"#
        ));
        // It has its row with the first difference that joins it.
        self.last = Some(id);
    }
}

#[test]
fn a_hundred_thousand_faults_give_no_signal_from_a_book_that_is_not_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("faults");
    let out = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let mut stream = Stream { out, lines: 0, millis: 0, id: 10, last: None, rows: Vec::new(), gaps: 0 };
    stream.next();
    stream.snapshot();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut kinds = [0u32; 3];
    for fault in 0..FAULTS {
        if fault % 1_000 == 0 {
            // Quiet for so long that the features are warm and signals come.
            for _ in 0..800 {
                stream.millis += 24;
                stream.next();
            }
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        stream.next();
        let kind = (random >> 33) % 3;
        kinds[kind as usize] += 1;
        match kind {
            0 => {
                // One is lost; what follows does not join.
                stream.id += 1;
                stream.next();
                stream.next();
                stream.snapshot();
            }
            1 => {
                // The same again, and the one before: nothing changes.
                stream.depth(stream.id);
                stream.depth(stream.id - 1);
            }
            _ => {
                // Two in the wrong order: a gap, then one from before it.
                stream.id += 2;
                stream.depth(stream.id);
                stream.depth(stream.id - 1);
                stream.next();
                stream.snapshot();
            }
        }
        stream.next();
    }
    stream.out.flush().unwrap();
    let journal = dir.path().join("j");
    let summary = run_json(&["replay", arg(&path), "--journal", arg(&journal)], 0);
    assert_eq!(summary["counts"]["signals_on_bad_market"], 0);
    assert_eq!(summary["counts"]["gaps"].as_u64(), Some(stream.gaps), "each gap is told, and nothing else is one");
    let signals = summary["counts"]["signals"].as_u64().unwrap();
    assert!(signals > 10_000, "there are signals to be had: {signals}");
    // Book for book against the rule: the rows that there are, in their order.
    let output = run(&["export", "--journal", arg(&journal), "--what", "bbo", "--format", "csv"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let column = text.lines().next().unwrap().split(',').position(|name| name == "update_id").unwrap();
    let ids: Vec<u64> = text.lines().skip(1).map(|l| l.split(',').nth(column).unwrap().parse().unwrap()).collect();
    let first = ids.iter().zip(&stream.rows).position(|(a, b)| a != b);
    assert_eq!(
        (first, ids.len()),
        (None, stream.rows.len()),
        "ours {:?} expected {:?}",
        first.map(|f| &ids[f..f + 3]),
        first.map(|f| &stream.rows[f..f + 3])
    );
    println!(
        "{FAULTS} faults ({kinds:?} gaps, repeats, reorderings) in {} messages: {} gaps told, {} books as the rule says, {signals} signals, 0 from a book that was not whole",
        stream.lines,
        stream.gaps,
        ids.len()
    );
}
