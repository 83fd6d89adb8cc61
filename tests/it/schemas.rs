//! What is really sent, held against the schema of its place: both as `tickpath schema` gives them.

use crate::redis_server::RedisServer;
use crate::support::run;
use jsonschema::Validator;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A channel, key or table.
pub struct Place {
    /// Its name; `{…}` stands for what differs.
    pub name: String,
    kind: String,
    written_by: String,
    message: Option<String>,
}

struct Schemas {
    places: Vec<Place>,
    messages: BTreeMap<String, (Value, Validator)>,
}

fn said(args: &[&str]) -> Value {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let text = |place: &Value, name: &str| place[name].as_str().map(str::to_owned);
    let place = |place: &Value| Place {
        name: text(place, "name").unwrap(),
        kind: text(place, "kind").unwrap(),
        written_by: text(place, "written_by").unwrap(),
        message: text(place, "message"),
    };
    let messages = said(&["schema"]).as_object().unwrap().clone();
    Schemas {
        places: said(&["schema", "--places"]).as_array().unwrap().iter().map(place).collect(),
        messages: messages
            .into_iter()
            .map(|(name, schema)| {
                let validator = jsonschema::validator_for(&schema).unwrap_or_else(|e| panic!("{name}: {e}"));
                (name, (schema, validator))
            })
            .collect(),
    }
});

/// The places of a kind.
pub fn places(kind: &str) -> impl Iterator<Item = &'static Place> {
    SCHEMAS.places.iter().filter(move |place| place.kind == kind)
}

/// Whether `name` is `pattern` with something for each `{…}`.
fn is(pattern: &str, name: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else { return pattern == name };
    let after = rest.split_once('}').expect("a `}`").1;
    let Some(name) = name.strip_prefix(before) else { return false };
    name.char_indices().skip(1).any(|(at, _)| is(after, &name[at..])) || (after.is_empty() && !name.is_empty())
}

/// All schemas that stand for a value: behind `$ref`, and each part of `allOf`, `anyOf`, `oneOf`.
fn parts<'a>(root: &'a Value, schema: &'a Value, into: &mut Vec<&'a Value>) {
    into.push(schema);
    if let Some(path) = schema["$ref"].as_str() {
        let target = root.pointer(path.trim_start_matches('#')).unwrap_or_else(|| panic!("{path} leads nowhere"));
        parts(root, target, into);
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        for part in schema[key].as_array().into_iter().flatten() {
            parts(root, part, into);
        }
    }
}

