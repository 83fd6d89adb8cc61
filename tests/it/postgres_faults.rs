//! The bridge to PostgreSQL under faults of server, network, database and host: in the end every sequence is there once.

use crate::altered::copy;
use crate::bridge_postgres::{
    end, is_whole, is_whole_as, settle, settle_as, start, start_with, stop, typed_rows_are_the_journals,
};
use crate::postgres_record::as_without_faults;
use crate::postgres_server::{CANARY, PASSWORD, PostgresServer, free_port};
use crate::small_disk::SmallDisk;
use crate::support::{arg, tickpath};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tickpath::bridge::postgres::address::Address;
use tickpath::bridge::postgres::connect;
use tickpath::bridge::postgres::rights::fit_for_live;

/// How often: `TICKPATH_LONG=1` for the full number.
fn times(short: u64, long: u64) -> u64 {
    if std::env::var_os("TICKPATH_LONG").is_some() { long } else { short }
}

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Waits until a query's number is at least `least`.
#[track_caller]
fn wait_for(server: &PostgresServer, query: &str, least: u64) {
    let begun = Instant::now();
    while server.try_ask(&server.admin(), query).ok().and_then(|rows| rows[0][0].parse().ok()).unwrap_or(0) < least {
        assert!(begun.elapsed() < Duration::from_mins(1), "{query} never gives {least}");
        pause(20);
    }
}

/// Reads what a host says on standard error until `part` is in a line.
#[track_caller]
fn wait_for_word(child: &mut Child, part: &str) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut all = String::new();
    while !all.contains(part) {
        let read = lines.read_line(&mut all).unwrap();
        assert!(read > 0, "`{part}` was never said: {all}");
    }
    // What comes later is read too: nobody waits for a full pipe.
    std::thread::spawn(move || drop(std::io::copy(&mut lines, &mut std::io::sink())));
    all
}

#[test]
fn a_server_that_is_killed_again_and_again_has_all_in_the_end() {
    let Some(mut server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let mut child = start(&journal, &server.admin(), "20x", 0);
    let kills = times(8, 100);
    for kill in 0..kills {
        pause(120 + 67 * (kill % 7));
        server.kill();
        if kill % 4 == 0 {
            pause(200);
        }
        server.again();
        // Each time it gets on before the next.
        let has = "SELECT coalesce(max(sequence), 0) FROM tickpath.cursors";
        let before = server.try_ask(&server.admin(), has).map_or(0, |rows| rows[0][0].parse().unwrap_or(0));
        wait_for(&server, has, before + 1);
    }
    assert!(child.try_wait().unwrap().is_none(), "a dead PostgreSQL ends no host");
    stop(&child);
    let (summary, errors) = end(child);
    let last = settle(&server, &journal);
    assert!(last > summary["last_sequence"].as_u64().unwrap());
    is_whole(&server, last);
    typed_rows_are_the_journals(&server, &journal);
    as_without_faults(&server, &journal, last);
    assert!(errors.contains("PostgreSQL:"), "it is told: {errors}");
    println!("{kills} kills of the server, {last} events: each once");
}

/// Where a proxy cuts a connection.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// When so many bytes went to the server.
    ToServer(usize),
    /// When so many bytes came from it.
    FromServer(usize),
    /// When a COMMIT was passed on, before its answer.
    AfterCommit(u32),
    /// When a COMMIT came, without passing it on.
    BeforeCommit(u32),
    /// Never.
    No,
}

