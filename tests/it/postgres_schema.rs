//! The schema in a real PostgreSQL: from nothing and from every earlier version, by two at once; who may do what; the agents'
//! tables and their queue; partitions.

use crate::bridge_postgres::{end, is_whole, start_with};
use crate::postgres_server::{PASSWORD, PostgresServer};
use crate::schemas;
use crate::support::tickpath;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Barrier;
use tickpath::bridge::postgres::migrate::{self, Target};
use tickpath::bridge::postgres::trouble::Trouble;

/// `tickpath migrate` with further arguments: exit code and what it said.
fn verb(url: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = tickpath().arg("migrate").args(arguments).arg("--json").env("DATABASE_URL", url).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}\n{errors}"));
    (output.status.code(), json)
}

fn to(server: &PostgresServer, url: &str, target: Target) -> Result<migrate::Standing, Trouble> {
    server.with(url, async |mut client| migrate::migrate_to(&mut client, target).await)
}

/// All that a schema is: tables, columns, indexes, functions, triggers.
fn shape(server: &PostgresServer, database: &str) -> Vec<Vec<String>> {
    let query = "SELECT table_schema, table_name, column_name, data_type, is_nullable FROM information_schema.columns \
            WHERE table_schema IN ('public', 'tickpath') \
        UNION ALL SELECT schemaname, tablename, indexname, indexdef, '' FROM pg_indexes WHERE schemaname IN ('public', 'tickpath') \
        UNION ALL SELECT n.nspname, p.proname, p.prosrc, '', '' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 'tickpath') \
        UNION ALL SELECT '', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '' FROM pg_trigger WHERE NOT tgisinternal \
        ORDER BY 1, 2, 3, 4, 5";
    server.try_ask(&server.url("admin", PASSWORD, database), query).unwrap()
}

#[test]
fn from_nothing_and_from_every_earlier_version_by_two_at_once() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let wanted = migrate::wanted();
    let database = |name: &str| {
        server.ask(&format!("CREATE DATABASE {name}"));
        server.url("admin", PASSWORD, name)
    };
    let fresh = database("fresh");
    let (code, said) = verb(&fresh, &["--check"]);
    assert_eq!((code, said["schema"]["version"].as_i64()), (Some(1), Some(0)), "{said}");
    assert_eq!(said["schema"]["pending"].as_array().map(Vec::len), Some(wanted as usize), "{said}");
    let (code, said) = verb(&fresh, &[]);
    assert_eq!((code, &said["before"], &said["schema"]["version"]), (Some(0), &0.into(), &wanted.into()), "{said}");
    let (code, said) = verb(&fresh, &[]);
    assert_eq!((code, &said["before"]), (Some(0), &wanted.into()), "twice is as once: {said}");
    let expected = shape(&server, "fresh");
    assert!(expected.len() > 150, "{}", expected.len());
    for version in 1..wanted {
        let name = format!("from{version}");
        let url = database(&name);
        assert_eq!(to(&server, &url, Target::Version(version as _)).unwrap().version, version);
        let (code, said) = verb(&url, &["--check"]);
        assert_eq!((code, &said["schema"]["version"]), (Some(1), &version.into()), "{said}");
        assert_eq!(to(&server, &url, Target::Latest).unwrap().version, wanted);
        assert_eq!(shape(&server, &name), expected, "from {version}");
    }
    // Many at once, from nothing: one does it, the others wait and find it done.
    let url = database("together");
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    verb(&url, &[])
                })
            })
            .collect();
        for thread in threads {
            let (code, said) = thread.join().unwrap();
            assert_eq!((code, &said["schema"]["version"]), (Some(0), &wanted.into()), "{said}");
        }
    });
    assert_eq!(shape(&server, "together"), expected);
    println!("from nothing, from {} versions, by 4 at once: one schema of {} parts", wanted - 1, expected.len());
}

#[test]
fn the_tables_are_those_of_the_list() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    assert_eq!(verb(&server.admin(), &[]).0, Some(0));
    // Without the partitions, and the table of the library that migrates.
    let rows = server.ask(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname IN ('public', 'tickpath') AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
         AND c.relname <> 'schema_history'",
    );
    let tables: BTreeSet<String> = rows.into_iter().map(|row| row[0].clone()).collect();
    let listed: BTreeSet<String> = schemas::places("table").map(|place| place.name.clone()).collect();
    assert_eq!(tables, listed);
    assert!(listed.len() > 15, "{listed:?}");
}

