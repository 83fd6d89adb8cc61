//! The database's upkeep: tables that were there before, locks that others hold, grants, and what old days may go.

use crate::bridge_postgres::{end, start_with};
use crate::postgres_server::{PASSWORD, PostgresServer};
use std::time::{Duration, Instant};
use tickpath::bridge::postgres::migrate::{self, Patience, Standing, Target};
use tickpath::bridge::postgres::trouble::Trouble;

/// What was said against it; empty if it was done.
fn words(done: Result<Standing, Trouble>) -> String {
    done.map_or_else(|trouble| trouble.0, |_| String::new())
}

#[test]
fn columns_of_another_type_are_refused_by_name_with_what_to_do() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let migrated = |database: &str| {
        let done = server.with(&server.url("admin", PASSWORD, database), async |mut client| {
            migrate::migrate_to(&mut client, Target::Latest).await
        });
        words(done)
    };
    let ensured = |database: &str| {
        let done = server.with(&server.url("admin", PASSWORD, database), async |mut client| {
            migrate::ensure(&mut client, false).await
        });
        words(done)
    };
    // Tables that others made, of each kind: what is wrong with them, if anything is.
    for (at, (table, wrong)) in [
        ("CREATE TABLE agent_events (agent_name text, event_type text, payload json)", "public.agent_events.payload is json, expected jsonb"),
        ("CREATE TABLE agent_heartbeats (agent_name integer, status text, metadata jsonb)", "public.agent_heartbeats.agent_name is integer, expected text or varchar"),
        ("CREATE TABLE task_queue (task_id text, sender text, receiver text, action text, payload jsonb, priority text, status text, created_at bigint, result jsonb, error text, attempts int, updated_at timestamptz)", "public.task_queue.task_id is text, expected uuid"),
        ("CREATE TABLE ops_policy (key text, value text)", "ALTER COLUMN \"value\" TYPE jsonb"),
        ("CREATE DOMAIN word AS text; CREATE TABLE agent_events (agent_name word, event_type varchar(40), payload jsonb)", ""),
        ("CREATE TABLE ops_reaction_rules (event_type varchar, action text, more int)", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let database = format!("d{at}");
        server.ask(&format!("CREATE DATABASE {database}"));
        server.try_ask(&server.url("admin", PASSWORD, &database), table).unwrap();
        let said = migrated(&database);
        assert!(if wrong.is_empty() { said.is_empty() } else { said.contains(wrong) }, "{table}: {said}");
    }
    // Our own must be exact: of another type, or one that would round.
    assert_eq!((migrated("postgres"), ensured("postgres")), (String::new(), String::new()));
    for (change, back, wrong) in [
        (
            "ALTER TABLE tickpath.fills ALTER px TYPE numeric(10, 2)",
            "ALTER TABLE tickpath.fills ALTER px TYPE numeric",
            "tickpath.fills.px is numeric(10,2), expected numeric",
        ),
        (
            "ALTER TABLE tickpath.signals ALTER score TYPE real",
            "ALTER TABLE tickpath.signals ALTER score TYPE double precision",
            "tickpath.signals.score is real, expected double precision",
        ),
        (
            "ALTER TABLE tickpath.cursors ALTER whole_from TYPE integer",
            "ALTER TABLE tickpath.cursors ALTER whole_from TYPE bigint",
            "tickpath.cursors.whole_from is integer",
        ),
    ] {
        server.ask(change);
        let said = ensured("postgres");
        assert!(said.contains(wrong) && said.contains("migrate --check"), "{said}");
        server.ask(back);
        assert_eq!(ensured("postgres"), "");
    }
}

#[test]
fn a_migration_that_waits_for_ever_is_given_up_in_words() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let (short, long) = (Duration::from_millis(400), Duration::from_secs(20));
    let migrate = |patience: Patience| {
        let begun = Instant::now();
        let done = server.with(&server.admin(), async |mut client| {
            migrate::migrate_with(&mut client, Target::Latest, patience).await
        });
        assert!(begun.elapsed() < Duration::from_secs(10), "{done:?}");
        words(done)
    };
    let impatient = Patience { lock: short, look: long, whole: long };
    let hasty = Patience { lock: long, look: long, whole: short };
    // Somebody makes a table of that name, and does not end his transaction.
    let said = server.with(&server.admin(), async |client| {
        client.batch_execute("BEGIN; CREATE TABLE public.ops_policy (key text, value jsonb)").await.unwrap();
        let said = tokio::task::spawn_blocking({
            let url = server.admin();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                [impatient, hasty].map(|patience| {
                    runtime.block_on(async {
                        let (mut client, connection) =
                            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
                        tokio::spawn(async move { drop(connection.await) });
                        let begun = Instant::now();
                        let done = migrate::migrate_with(&mut client, Target::Latest, patience).await;
                        assert!(begun.elapsed() < Duration::from_secs(10));
                        words(done)
                    })
                })
            }
        });
        let said = said.await.unwrap();
        client.batch_execute("ROLLBACK").await.unwrap();
        said
    });
    assert!(said[0].contains("somebody has held a lock") && said[0].contains("pg_stat_activity"), "{}", said[0]);
    assert!(said[1].contains("has not come to its end in 400ms"), "{}", said[1]);
    // Another program that migrates for long.
    let said = server.with(&server.admin(), async |client| {
        client.execute("SELECT pg_advisory_lock(x'7469636b70617468'::bigint)", &[]).await.unwrap();
        std::thread::scope(|scope| scope.spawn(|| migrate(impatient)).join().unwrap())
    });
    assert!(said.contains("another program has migrated for 400ms"), "{said}");
    assert_eq!(migrate(Patience::default()), "", "and when it is free, it is done");
}