/// Passes bytes on until `cut` says to end both ends.
fn pass(mut from: TcpStream, mut to: TcpStream, cut: Cut, is_to_server: bool, cuts: Arc<AtomicU64>) {
    let (mut passed, mut commits, mut buffer) = (0, 0, [0; 4096]);
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 {
            break;
        }
        let bytes = &buffer[..read];
        passed += read;
        commits += u32::from(is_to_server && bytes.windows(7).any(|word| word == b"COMMIT\0"));
        let (send, ends) = match (cut, is_to_server) {
            (Cut::ToServer(most), true) | (Cut::FromServer(most), false) if passed >= most => {
                (&bytes[..read - (passed - most).min(read)], true)
            }
            (Cut::AfterCommit(nth), true) if commits >= nth => (bytes, true),
            (Cut::BeforeCommit(nth), true) if commits >= nth => (&bytes[..0], true),
            _ => (bytes, false),
        };
        if to.write_all(send).is_err() {
            break;
        }
        if ends {
            cuts.fetch_add(1, Ordering::Relaxed);
            // No answer goes back; what was passed on, the server still reads.
            drop(from.shutdown(Shutdown::Both));
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
    drop(from.shutdown(Shutdown::Read));
}

/// A way to the server that cuts each connection as `plan` says by its number; its port.
fn proxy(server_port: u16, plan: impl Fn(u64) -> Cut + Send + 'static, cuts: &Arc<AtomicU64>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let cuts = Arc::clone(cuts);
    std::thread::spawn(move || {
        for (number, client) in (0..).zip(listener.incoming()) {
            let Ok(client) = client else { return };
            let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)) else { continue };
            let (cut, ends) = (plan(number), (client.try_clone().unwrap(), server.try_clone().unwrap()));
            let (one, other) = (Arc::clone(&cuts), Arc::clone(&cuts));
            std::thread::spawn(move || pass(client, server, cut, true, one));
            std::thread::spawn(move || pass(ends.1, ends.0, cut, false, other));
        }
    });
    port
}

#[test]
fn a_connection_that_is_cut_anywhere_loses_and_doubles_nothing() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let (cuts, wanted) = (Arc::new(AtomicU64::new(0)), times(32, 400));
    let plan = move |number: u64| match number {
        n if n >= wanted => Cut::No,
        n if n % 4 == 0 => Cut::AfterCommit(2 + (n / 4 % 3) as u32),
        n if n % 4 == 1 => Cut::BeforeCommit(2 + (n / 4 % 3) as u32),
        // At the beginning (the login), in the preparations, in the COPY.
        n if n % 4 == 2 => Cut::ToServer(40 + (n as usize * 2_711) % 150_000),
        n => Cut::FromServer(40 + (n as usize * 431) % 9_000),
    };
    let port = proxy(server.port(), plan, &cuts);
    let url = format!("postgresql://admin:{PASSWORD}@127.0.0.1:{port}/postgres");
    let small = [("TICKPATH__POSTGRES__BATCH", "500")];
    let child = start_with(&journal, &url, "20x", 0, &small);
    let begun = Instant::now();
    while cuts.load(Ordering::Relaxed) < wanted {
        assert!(begun.elapsed() < Duration::from_mins(10), "{} cuts", cuts.load(Ordering::Relaxed));
        pause(50);
    }
    stop(&child);
    let (_, errors) = end(child);
    let last = settle(&server, &journal);
    is_whole(&server, last);
    typed_rows_are_the_journals(&server, &journal);
    as_without_faults(&server, &journal, last);
    assert!(errors.contains("tried again") || errors.contains("PostgreSQL:"), "{errors}");
    println!("{} cuts, half of them about a COMMIT, {last} events: each once", cuts.load(Ordering::Relaxed));
}