/// Fields of `value` that the schema does not know.
fn strangers(root: &Value, schema: &Value, value: &Value, path: &str, into: &mut Vec<String>) {
    let mut all = Vec::new();
    parts(root, schema, &mut all);
    match value {
        Value::Object(fields) => {
            let named = || all.iter().filter_map(|part| part["properties"].as_object());
            let mut others = all.iter().filter_map(|part| part.get("additionalProperties"));
            let other = others.next();
            // Anything may be in it.
            if named().next().is_none() && other.is_none() {
                return;
            }
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                match named().find_map(|known| known.get(name)).or(other) {
                    Some(schema) => strangers(root, schema, value, &path, into),
                    None => into.push(path),
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = all.iter().find_map(|part| part.get("items")) {
                for (at, item) in items.iter().enumerate() {
                    strangers(root, schema, item, &format!("{path}[{at}]"), into);
                }
            }
        }
        _ => {}
    }
}

/// What is wrong with a message, if anything.
fn trouble(message: &str, value: &Value) -> Option<String> {
    let (schema, validator) = SCHEMAS.messages.get(message).unwrap_or_else(|| panic!("no message `{message}`"));
    if let Err(error) = validator.validate(value) {
        return Some(format!("{} at `{}`", error, error.instance_path()));
    }
    let mut unknown = Vec::new();
    strangers(schema, schema, value, "", &mut unknown);
    (!unknown.is_empty()).then(|| format!("no field of the schema: {}", unknown.join(", ")))
}

/// A value as a message of this name.
#[track_caller]
pub fn check(message: &str, value: &Value, place: &str) {
    if let Some(trouble) = trouble(message, value) {
        panic!("{place}: not a `{message}`: {trouble}\n{value}");
    }
}

/// A message that the host sent on a channel: it has a place, and is what stands there.
#[track_caller]
pub fn check_channel(channel: &str, value: &Value) {
    let place = places("channel")
        .find(|place| place.written_by != "agents" && is(&place.name, channel))
        .unwrap_or_else(|| panic!("{channel} is in no list of channels: {value}"));
    check(place.message.as_deref().expect("a channel carries a message"), value, channel);
}

/// Every key of a server has a place of its type, and what the host wrote is what stands there. How many of each message there were.
#[track_caller]
pub fn check_keys(server: &RedisServer) -> BTreeMap<String, usize> {
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert!(!keys.is_empty());
    let mut seen = BTreeMap::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query(&mut connection).unwrap();
        let kind = if kind == "zset" { "sorted set" } else { &kind };
        // One that went meanwhile.
        if kind == "none" {
            continue;
        }
        let place = places(kind)
            .find(|place| is(&place.name, &key))
            .unwrap_or_else(|| panic!("{key} ({kind}) is in no list of keys"));
        // What is taken but not worked off is still what somebody else wrote.
        let Some(message) = place.message.as_deref().filter(|_| place.written_by == "host") else { continue };
        if place.name.contains(":processing") {
            continue;
        }
        let texts: Vec<String> = match kind {
            "list" => redis::cmd("LRANGE").arg(&key).arg(0).arg(-1).query(&mut connection).unwrap(),
            "hash" => redis::cmd("HVALS").arg(&key).query(&mut connection).unwrap(),
            "string" => redis::cmd("MGET")
                .arg(&key)
                .query::<Vec<Option<String>>>(&mut connection)
                .unwrap()
                .into_iter()
                .flatten()
                .collect(),
            other => panic!("{key}: a {other} with messages"),
        };
        for text in texts {
            check(message, &serde_json::from_str(&text).unwrap_or_else(|e| panic!("{key}: {e}: {text}")), &key);
            *seen.entry(message.to_owned()).or_default() += 1;
        }
    }
    seen
}

#[test]
fn what_is_wrong_is_found() {
    let good = serde_json::json!({"agent_id": "a", "status": "alive", "timestamp": "2026-01-02T03:04:05"});
    assert_eq!(trouble("heartbeat", &good), None);
    for (change, part) in [
        ("{\"more\": 1}", "no field of the schema: .more"),
        ("{\"status\": 7}", "at `/status`"),
        ("{\"agent_id\": null}", "at `/agent_id`"),
    ] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().extend(serde_json::from_str::<serde_json::Map<_, _>>(change).unwrap());
        let told = trouble("heartbeat", &bad).expect(change);
        assert!(told.contains(part), "{told}");
    }
    let mut without = good;
    without.as_object_mut().unwrap().remove("timestamp");
    assert!(trouble("heartbeat", &without).is_some_and(|told| told.contains("timestamp")));
    // Deep in a message too, and behind references.
    let head = r#""timestamp": "t", "source": "s", "traceId": "1", "sequence": 1, "agent_id": "a", "rates": {"x": 1.5}, "depths": {}"#;
    let figures = |more: &str| {
        let text = format!(
            r#"{{{head}, "latency_ns": {{"risk": {{"count": 1, "p50": 1, "p99": 1, "p999": 1, "max": 1{more}}}}}}}"#
        );
        trouble("measurements", &serde_json::from_str(&text).unwrap())
    };
    assert_eq!(figures(""), None);
    assert_eq!(figures(r#", "p1": 1"#).as_deref(), Some("no field of the schema: .latency_ns.risk.p1"));
    for (pattern, name, expected) in [
        ("a:{x}", "a:b:c", true),
        ("a:{x}", "a:", false),
        ("a:{x}:end", "a:b:end", true),
        ("a:{x}:end", "a::end", false),
        ("a:{x}:{y}", "a:b", false),
        ("a:{x}:{y}", "a:b:c:d", true),
        ("a", "ab", false),
    ] {
        assert_eq!(is(pattern, name), expected, "{pattern} {name}");
    }
}