#[test]
fn the_last_step_itself_grants() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let steps = [
        include_str!("../../migrations/V1__agents.sql"),
        include_str!("../../migrations/V2__queue.sql"),
        include_str!("../../migrations/V3__audit.sql"),
        include_str!("../../migrations/V4__roles.sql"),
    ];
    assert_eq!(steps.len(), migrate::wanted() as usize);
    server.ask("CREATE SCHEMA tickpath");
    for step in steps {
        server.ask(step);
    }
    // As if the program died right behind it.
    assert_eq!(server.ask("SELECT has_table_privilege('tickpath_writer', 'tickpath.events', 'INSERT'), has_table_privilege('tickpath_reader', 'tickpath.fills', 'SELECT'), has_function_privilege('tickpath_writer', 'tickpath.drop_old_partitions(integer, timestamptz)', 'EXECUTE')")[0], ["t", "t", "t"]);
}

#[test]
fn old_days_go_by_the_longest_wish_and_by_clocks_that_agree() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    server.with(&server.admin(), async |mut client| migrate::migrate_to(&mut client, Target::Latest).await.unwrap());
    let today = "(now() AT TIME ZONE 'UTC')::date";
    server.ask(&format!("SELECT tickpath.make_partitions({today} - 60, {today} + 1)"));
    server.ask("UPDATE tickpath.retention SET least_days = 5");
    let drop = |keep: u32| {
        server.number(&format!(
            "SELECT count(*) FROM tickpath.drop_old_partitions({keep}, now()) AS n WHERE n LIKE 'events%'"
        ))
    };
    let wish = |host: &str, days: &str, moved: &str| {
        server.ask(&format!("INSERT INTO tickpath.cursors (host, journal, epoch, sequence, keep_days, moved_at) VALUES ('{host}', 'x', 1, 1, {days}, now() - interval '{moved}')"));
    };
    // What is dropped of 60 days while hosts wish so: at most 10 days a time, and each call says what it did.
    let all = |keep: u32| (0..20).map(|_| drop(keep)).sum::<u64>();
    wish("a", "50", "1 hour");
    wish("b", "7", "1 hour");
    assert_eq!(all(7), 10, "the longest wish");
    wish("c", "0", "300 days");
    assert_eq!(all(7), 0, "somebody wants all");
    server.ask("UPDATE tickpath.cursors SET keep_days = NULL WHERE host = 'c'");
    assert_eq!(all(7), 0, "or has not said");
    server.ask("UPDATE tickpath.cursors SET moved_at = now() - interval '2 years' WHERE host = 'c'");
    server.ask("UPDATE tickpath.cursors SET keep_days = 20 WHERE host = 'a'");
    for clock in ["now() + interval '25 hours'", "now() - interval '25 hours'", "NULL"] {
        let said = server.refusal(&server.admin(), &format!("SELECT tickpath.drop_old_partitions(7, {clock})"));
        assert!(said.contains("so no old partition is dropped"), "{said}");
    }
    assert_eq!(
        server.number("SELECT count(*) FROM tickpath.drop_old_partitions(7, now() + interval '20 hours') AS n"),
        90
    );
    // It goes by the tables' names: events were the first.
    let left = server.number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'tickpath.events'::regclass");
    assert_eq!((all(7), left), (0, 22), "20 days, today and tomorrow");
    // The host says its wish, and why nothing goes.
    let dir = tempfile::tempdir().unwrap();
    let days = [("TICKPATH__POSTGRES__KEEP_DAYS", "6")];
    wish("d", "0", "1 day");
    let (_, errors) = end(start_with(&dir.path().join("j"), &server.admin(), "500x", 500, &days));
    assert!(errors.contains("another host that writes there wants all kept"), "{errors}");
    assert_eq!(server.number("SELECT keep_days FROM tickpath.cursors WHERE host = 'tickpath-1'"), 6);
    server.ask("DELETE FROM tickpath.cursors WHERE host = 'd'");
    let (_, errors) = end(start_with(&dir.path().join("j"), &server.admin(), "500x", 500, &[]));
    assert!(!errors.contains("wants all kept"), "{errors}");
    assert_eq!(server.number("SELECT keep_days FROM tickpath.cursors WHERE host = 'tickpath-1'"), 0);
}