#[test]
fn a_database_that_cannot_be_used_says_why() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let error = |said: &Value| said["error"].to_string();
    // A table of that name was there, without a column that is needed: nothing is made.
    server.ask("CREATE TABLE agent_events (id serial, agent_name text)");
    let (code, said) = verb(&server.admin(), &[]);
    assert_eq!(code, Some(1));
    for part in ["public.agent_events.event_type", "public.agent_events.payload", "put it back"] {
        assert!(error(&said).contains(part), "{said}");
    }
    assert_eq!(server.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'tickpath'"), 0);
    let (code, said) = verb(&server.admin(), &["--check"]);
    assert!(code == Some(1) && said["schema"]["missing"].to_string().contains("agent_events.payload"), "{said}");
    // With the columns it is taken as it is.
    server.ask("ALTER TABLE agent_events ADD event_type varchar(40), ADD payload jsonb");
    assert_eq!(verb(&server.admin(), &[]).0, Some(0));
    // A user without rights: told whom to ask; and nothing of it when there is nothing to do.
    server.ask("CREATE DATABASE other");
    server.ask("CREATE ROLE guest LOGIN PASSWORD 'g'");
    let (code, said) = verb(&server.url("guest", "g", "other"), &[]);
    assert!(code == Some(1) && error(&said).contains("database's owner"), "{said}");
    // A newer schema.
    server.ask("INSERT INTO tickpath.schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')");
    for arguments in [&[][..], &["--check"]] {
        let (code, said) = verb(&server.admin(), arguments);
        assert_eq!(code, Some(1), "{said}");
        assert!(arguments == ["--check"] || error(&said).contains("newer than this program"), "{said}");
    }
    // No address, and one that is none.
    let output = tickpath().arg("migrate").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("DATABASE_URL is not set"));
}

#[test]
fn what_is_recorded_is_never_changed_and_the_writer_may_only_write() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("j");
    assert_eq!(verb(&server.admin(), &[]).0, Some(0));
    server.ask("CREATE ROLE desk LOGIN PASSWORD 'd' IN ROLE tickpath_writer; CREATE ROLE eye LOGIN PASSWORD 'e' IN ROLE tickpath_reader; CREATE ROLE chief LOGIN PASSWORD 'c' IN ROLE tickpath_admin");
    let [desk, eye, chief] = [("desk", "d"), ("eye", "e"), ("chief", "c")].map(|(u, p)| server.url(u, p, "postgres"));
    // The host works as the writer, which may not migrate.
    let quiet = [("TICKPATH__POSTGRES__MIGRATE", "false")];
    let (summary, errors) = end(start_with(&journal, &desk, "200x", 20_000, &quiet));
    let (again, _) = end(start_with(&journal, &desk, "500x", 10, &quiet));
    assert!(summary["orders"].as_u64() > Some(0), "{errors}");
    is_whole(&server, again["last_sequence"].as_u64().unwrap());
    let part = server.ask("SELECT min(relname) FROM pg_class WHERE relname ~ '^orders_[0-9]{8}$' AND reltuples <> 0 OR relname ~ '^events_[0-9]{8}$'")[0][0].clone();
    let mut refused = 0;
    for user in [&desk, &eye, &chief, &server.admin()] {
        for table in ["events", "orders", "order_events", "fills", "signals", "state_changes", "heartbeats", &part] {
            for change in ["UPDATE tickpath.{} SET host = 'x'", "DELETE FROM tickpath.{}", "TRUNCATE tickpath.{}"] {
                let change = change.replace("{}", table);
                let rows = server.number(&format!("SELECT count(*) FROM tickpath.{table}"));
                // A row's own guard is silent where there is no row.
                if rows == 0 && !change.starts_with("TRUNCATE") {
                    continue;
                }
                assert!(server.refusal(user, &change).starts_with("42501"), "{change}");
                assert_eq!(server.number(&format!("SELECT count(*) FROM tickpath.{table}")), rows);
                refused += 1;
            }
        }
    }
    assert!(refused > 60, "{refused}");
    let check = |user: &str, statement: &str, allowed: bool| {
        let done = server.try_ask(user, statement);
        assert_eq!(done.is_ok(), allowed, "{statement}: {:?}", done.map_err(|e| crate::postgres_server::words(&e)));
    };
    for (user, statement, allowed) in [
        (&desk, "SELECT count(*) FROM tickpath.fills", true),
        (&desk, "UPDATE tickpath.cursors SET moved_at = now()", true),
        (&desk, "DELETE FROM tickpath.cursors", false),
        (&desk, "UPDATE tickpath.retention SET least_days = 1", false),
        (&desk, "DROP TABLE tickpath.fills", false),
        (&desk, "ALTER TABLE tickpath.fills DISABLE TRIGGER ALL", false),
        (&desk, "CREATE TABLE tickpath.x (a int)", false),
        (&desk, "INSERT INTO agent_events (agent_name, event_type, payload) VALUES ('a', 'b', '{}')", true),
        (&desk, "DELETE FROM agent_events", false),
        (&desk, "UPDATE task_queue SET status = 'pending'", true),
        (&desk, "SELECT tickpath.make_partitions('2001-01-01', '2001-01-02')", true),
        (&desk, "SELECT tickpath.make_partitions('2001-01-01', '2003-01-02')", false),
        (&desk, "SELECT tickpath.drop_old_partitions(1, now())", true),
        (&eye, "SELECT count(*) FROM tickpath.events", true),
        (&eye, "INSERT INTO tickpath.cursors VALUES ('a', 'b', 1, 1)", false),
        (&eye, "SELECT tickpath.make_partitions('2001-01-01', '2001-01-02')", false),
        (&chief, "UPDATE tickpath.retention SET least_days = 30", true),
    ] {
        check(user, statement, allowed);
    }
    // The definer's functions look names up where their maker meant, not where the caller says.
    let paths = server.number("SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'tickpath' AND prosecdef AND array_to_string(proconfig, ',') LIKE '%search_path=pg_catalog, pg_temp%'");
    assert_eq!(paths, 2);
    println!("{refused} changes refused");
}

