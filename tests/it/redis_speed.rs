//! How fast the event stream in Redis is written, beside what its own measuring program does with the same entry, and beside
//! the same transactions by a client that does nothing else. Run by `perf/redis`.

use crate::measure::{Ratios, median, moved, pin, report, setting, two_cores};
use crate::mirrored::in_redis;
use crate::redis_ear::Ear;
use crate::redis_server::RedisServer;
use crate::support::{arg, tickpath};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tickpath::acp::event::FIELDS;
use tickpath::bridge::config::RedisConfig;
use tickpath::bridge::status::Standing;

/// The host of the journal.
const HOST: &str = "tickpath-1";
/// What the rivals write to.
const RIVAL: &str = "rival";

/// A journal, how many events it has, and the server that they go to.
struct Work<'a> {
    server: &'a RedisServer,
    journal: &'a Path,
    events: u64,
    batch: u32,
}

impl Work<'_> {
    /// An empty server; the stream of the rivals is there, since they write with NOMKSTREAM as the bridge does.
    fn empty(&self) {
        assert_eq!(self.server.ask(&["FLUSHALL", "SYNC"]), "OK");
        assert_eq!(self.server.ask(&["XGROUP", "CREATE", RIVAL, "make", "$", "MKSTREAM"]), "OK");
        assert_eq!(self.server.ask(&["XGROUP", "DESTROY", RIVAL, "make"]), "1");
    }

    #[track_caller]
    fn holds(&self, stream: &str, entries: u64) {
        assert_eq!(self.server.ask(&["XLEN", stream]), entries.to_string(), "{stream}");
    }

    /// The bridge over the whole journal, from the first connection until it has all; events a second. With topics each event is
    /// told, the bulk of them only if somebody is `heard` to listen.
    fn bridge(&self, topics: bool, heard: bool) -> f64 {
        self.empty();
        let mut config = RedisConfig { batch: self.batch, ..RedisConfig::default() };
        if topics {
            config.publish_behind = 1_000_000_000;
        } else {
            config.topics.clear();
        }
        let ear = heard.then(|| Ear::to(self.server, &["binaryrogue:*", "aism:*"], |_, _| {}));
        let has_all = |standing: &Standing| standing.events < self.events;
        let (standing, took) = in_redis(self.server, self.journal, config, topics, has_all);
        drop(ear);
        assert_eq!((standing.events, standing.lost), (self.events, 0), "{standing:?}");
        // Some messages go out whether anybody listens or not.
        assert!(topics || standing.published == 0, "{standing:?}");
        assert!(!heard || standing.published > self.events, "{standing:?}");
        self.holds(&format!("binaryrogue:events:{HOST}"), self.events);
        self.events as f64 / took.as_secs_f64()
    }

    /// An entry whose values are as long as the average, name and value in turns; the average in bytes.
    fn entry(&self) -> (Vec<String>, f64) {
        let stream = format!("binaryrogue:events:{HOST}");
        let told = self.server.ask(&["--raw", "EVAL", AVERAGE, "1", &stream]);
        let mut lines = told.lines();
        let average: f64 = lines.next().unwrap().parse().unwrap_or_else(|_| panic!("{told}"));
        let entry: Vec<String> = lines.map(str::to_owned).collect();
        assert!(entry.iter().step_by(2).eq(FIELDS), "{entry:?}");
        (entry, average)
    }

    /// The server's own measuring program; commands a second, as it says.
    fn benchmark(&self, entry: &[String]) -> f64 {
        self.empty();
        let output = Command::new("redis-benchmark")
            .args(["-p", &self.server.port().to_string(), "-c", "1", "-P", &self.batch.to_string()])
            .args(["-n", &self.events.to_string(), "--csv", "XADD", RIVAL, "NOMKSTREAM", "*"])
            .args(entry)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        // "test","rps","avg…","min…","p50…","p95…","p99…","max…"; the first holds the whole command.
        let rps = text.lines().rev().find_map(|line| line.rsplit("\",\"").nth(6)?.parse().ok());
        let rps = rps.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        let length: u64 = self.server.ask(&["XLEN", RIVAL]).parse().unwrap();
        assert!(length >= self.events, "{length}");
        rps
    }

    /// Transactions of as many entries, made beforehand and sent over one connection; entries a second. `guarded`: with the
    /// question before each whether the bridge is still the writer.
    fn bare(&self, entry: &[String], guarded: bool) -> f64 {
        self.empty();
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.port())).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let guard = [command(&["WATCH", "writer"]), command(&["GET", "writer"]), command(&["EXISTS", RIVAL])].concat();
        // Made before the clock runs.
        let mut sequence = 0;
        let mut batches = Vec::new();
        while sequence < self.events {
            let entries = u64::from(self.batch).min(self.events - sequence);
            let mut bytes = command(&["MULTI"]);
            for _ in 0..entries {
                sequence += 1;
                let id = format!("1-{sequence}");
                let mut words = vec!["XADD", RIVAL, "NOMKSTREAM", &id];
                words.extend(entry.iter().map(String::as_str));
                bytes.extend(command(&words));
            }
            bytes.extend(command(&["EXEC"]));
            batches.push((bytes, 2 + 3 * entries));
        }
        let begun = Instant::now();
        for (bytes, lines) in &batches {
            if guarded {
                stream.write_all(&guard).unwrap();
                read_lines(&mut stream, 3);
            }
            stream.write_all(bytes).unwrap();
            read_lines(&mut stream, *lines);
        }
        let took = begun.elapsed();
        self.holds(RIVAL, self.events);
        self.events as f64 / took.as_secs_f64()
    }
}