#[test]
fn ended_backends_deadlocks_and_a_renamed_column() {
    let Some(server) = PostgresServer::start(&["deadlock_timeout=1s"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let mut child = start(&journal, &server.admin(), "20x", 0);
    let has = "SELECT coalesce(max(sequence), 0) FROM tickpath.cursors";
    wait_for(&server, has, 1_000);
    let mut ended = 0;
    for turn in 0..times(40, 400) {
        let query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'tickpath'";
        // Each time it gets on first: then somewhere in its work.
        wait_for(&server, has, server.number(has) + 1);
        pause(3 * (turn % 11));
        ended += server.number(query);
    }
    assert!(ended > 10, "{ended}");
    // A deadlock: it waits for our table with the cursor in its hands, then we ask for the cursor.
    let before = server.number("SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'");
    for _ in 0..3 {
        server.with(&server.admin(), async |client| {
            client.batch_execute("BEGIN; LOCK TABLE tickpath.events IN ACCESS EXCLUSIVE MODE").await.unwrap();
            tokio::time::sleep(Duration::from_millis(400)).await;
            // Whose transaction is given up is the server's choice.
            drop(client.batch_execute("SELECT 1 FROM tickpath.cursors FOR UPDATE; ROLLBACK").await);
        });
        pause(200);
    }
    wait_for(&server, "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'", before + 1);
    // A column is renamed under it: it says which, waits, and goes on when it is back.
    server.ask("ALTER TABLE tickpath.events RENAME COLUMN instrument TO symbol");
    let said = wait_for_word(&mut child, "tickpath.events.instrument");
    assert!(said.contains("migrate --check"), "{said}");
    let stood = server.number(has);
    pause(500);
    assert_eq!(server.number(has), stood, "it waits");
    server.ask("ALTER TABLE tickpath.events RENAME COLUMN symbol TO instrument");
    wait_for(&server, has, stood + 1);
    stop(&child);
    assert!(child.wait_with_output().unwrap().status.success());
    let last = settle(&server, &journal);
    is_whole(&server, last);
    as_without_faults(&server, &journal, last);
    println!("{ended} backends ended, {last} events: each once");
}

#[test]
fn a_host_that_is_killed_leaves_no_gap_and_no_double() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let kills = times(6, 100);
    for kill in 0..kills {
        let mut child = start(&journal, &server.admin(), "20x", 0);
        pause(500 + 131 * (kill % 9));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let last = settle(&server, &journal);
    // Sequences that a lost tail of the journal gave away may come again under a later start; here nothing is lost.
    is_whole(&server, last);
    typed_rows_are_the_journals(&server, &journal);
    as_without_faults(&server, &journal, last);
    println!("{kills} kills of the host, {last} events: each once");
}

#[test]
fn two_hosts_in_one_database_and_one_name_for_two_journals() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let names = ["tickpath-1", "desk-2"];
    // Both at once, also through the migration.
    let children = names.map(|name| {
        start_with(&dir.path().join(name), &server.admin(), "300x", 8_000, &[("TICKPATH__HOST__NAME", name)])
    });
    for child in children {
        end(child);
    }
    for name in names {
        let last = settle_as(name, &server, &dir.path().join(name));
        is_whole_as(name, &server, last);
    }
    let rows = server.number("SELECT count(*) FROM tickpath.events");
    let (_, errors) = end(start(&dir.path().join("third"), &server.admin(), "500x", 2_000));
    assert!(errors.contains("of another journal"), "{errors}");
    assert_eq!(server.number("SELECT count(*) FROM tickpath.events"), rows);
    // A cursor ahead of the journal is no place to go on from.
    server.ask("UPDATE tickpath.cursors SET epoch = 77 WHERE host = 'tickpath-1'");
    let (_, errors) = end(start(&dir.path().join("tickpath-1"), &server.admin(), "500x", 2_000));
    assert!(errors.contains("older than the rows"), "{errors}");
    // One that an admin took away: all is read again, and nothing is there twice.
    server.ask("DELETE FROM tickpath.cursors WHERE host = 'tickpath-1'");
    let last = settle(&server, &dir.path().join("tickpath-1"));
    is_whole(&server, last);
}

#[test]
fn a_journal_that_was_put_back_and_went_on_by_itself_is_not_mixed_with_the_rows() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (journal, backup) = (dir.path().join("j"), dir.path().join("backup"));
    end(start(&journal, &server.admin(), "100x", 3_000));
    settle(&server, &journal);
    copy(&journal, &backup);
    end(start(&journal, &server.admin(), "100x", 3_000));
    settle(&server, &journal);
    let rows = server.number("SELECT count(*) FROM tickpath.events");
    std::fs::remove_dir_all(&journal).unwrap();
    copy(&backup, &journal);
    // It goes on by itself, until it has as many starts as the rows know, and more.
    for _ in 0..6 {
        let output = tickpath()
            .args(["run", "--plain", "--speed", "100x", "--events", "10", "--journal", arg(&journal)])
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .output()
            .unwrap();
        assert!(output.status.success());
    }
    for _ in 0..3 {
        let (_, errors) = end(start(&journal, &server.admin(), "100x", 2_000));
        assert!(errors.contains("put back to an older copy"), "{errors}");
        assert_eq!(server.number("SELECT count(*) FROM tickpath.events"), rows, "nothing is added");
    }
}

