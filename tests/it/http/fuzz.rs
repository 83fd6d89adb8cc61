//! Whatever is sent: an answer, none of ours is a fault, and nothing happens without a token.

use super::{Reply, SECRET, Stand};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tickpath::control::http::Config;

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "host", "venue:binance_usdm", "instrument:BTCUSDT.BINANCE_USDM", "strategy:0", "halted", "active", "drill", "50000",
            "NOTIONAL_EXCEEDS_MAX_PER_ORDER", "OPS-1", "", " ", "null", "-1", "1e400", "%00", "..", "é\u{0}", "'; --",
        ])
        .prop_map(ToOwned::to_owned),
        1 => "\\PC{0,40}",
    ]
}

fn path() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "/healthz",
        "/health",
        "/ready",
        "/live",
        "/agents",
        "/state",
        "/metrics",
        "/openapi.json",
        "/limits",
        "/enable",
        "/recover",
        "/kill",
        "/kill/release",
        "/stop",
        "/flatten",
        "/target",
        "/cancel",
        "/restrict",
        "/unrestrict",
        "/reenable",
        "/breaker/reset",
        "/agents/risk/ready",
        "/agents/x/live",
        "/state/host",
        "/state/venue:x",
    ])
    .prop_map(ToOwned::to_owned);
    // No space or control character: those end the request line, and hyper's own tests have them.
    prop_oneof![6 => known.clone(), 1 => "/[!-~]{0,60}", 1 => (known, "[!-~]{0,20}").prop_map(|(a, b)| format!("{a}/{b}"))]
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        word().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::hash_map(word(), inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let keys = prop::sample::select(vec![
        "reason", "scope", "ticket", "request", "flatten", "state", "limit", "old", "new", "x",
    ]);
    let near = prop::collection::hash_map(keys, value(), 0..8)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()));
    let right = (word(), word(), any::<bool>()).prop_map(|(scope, state, flatten)| {
        serde_json::json!({"reason": "drill", "scope": scope, "state": state, "flatten": flatten})
    });
    prop_oneof![
        3 => near.prop_map(|v| v.to_string().into_bytes()),
        2 => Just(br#"{"reason": "drill", "scope": "host"}"#.to_vec()),
        2 => right.prop_map(|mut v| {
            // One key too many for every route, so take one away at random by its own content.
            if v["flatten"] == true && let Some(object) = v.as_object_mut() {
                object.remove("state");
            }
            v.to_string().into_bytes()
        }),
        1 => value().prop_map(|v| v.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn header() -> impl Strategy<Value = (String, String)> {
    let names = prop::sample::select(vec![
        "Authorization",
        "X-Operator",
        "Content-Type",
        "Accept",
        "X-Forwarded-For",
        "Cookie",
        "Expect",
        "Range",
        "If-None-Match",
        "X-HTTP-Method-Override",
        "Origin",
    ]);
    let values = prop_oneof![
        Just("Bearer ".to_owned()),
        Just("Bearer no-such-token-at-all".to_owned()),
        Just("Basic YTpi".to_owned()),
        Just("application/json".to_owned()),
        Just("ada".to_owned()),
        "[ -~]{0,60}",
    ];
    (names.prop_map(ToOwned::to_owned), values)
}

fn method() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"]).prop_map(ToOwned::to_owned),
        1 => "[A-Z]{1,12}",
    ]
}

fn bytes(method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

/// Whether a 5xx is the contract's: a probe that says no, or stale data.
fn allowed(path: &str, reply: &Reply) -> bool {
    reply.status < 500
        || (reply.status == 503
            && ["/healthz", "/health", "/ready", "/live", "/agents/", "/recover"].iter().any(|p| path.starts_with(p)))
}

fn open() -> Config {
    Config { requests_per_second: 100_000, commands_per_second: 1_000, journal_wait_ms: 0, ..super::config() }
}

fn cases() -> u32 {
    std::env::var("TICKPATH_HTTP_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_500)
}

#[test]
fn nothing_happens_without_a_token_and_everything_is_answered() {
    let stand = Stand::with(open());
    let before = (stand.get("/limits").body, stand.desk.inside().state);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let requests = (method(), path(), prop::collection::vec(header(), 0..5), body());
    runner
        .run(&requests, |(method, path, headers, body)| {
            let begun = Instant::now();
            let raw = stand.raw(&bytes(&method, &path, &headers, &body));
            prop_assert!(begun.elapsed() < Duration::from_secs(8), "took {:?}", begun.elapsed());
            let reply = Reply::parse(&raw);
            prop_assert!(reply.is_some(), "no answer: {:?}", String::from_utf8_lossy(&raw));
            let reply = reply.unwrap();
            prop_assert!(allowed(&path, &reply), "{reply:?}");
            prop_assert_eq!(stand.desk.effects(), 0);
            Ok(())
        })
        .unwrap();
    assert_eq!((stand.get("/limits").body, stand.desk.inside().state), before);
    println!("{} random requests without a token: 0 effects", cases());
}

#[test]
fn with_a_token_every_effect_was_told() {
    let stand = Stand::with(open());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let requests = (path(), body());
    let told = std::cell::Cell::new(0);
    runner
        .run(&requests, |(path, body)| {
            let headers = [
                ("Authorization", format!("Bearer {SECRET}")),
                ("X-Operator", "ada".into()),
                ("Content-Type", "application/json".into()),
            ]
            .map(|(n, v): (&str, String)| (n.to_owned(), v));
            let raw = stand.raw(&bytes("POST", &path, &headers, &body));
            let reply = Reply::parse(&raw);
            prop_assert!(reply.is_some(), "no answer: {:?}", String::from_utf8_lossy(&raw));
            let reply = reply.unwrap();
            prop_assert!(allowed(&path, &reply), "{reply:?}");
            // Rates hold here too; what is over them has no effect.
            told.set(told.get() + usize::from(reply.status == 200 || reply.status == 202));
            prop_assert_eq!(stand.desk.effects(), told.get(), "{:?}", reply);
            Ok(())
        })
        .unwrap();
    assert!(told.get() > 20, "only {} of the random commands were good ones", told.get());
    println!("{} random commands with a token: {} taken, each told", cases(), told.get());
}
