//! The event stream through what happens to a Redis in the large: a long outage at full speed, a full disk, replicas that take
//! over. In the end every sequence is there once, in order.

use crate::bridge_redis::{STREAM, end, is_whole, settle, start, start_with, stop};
use crate::redis_server::RedisServer;
use crate::small_disk::SmallDisk;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tickpath::bridge::tail;

/// How long, or how often: `TICKPATH_LONG=1` for the full number.
fn times(short: u64, long: u64) -> u64 {
    if std::env::var_os("TICKPATH_LONG").is_some() { long } else { short }
}

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Waits until something holds; `what` says what did not.
#[track_caller]
fn wait(within: Duration, what: impl Fn() -> String, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < within, "not within {within:?}: {}", what());
        pause(20);
    }
}

/// The last sequence that the stream has; 0 = none.
fn last_of(server: &RedisServer) -> u64 {
    let text = server.ask(&["--raw", "XREVRANGE", STREAM, "+", "-", "COUNT", "1"]);
    text.lines().next().and_then(|id| id.split_once('-')?.1.parse().ok()).unwrap_or(0)
}

/// The newest sequence of a journal, but for market data since.
fn newest(journal: &Path) -> u64 {
    tail::newest(journal, &|| false).unwrap().unwrap().sequence
}

/// Reads the stream while it is written, as a consumer group does, and sees that each sequence follows the one before. What it
/// has read the bridge may trim, so that an outage of any length fits into memory.
struct Reader {
    seen: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

/// The ids behind one, and the group's place behind them.
const NEXT: &str = "local ids = {} for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', 4000)) do ids[#ids + 1] = entry[1] end if #ids > 0 then redis.call('XGROUP', 'SETID', KEYS[1], ARGV[2], ids[#ids]) end return ids";

impl Reader {
    fn start(server: &RedisServer) -> Self {
        assert_eq!(server.ask(&["XGROUP", "CREATE", STREAM, "reader", "0", "MKSTREAM"]), "OK");
        let (seen, end) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let client = redis::Client::open(server.url()).unwrap();
        let (told, over) = (Arc::clone(&seen), Arc::clone(&end));
        let thread = std::thread::spawn(move || {
            let (mut connection, mut from, mut last) = (None, "-".to_owned(), 0u64);
            while !over.load(Ordering::Acquire) {
                // A server that is gone is asked again: for what comes behind the same id.
                let Some(open) = connection.as_mut() else {
                    connection = client.get_connection().ok();
                    pause(20);
                    continue;
                };
                let asked = redis::cmd("EVAL").arg(NEXT).arg(1).arg(STREAM).arg(&from).arg("reader").query(open);
                let Ok::<Vec<String>, _>(ids) = asked else {
                    connection = None;
                    continue;
                };
                for id in &ids {
                    let sequence: u64 = id.split_once('-').unwrap().1.parse().unwrap();
                    assert_eq!(sequence, last + 1, "{id} follows {last}");
                    last = sequence;
                }
                match ids.last() {
                    Some(id) => from = format!("({id}"),
                    None => pause(5),
                }
                told.store(last, Ordering::Release);
            }
        });
        Self { seen, end, thread }
    }

    fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    /// Ends it; up to where all was there, once and in order.
    fn end(self) -> u64 {
        self.end.store(true, Ordering::Release);
        self.thread.join().expect("each sequence follows the one before");
        self.seen.load(Ordering::Acquire)
    }
}

#[test]
fn an_outage_at_full_speed_leaves_no_gap() {
    let Some(mut server) = RedisServer::start(&["--maxmemory-policy", "noeviction", "--appendfsync", "no"]) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let reader = Reader::start(&server);
    // The generated market has some 700 events a second of its own pace.
    let speed = std::env::var("TICKPATH_SPEED").unwrap_or_else(|_| "72x".to_owned());
    let kept = [("TICKPATH__REDIS__STREAM_LENGTH", "100000"), ("TICKPATH__REDIS__STREAM_PATIENCE", "1000")];
    let child = start_with(&journal, &server.url(), &speed, 0, &kept);
    wait(Duration::from_mins(1), || server.log(), || reader.seen() > 20_000);
    let (before, outage) = (newest(&journal), Instant::now());
    server.kill();
    std::thread::sleep(Duration::from_secs(times(8, 600)));
    let missed = newest(&journal) - before;
    let rate = missed as f64 / outage.elapsed().as_secs_f64();
    assert!(missed > 10_000, "{missed} events while it was away");
    server.again();
    stop(&child);
    let (_, errors) = end(child);
    assert!(errors.contains("nobody listens there"), "it is told: {errors}");
    // The next start has it all to write, and goes slowly itself.
    let begun = (Instant::now(), reader.seen());
    let child = start_with(&journal, &server.url(), "1x", 0, &kept);
    wait(
        Duration::from_mins(40),
        || format!("{} of {}", reader.seen(), newest(&journal)),
        || reader.seen() >= before + missed,
    );
    let pace = (reader.seen() - begun.1) as f64 / begun.0.elapsed().as_secs_f64();
    stop(&child);
    let (summary, _) = end(child);
    let last = summary["last_sequence"].as_u64().unwrap();
    wait(Duration::from_secs(10), || format!("{} of {last}", reader.seen()), || reader.seen() >= last_of(&server));
    let whole = reader.end();
    assert!(whole >= before + missed && whole <= last, "{whole} of {last}");
    println!(
        "away for {} s at {rate:.0} events/s: {missed} events, caught up at {pace:.0} a second (a reader beside); {whole} read, each once, in order",
        times(8, 600)
    );
}

#[test]
fn a_full_disk_under_it_is_waited_for() {
    let Some(disk) = SmallDisk::new("12m") else { return };
    let place = tempfile::tempdir_in(disk.path()).unwrap();
    // No rewriting of the log: it would make room, and fail for want of it.
    let more = ["--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"];
    let Some(server) = RedisServer::start_in(place, &more) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let mut child = start(&journal, &server.url(), "30x", 0);
    let said = wait_for_word(&mut child, "make room there");
    assert!(said.contains("cannot save to its disk"), "{said}");
    pause(500);
    assert!(child.try_wait().unwrap().is_none(), "the host trades on");
    let stood = last_of(&server);
    disk.grow("2g");
    wait(Duration::from_secs(30), || server.log(), || last_of(&server) > stood);
    stop(&child);
    assert!(child.wait_with_output().unwrap().status.success());
    let last = settle(&server, &journal);
    is_whole(&server, last);
    println!("a disk of 12 MB was full at {stood}, and grew: {last} events: each once, in order");
}

/// What a host says until a word comes; the rest is read away, so that it can go on speaking.
#[track_caller]
fn wait_for_word(child: &mut Child, part: &str) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    loop {
        let line = lines.next().unwrap_or_else(|| panic!("`{part}` was not said: {said}")).unwrap();
        said.push_str(&line);
        said.push('\n');
        if line.contains(part) {
            break;
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    said
}

/// An address that leads to one server and then to another, as a name does after a failover.
struct Address {
    port: u16,
    target: Arc<AtomicU16>,
}

impl Address {
    fn new(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(target));
        let to = Arc::clone(&target);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let Ok(server) = TcpStream::connect(("127.0.0.1", to.load(Ordering::Acquire))) else { continue };
                let ends = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(client, server));
                std::thread::spawn(move || pass(ends.1, ends.0));
            }
        });
        Self { port, target }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Leads to another server from now on; connections that are there stay.
    fn lead_to(&self, server: &RedisServer) {
        self.target.store(server.port(), Ordering::Release);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    // Whatever ends it, the other end is to see it.
    drop(std::io::copy(&mut from, &mut to));
    drop(to.shutdown(std::net::Shutdown::Both));
}

/// A replica of `server` that has all of it.
fn replica(server: &RedisServer) -> RedisServer {
    let port = server.port().to_string();
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]).unwrap();
    let is_up = || replica.ask(&["INFO", "replication"]).contains("master_link_status:up");
    wait(Duration::from_secs(30), || replica.log(), is_up);
    replica
}

#[test]
fn a_replica_that_takes_over_has_all_in_the_end_however_far_behind_it_was() {
    let Some(mut primary) = RedisServer::start(&["--repl-diskless-sync-delay", "0"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let address = Address::new(primary.port());
    let child = start(&journal, &address.url(), "40x", 0);
    let (mut stale, rounds) = (0, times(4, 20));
    for round in 0..rounds {
        wait(Duration::from_secs(30), || primary.log(), || last_of(&primary) > 0);
        let next = replica(&primary);
        pause(200);
        let mut had = 0;
        if round % 2 == 0 {
            // It is told to take over while the old one still confirms what it writes: what comes meanwhile is lost with it.
            assert_eq!(next.ask(&["REPLICAOF", "NO", "ONE"]), "OK");
            let behind = last_of(&next);
            wait(Duration::from_secs(30), || primary.log(), || last_of(&primary) > behind + 2_000);
            had = last_of(&primary);
            address.lead_to(&next);
            primary.kill();
            assert!(behind < had);
            stale += had - behind;
        } else {
            // The address leads to it before it may write.
            address.lead_to(&next);
            primary.kill();
            pause(300);
            assert_eq!(next.ask(&["REPLICAOF", "NO", "ONE"]), "OK");
        }
        wait(Duration::from_secs(30), || next.log(), || last_of(&next) > had);
        primary = next;
    }
    stop(&child);
    let (summary, errors) = end(child);
    let last = settle(&primary, &journal);
    assert!(last > summary["last_sequence"].as_u64().unwrap());
    is_whole(&primary, last);
    for part in ["it is written again from there", "read-only replica"] {
        assert!(errors.contains(part), "`{part}` is not in {errors}");
    }
    println!(
        "{rounds} replicas took over, {stale} confirmed entries lost with the old ones: {last} events: each once, in order"
    );
}