#[test]
fn old_partitions_go_only_below_the_admins_floor() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    assert_eq!(verb(&server.admin(), &[]).0, Some(0));
    let parts = || server.number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'tickpath.events'::regclass");
    let days = |from: &str, to: &str| server.number(&format!("SELECT tickpath.make_partitions({from}, {to})"));
    let today = "(now() AT TIME ZONE 'UTC')::date";
    assert_eq!(days("'2020-01-01'", "'2020-01-03'"), 27);
    assert_eq!(days("'2020-01-02'", "'2020-01-04'"), 9, "those alone that are not there");
    days(&format!("{today} - 20"), &format!("{today} + 1"));
    assert_eq!(parts(), 26);
    let drop = |keep: u32| {
        server.number(&format!(
            "SELECT count(*) FROM tickpath.drop_old_partitions({keep}, now()) AS n WHERE n LIKE 'events%'"
        ))
    };
    assert_eq!(drop(1), 0, "no floor, nothing goes");
    server.ask("UPDATE tickpath.retention SET least_days = 10");
    assert_eq!((drop(15), drop(15)), (9, 0), "4 of 2020 and 5 older than 15 days");
    assert_eq!(drop(1), 5, "not below the floor");
    assert_eq!((drop(0), parts()), (0, 12));
    // Rows lie where they belong, and there is no partition that takes what has none.
    let insert = |at: &str| {
        server.try_ask(
            &server.admin(),
            &format!("INSERT INTO tickpath.heartbeats VALUES ('h', 1, 1, {at}, 'a', NULL, 'alive')"),
        )
    };
    assert!(insert("now()").is_ok() && insert("'1999-01-01'").is_err());
    // Two at once for the same days.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| days("'2021-05-01'", "'2021-05-03'"));
        }
    });
    assert_eq!(parts(), 15);
}