/// The average length of an entry's values, and of the first thousand the entry that is nearest to it.
const AVERAGE: &str = "local function size(e) local n = 0 for i = 2, #e[2], 2 do n = n + #e[2][i] end return n end
local from, sum, count, first = '-', 0, 0, nil
repeat
  local some = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1000)
  first = first or some
  for _, e in ipairs(some) do sum = sum + size(e) count = count + 1 end
  if #some > 0 then from = '(' .. some[#some][1] end
until #some == 0
local best = first[1]
for _, e in ipairs(first) do
  if math.abs(size(e) - sum / count) < math.abs(size(best) - sum / count) then best = e end
end
local answer = { tostring(sum / count) }
for _, word in ipairs(best[2]) do answer[#answer + 1] = word end
return answer";

/// A command as the server reads it.
fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
    bytes
}

/// Reads so many lines of an answer.
fn read_lines(stream: &mut TcpStream, lines: u64) {
    let (mut buffer, mut got) = (vec![0; 64 << 10], 0);
    while got < lines {
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0 && !buffer[..n].starts_with(b"-"), "{}", String::from_utf8_lossy(&buffer[..n]));
        got += memchr::memchr_iter(b'\n', &buffer[..n]).count() as u64;
    }
    assert_eq!(got, lines);
}

/// A contestant: its name, and how it is measured.
type Contestant<'a> = (&'a str, Box<dyn Fn() -> f64 + 'a>);

#[test]
#[ignore = "a measurement: perf/redis"]
fn events_a_second_beside_redis_benchmark() {
    // Nothing is saved: it is about the way there, and a fork of the server in some rounds would be noise.
    let Some(server) = RedisServer::start(&["--appendonly", "no"]) else { return };
    if Command::new("redis-benchmark").arg("--version").output().is_err() {
        println!("SKIPPED: there is no redis-benchmark; it comes with the server's tools");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let (wanted, rounds) = (setting("TICKPATH_EVENTS", 300_000.0) as u64, setting("TICKPATH_ROUNDS", 9.0) as usize);
    let made = tickpath()
        .args(["run", "--plain", "--json", "--speed", "max", "--events", &wanted.to_string()])
        .args(["--journal", arg(&journal)])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let summary: Value =
        serde_json::from_slice(made.stdout.split(|b| *b == b'\n').rfind(|l| !l.is_empty()).unwrap()).unwrap();
    let batch = setting("TICKPATH_BATCH", f64::from(RedisConfig::default().batch)) as u32;
    let work = Work { server: &server, journal: &journal, events: summary["last_sequence"].as_u64().unwrap(), batch };
    // The server on one core, who writes on the other, whoever it is.
    let pinned = two_cores().is_some_and(|(mine, other)| {
        pin(server.pid(), other) && core_affinity::set_for_current(core_affinity::CoreId { id: mine })
    });
    work.bridge(false, false);
    let (entry, average) = work.entry();
    let length: usize = entry.iter().skip(1).step_by(2).map(String::len).sum();

    let contestants: [Contestant<'_>; 5] = [
        ("the bridge, without topics", Box::new(|| work.bridge(false, false))),
        ("the bridge, all topics, nobody listens", Box::new(|| work.bridge(true, false))),
        ("the bridge, all topics, a client on its core listens to all", Box::new(|| work.bridge(true, true))),
        ("`redis-benchmark` XADD", Box::new(|| work.benchmark(&entry))),
        ("MULTI, XADD…, EXEC behind WATCH, made beforehand", Box::new(|| work.bare(&entry, true))),
    ];
    let floor_name = "floor: MULTI, XADD…, EXEC, made beforehand";
    let (mut speeds, mut floors, mut dropped) = (vec![Vec::new(); contestants.len()], Vec::new(), 0);
    for round in 0..rounds {
        let begin = work.bare(&entry, false);
        let mut of_round = [0.0; 5];
        for at in 0..contestants.len() {
            let at = if round % 2 == 0 { at } else { contestants.len() - 1 - at };
            of_round[at] = contestants[at].1();
        }
        let end = work.bare(&entry, false);
        if moved(begin, end) {
            dropped += 1;
            continue;
        }
        floors.push(f64::midpoint(begin, end));
        for (all, one) in speeds.iter_mut().zip(of_round) {
            all.push(one);
        }
    }
    speeds.push(floors);
    let ratios = |above: usize, below: usize| {
        Ratios(speeds[above].iter().zip(&speeds[below]).map(|(above, below)| above / below).collect())
    };
    let kept = rounds - dropped;
    let head = format!(
        "{} events, batches of {batch}, one connection, entries of 7 fields with {average:.0} bytes of values on average (the rivals write a real one with {length}; redis-benchmark with ids by the server, `*`); nothing saved; {}; {kept} rounds in turns, {dropped} dropped since their floor moved by more than 20 %",
        work.events,
        if pinned { "the server on one core, the writer on another" } else { "not pinned" },
    );
    let mut table = format!("{head}\n\n| what | events/s, median | ÷ redis-benchmark | ÷ floor |\n|---|---|---|---|\n");
    let mut rows = Vec::new();
    for (at, name) in contestants.iter().map(|(name, _)| *name).chain([floor_name]).enumerate() {
        let (rival, floor, speed) = (ratios(at, 3), ratios(at, 5), median(speeds[at].clone()));
        writeln!(table, "| {name} | {speed:.0} | {} | {} |", rival.text(), floor.text()).unwrap();
        rows.push(json!({ "what": name, "events_per_second": speed, "to_redis_benchmark": rival.json(), "to_floor": floor.json() }));
    }
    let facts = json!({
        "events": work.events, "batch": batch, "value_bytes_average": average, "value_bytes_rivals": length,
        "benchmark_ids": "*", "pinned": pinned, "rounds": kept, "dropped": dropped, "debug": cfg!(debug_assertions), "rows": rows,
    });
    report(&table, &facts);
}