#[test]
fn what_cannot_work_says_what_to_do_and_the_host_trades_on() {
    let Some(server) = PostgresServer::start(&["max_connections=8"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let check = |number: u32, url: &str, environment: &[(&str, &str)], code: i32, parts: &[&str]| {
        let journal = dir.path().join(format!("j{number}"));
        let output = tickpath()
            .args(["run", "--plain", "--speed", "500x", "--events", "3000", "--journal", arg(&journal)])
            .env("DATABASE_URL", url)
            .env("TICKPATH__HTTP__BIND", "127.0.0.1:0")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{number}: {text}");
        for part in parts {
            assert!(text.contains(part), "{number}: `{part}` is not in {text}");
        }
        assert!(!text.contains(CANARY), "no password in {text}");
    };
    let (admin, old) = (server.admin(), [("TICKPATH__POSTGRES__MIGRATE", "false")]);
    check(1, &server.url("admin", "wrong-83c1", "postgres"), &[], 0, &["name or password is wrong", "DATABASE_URL"]);
    check(2, &server.url("nobody", PASSWORD, "postgres"), &[], 0, &["name or password is wrong"]);
    check(3, &server.url("admin", PASSWORD, "nowhere"), &[], 0, &["no such database"]);
    check(4, &format!("postgresql://admin@127.0.0.1:{}/postgres", server.port()), &[], 0, &["it wants a password"]);
    check(5, "no address 83c1", &[], 4, &["is no address", "DATABASE_URL"]);
    check(6, "postgresql://a:x83c1@far.example/db?sslmode=disable", &[], 4, &["without TLS"]);
    check(7, &admin, &[("TICKPATH__POSTGRES__BATCH", "0")], 4, &["batch"]);
    check(8, &format!("postgresql://a:x83c1@127.0.0.1:{}/db", free_port()), &[], 0, &["nobody listens there"]);
    check(9, &format!("{admin}?sslmode=require"), &[], 0, &["must speak TLS"]);
    check(10, &admin, &old, 0, &["version 0", "tickpath migrate"]);
    server.ask("ALTER ROLE admin SET default_transaction_read_only = on");
    check(11, &admin, &[], 0, &["read-only"]);
    server
        .try_ask(
            &format!("{admin}?options=-cdefault_transaction_read_only%3Doff"),
            "ALTER ROLE admin RESET default_transaction_read_only",
        )
        .unwrap();
    check(12, &admin, &[], 0, &[]);
    assert!(server.number("SELECT count(*) FROM tickpath.events") > 3000);
    server.ask("CREATE ROLE guest LOGIN PASSWORD 'x83c1'");
    check(13, &server.url("guest", "x83c1", "postgres"), &[], 0, &["GRANT tickpath_writer"]);
    // No connection is left: eight hold what there is.
    server.ask("ALTER ROLE guest CONNECTION LIMIT 0");
    check(14, &server.url("guest", "x83c1", "postgres"), &[], 0, &["too many connections"]);
    server.ask("INSERT INTO tickpath.schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')");
    check(15, &admin, &[], 0, &["newer than this program"]);
    let found = server.number(&format!(
        "SELECT count(*) FROM (SELECT data::text AS t FROM tickpath.events UNION ALL SELECT c::text FROM tickpath.cursors c UNION ALL SELECT s::text FROM tickpath.state_changes s) x WHERE t LIKE '%{CANARY}%'"
    ));
    assert_eq!((found, server.log().contains(CANARY)), (0, false));
}

#[test]
fn live_needs_a_fit_server_and_a_pool_outlives_it() {
    let Some(mut server) = PostgresServer::start(&[]) else { return };
    let address = |url: String| {
        let secret = tickpath::control::secret::load("X", |name| (name == "X").then(|| url.clone().into()));
        Address::parse(&secret.unwrap().unwrap().secret, false).unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fit = |url: String| {
        let fit = runtime.block_on(fit_for_live(&address(url)));
        fit.map_err(|trouble| trouble.to_string()).err().unwrap_or_default()
    };
    let admin = server.admin();
    assert!(fit(format!("postgresql://a@127.0.0.1:{}/b", free_port())).contains("nobody listens"));
    assert!(fit(admin.clone()).contains("version 0"), "LIVE never migrates");
    let migrated = tickpath().arg("migrate").env("DATABASE_URL", &admin).output().unwrap();
    assert!(migrated.status.success());
    // Who could change what is recorded is refused, whatever gives him the power; who can only add is taken.
    server.ask("SELECT tickpath.make_partitions('2020-01-01', '2020-01-01')");
    for (user, made, reason) in [
        ("desk", "CREATE ROLE desk LOGIN PASSWORD 'p' IN ROLE tickpath_writer", ""),
        (
            "u1",
            "CREATE ROLE u1 LOGIN PASSWORD 'p' IN ROLE tickpath_writer; GRANT UPDATE ON tickpath.fills TO u1",
            "may UPDATE tickpath.fills",
        ),
        (
            "u2",
            "CREATE ROLE u2 LOGIN PASSWORD 'p' IN ROLE tickpath_writer; GRANT DELETE ON tickpath.orders_20200101 TO u2",
            "may DELETE tickpath.orders_20200101",
        ),
        (
            "u3",
            "CREATE ROLE u3 LOGIN PASSWORD 'p' IN ROLE tickpath_writer; GRANT TRUNCATE ON tickpath.events TO u3",
            "may TRUNCATE tickpath.events",
        ),
        ("u4", "CREATE ROLE u4 LOGIN PASSWORD 'p' IN ROLE tickpath_writer, tickpath_admin", "floor of what is kept"),
        ("u5", "CREATE ROLE u5 LOGIN PASSWORD 'p' CREATEROLE IN ROLE tickpath_writer", "may make roles"),
        (
            "u6",
            "CREATE ROLE maker; CREATE ROLE u6 LOGIN PASSWORD 'p' NOINHERIT IN ROLE tickpath_writer, maker; GRANT tickpath_writer TO u6; ALTER ROLE u6 INHERIT; GRANT CREATE, USAGE ON SCHEMA tickpath TO maker; ALTER TABLE tickpath.heartbeats OWNER TO maker; GRANT SELECT, INSERT ON tickpath.heartbeats TO tickpath_writer",
            "owns tickpath.heartbeats",
        ),
        ("guest", "CREATE ROLE guest LOGIN PASSWORD 'p'", "GRANT tickpath_writer TO that user"),
    ] {
        server.ask(made);
        let said = fit(server.url(user, "p", "postgres"));
        assert!(if reason.is_empty() { said.is_empty() } else { said.contains(reason) }, "{user}: {said}");
    }
    let said = fit(admin.clone());
    assert!(said.contains("is a superuser") && said.contains("CREATE ROLE desk"), "{said}");
    let desk = server.url("desk", "p", "postgres");
    assert!(fit(format!("{desk}?options=-cdefault_transaction_read_only%3Don")).contains("read-only"));
    server.ask("REVOKE INSERT ON tickpath.cursors FROM tickpath_writer");
    assert!(fit(desk.clone()).contains("INSERT, SELECT, UPDATE ON tickpath.cursors"));
    server.ask("ALTER TABLE tickpath.orders RENAME COLUMN px TO price");
    assert!(fit(desk).contains("tickpath.orders.px"));
    // On paper it is a warning, said once.
    server.ask("ALTER TABLE tickpath.orders RENAME COLUMN price TO px");
    let dir = tempfile::tempdir().unwrap();
    let (_, errors) = end(start(&dir.path().join("j"), &admin, "500x", 2_000));
    assert_eq!(errors.matches("LIVE would be refused").count(), 1, "{errors}");

    // What others insert by: a connection that broke is replaced.
    let pool = connect::pool(&address(admin), 2).unwrap();
    let insert = "INSERT INTO agent_heartbeats (agent_name, status, metadata) VALUES ($1, 'alive', '{}')";
    let beat = |who: &'static str| {
        runtime.block_on(async {
            let client = pool.get().await.map_err(|e| e.to_string())?;
            client.execute(insert, &[&who]).await.map_err(|e| e.to_string())
        })
    };
    assert_eq!(beat("a"), Ok(1));
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tickpath'");
    pause(100);
    assert_eq!(beat("b"), Ok(1));
    server.kill();
    server.again();
    assert_eq!(beat("c"), Ok(1));
    assert_eq!(server.number("SELECT count(*) FROM agent_heartbeats"), 3);
}

#[test]
fn a_full_disk_is_waited_for() {
    let Some(disk) = SmallDisk::new("14m") else { return };
    let Some(server) = PostgresServer::start(&[]) else { return };
    let space = disk.path().join("space");
    std::fs::create_dir(&space).unwrap();
    server.give(&space);
    server.ask(&format!("CREATE TABLESPACE small LOCATION '{}'", space.display()));
    server.ask("ALTER DATABASE postgres SET default_tablespace = small");
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    let mut child = start(&journal, &server.admin(), "20x", 0);
    let said = wait_for_word(&mut child, "its disk is full");
    assert!(said.contains("nothing is lost"), "{said}");
    pause(500);
    assert!(child.try_wait().unwrap().is_none(), "the host trades on");
    disk.grow("2g");
    let has = "SELECT coalesce(max(sequence), 0) FROM tickpath.cursors";
    wait_for(&server, has, server.number(has) + 1);
    stop(&child);
    assert!(child.wait_with_output().unwrap().status.success());
    let last = settle(&server, &journal);
    is_whole(&server, last);
    println!("a disk of 14 MB was full, and grew: {last} events: each once");
}

/// Certificates of an authority of its own for `localhost`; false where there is no openssl.
fn certificates(dir: &Path) -> bool {
    let made = |arguments: &str| {
        Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().is_ok_and(|o| o.status.success())
    };
    std::fs::write(dir.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    made(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=authority",
    ) && made(
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
    ) && made(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.pem",
    )
}

#[test]
fn tls_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    if !certificates(dir.path()) {
        println!("SKIPPED: there is no openssl to make certificates with");
        return;
    }
    let path = |name: &str| dir.path().join(name);
    let settings = [
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", path("server.pem").display()),
        format!("ssl_key_file={}", path("server.key").display()),
    ];
    // The key must be the server's own, and its folder be open to it.
    let Some(server) = PostgresServer::start_with_files(
        &settings.each_ref().map(String::as_str),
        &[dir.path(), &path("server.pem"), &path("server.key")],
    ) else {
        return;
    };
    let journal = path("j");
    let url = |host: &str, mode: &str, roots: &str| {
        format!("postgresql://admin:{PASSWORD}@{host}:{}/postgres?sslmode={mode}&sslrootcert={roots}", server.port())
    };
    let roots = path("ca.pem").display().to_string();
    let (_, errors) = end(start(&journal, &url("127.0.0.1", "verify-full", &roots), "500x", 1_000));
    assert!(errors.contains("TLS"), "a certificate for another name: {errors}");
    let (_, errors) = end(start(&journal, &url("localhost", "verify-full", "system"), "500x", 1_000));
    assert!(errors.contains("TLS"), "an authority that nobody knows: {errors}");
    let (_, errors) = end(start(&journal, &url("localhost", "require", &roots), "500x", 1_000));
    assert!(!errors.contains("PostgreSQL:"), "{errors}");
    let last = settle(&server, &journal);
    is_whole(&server, last);
}