#[test]
fn the_seeds_inserts_run_and_each_step_is_claimed_once() {
    let Some(server) = PostgresServer::start(&["deadlock_timeout=200ms"]) else { return };
    assert_eq!(verb(&server.admin(), &[]).0, Some(0));
    server.ask("INSERT INTO agent_events (agent_name, event_type, payload) VALUES ('milkbot', 'task_completed', '{\"task\": \"deploy-dashboard\", \"duration_seconds\": 45}')");
    server.ask(
        "INSERT INTO agent_heartbeats (agent_name, status, metadata) VALUES ('milkbot', 'alive', '{\"uptime\": 12}')",
    );
    server.ask("INSERT INTO task_queue (task_id, sender, receiver, action, payload, priority, status, created_at) VALUES ('8b7c5f6e-0000-4000-8000-000000000001', 'agent:001', 'agent:003', 'scan_market', '{\"venue\": \"kalshi\"}', 'high', 'pending', 1767323045)");
    assert_eq!(server.number("SELECT count(*) FROM agent_events WHERE id IS NOT NULL AND created_at <= now()"), 1);

    server.ask("INSERT INTO ops_missions (title) VALUES ('m')");
    server.ask("INSERT INTO ops_mission_steps (mission_id, step, kind) SELECT 1, n, CASE WHEN n <= 300 THEN 'free' ELSE 'dear' END FROM generate_series(1, 400) n");
    server.ask("INSERT INTO ops_policy (key, value) VALUES ('quota:dear', '{\"daily_limit\": 37}')");
    assert_eq!(server.number("SELECT ops_quota_left('dear')"), 37);
    // Eight workers, each with a connection of its own, until nothing is given any more.
    let claim_all = |kind: &'static str| {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8)
                .map(|worker| {
                    let server = &server;
                    scope.spawn(move || {
                        server.with(&server.admin(), async |client| {
                            let (mut mine, name) = (Vec::new(), format!("worker-{worker}"));
                            let claim = client.prepare("SELECT id FROM ops_claim_step($1, $2)").await.unwrap();
                            loop {
                                match client.query_opt(&claim, &[&kind, &name]).await.unwrap() {
                                    Some(row) => mine.push(row.get::<_, i64>(0)),
                                    // Others' locks pass by too: it is over once all is.
                                    None => return mine,
                                }
                            }
                        })
                    })
                })
                .collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<i64>>()
        })
    };
    let once = |mut ids: Vec<i64>| {
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "a step twice");
        all
    };
    assert_eq!(once(claim_all("free")), 300);
    assert_eq!(once(claim_all("dear")), 37, "the day's quota, not one more");
    assert_eq!(server.number("SELECT ops_quota_left('dear')"), 0);
    // A claim that nobody began is open again after ten minutes, and is not its first worker's any more.
    let claim = server.ask("SELECT claimed_at FROM ops_mission_steps WHERE step = 5")[0][0].clone();
    server.ask("UPDATE ops_mission_steps SET claimed_by = 'slow', claimed_at = claimed_at - interval '601 seconds' WHERE step = 5");
    server.ask(
        "UPDATE ops_mission_steps SET status = 'running', claimed_at = claimed_at - interval '1 hour' WHERE step = 6",
    );
    let old = server.ask("SELECT claimed_at FROM ops_mission_steps WHERE step = 5")[0][0].clone();
    assert_ne!(old, claim);
    let rows = server.ask("SELECT step, claimed_by, claimed_at FROM ops_claim_step('free', 'next')");
    assert_eq!((rows.len(), rows[0][0].as_str(), rows[0][1].as_str()), (1, "5", "next"), "{rows:?}");
    let moved = |worker: &str, at: &str, to: &str| {
        server.ask(&format!(
            "SELECT ops_move_step((SELECT id FROM ops_mission_steps WHERE step = 5), '{worker}', '{at}', '{to}')"
        ))[0][0]
            == "t"
    };
    assert!(!moved("slow", &old, "completed") && !moved("next", &old, "running"));
    assert!(moved("next", &rows[0][2], "running") && moved("next", &rows[0][2], "completed"));
    assert!(!moved("next", &rows[0][2], "completed"), "over is over");
    assert!(server.ask("SELECT step FROM ops_claim_step('free', 'next')").is_empty());
    // A quota that means nothing lets nothing pass.
    for value in ["{}", "7", "{\"daily_limit\": \"x\"}", "{\"daily_limit\": -1}"] {
        server.ask(&format!("UPDATE ops_policy SET value = '{value}' WHERE key = 'quota:dear'"));
        assert!(server.refusal(&server.admin(), "SELECT ops_claim_step('dear', 'w')").contains("daily_limit"));
    }
}
