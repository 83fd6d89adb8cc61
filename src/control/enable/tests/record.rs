//! Edge: one record has one spelling, and one spelling is one record.

use super::super::text::utc;
use super::*;
use proptest::prelude::*;

fn any_text(bytes_max: usize) -> impl Strategy<Value = String> {
    let char = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        1 => Just('\\'),
        1 => Just('='),
        1 => Just('\n'),
        1 => any::<char>(),
    ];
    proptest::collection::vec(char, 1..40).prop_map(move |chars| {
        let text: String = chars.into_iter().collect();
        let cut = text[..text.floor_char_boundary(bytes_max)].to_owned();
        if cut.trim().is_empty() { "x".to_owned() } else { cut }
    })
}

fn any_hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(|mut bytes| {
        bytes[0] |= 1;
        Hash(bytes)
    })
}

prop_compose! {
    fn any_terms()(
        host in any_text(64),
        build in any_hash(),
        config in any_hash(),
        limits in proptest::collection::btree_map(any_text(256), any_text(256), 1..6),
        reason in any_text(128),
        ticket in any_text(32),
        requested_by in "[a-z0-9][a-z0-9._-]{0,22}",
        nonce: [u8; 16],
        created_s in 0..8_000_000_000i64,
        wait in 0..100_000i64,
        to_activate in 1..=600i64,
        window_s in 1..=86_400i64,
    ) -> Terms {
        Terms {
            host, build, config, limits: Limits::new(limits).unwrap(), reason, ticket, requested_by, nonce, created_s,
            not_before_s: created_s + wait, activate_by_s: created_s + wait + to_activate, window_s,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(terms in any_terms()) {
        let request = Request::new(terms.clone()).unwrap();
        prop_assert!(request.bytes().iter().all(|b| matches!(b, b'\n' | b' '..=b'~')));
        let read = Request::decode(request.bytes()).unwrap();
        prop_assert_eq!(read.terms(), &terms);
        prop_assert_eq!(read, request);
    }

    #[test]
    fn different_records_have_different_bytes(a in any_terms(), b in any_terms(), which in 0..12u8) {
        // `b` with all of `a` but one field: records that are as near to each other as can be.
        let mut near = a.clone();
        match which {
            0 => near.host = b.host,
            1 => near.build = b.build,
            2 => near.config = b.config,
            3 => near.limits = b.limits,
            4 => near.reason = b.reason,
            5 => near.ticket = b.ticket,
            6 => near.requested_by = b.requested_by,
            7 => near.nonce = b.nonce,
            8 => near.window_s = b.window_s,
            // A text that moves from one field to its neighbour.
            9 => (near.reason, near.ticket) = ("x".to_owned(), format!("y{}", "z".repeat(a.reason.len().min(20)))),
            10 => near.limits = {
                let mut all: Vec<_> = a.limits.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
                let (name, value) = all.remove(0);
                // `n=v` of one limit as a name with `=`: only escapes tell them apart.
                all.push((format!("{name}={value}"), String::new()));
                Limits::new(all.into_iter().map(|(n, v)| (n.chars().take(60).collect(), v))).unwrap_or(b.limits)
            },
            _ => near = b,
        }
        let (first, second) = (Request::new(a.clone()).unwrap(), Request::new(near.clone()).unwrap());
        prop_assert_eq!(a == near, first.bytes() == second.bytes());
        prop_assert_eq!(a == near, first.hash() == second.hash());
    }

    #[test]
    fn an_altered_text_is_no_record_or_another_one(terms in any_terms(), edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..5u8, any::<u8>()), 1..4)) {
        let good = Request::new(terms).unwrap();
        let mut lines: Vec<Vec<u8>> = good.bytes().split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        for (index, kind, byte) in edits {
            let at = index.index(lines.len());
            let inside = usize::from(byte) % lines[at].len();
            match kind {
                0 => { let line = lines[at].clone(); lines.insert(at, line); }
                1 => { let other = usize::from(byte) % lines.len(); lines.swap(at, other); }
                2 if lines.len() > 1 => drop(lines.remove(at)),
                3 => lines[at].insert(inside, b"0aA=\\u{}\n Z"[usize::from(byte) % 11]),
                _ => lines[at][inside] = byte,
            }
        }
        let altered = lines.concat();
        if let Ok(read) = Request::decode(&altered) {
            prop_assert_eq!(read.bytes(), &altered[..]);
            prop_assert_eq!(altered == good.bytes(), read.terms() == good.terms());
        }
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut with_title = b"tickpath-enable-v1\naction=enable_live\nhost=".to_vec();
        with_title.extend(&bytes);
        prop_assert!(Request::decode(&bytes).is_err());
        prop_assert!(Request::decode(&with_title).is_err());
        prop_assert!(Approval::decode(&bytes).is_err());
    }
}

#[test]
fn other_spellings_are_refused() {
    let good = Request::new(terms()).unwrap().text().into_owned();
    let mut count = 0;
    let mut refuse = |text: &str, expected: &str| {
        let error = Request::decode(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains(expected), "`{expected}` is not in `{error}`:\n{text}");
        count += 1;
    };
    let mut check = |from: &str, to: &str, expected: &str| {
        assert!(good.contains(from), "{from}");
        refuse(&good.replacen(from, to, 1), expected);
    };
    check("tickpath-enable-v1", "tickpath-enable-v2", "line 1: expected `tickpath-enable-v1`");
    check("enable_live", "enable_paper", "line 2");
    check("host=desk-1\n", "", "expected `host=…`");
    check("host=desk-1\n", "host=desk-1\nhost=desk-1\n", "line 4: expected `build=…`, found `host`");
    check("host=desk-1", "host=desk\\u{2d}1", "canonical");
    check("host=desk-1", "host=desk\\x", "wrong escape");
    check("host=desk-1", "host=", "host has 0 bytes");
    check("host=desk-1", "host=desk-\u{661}", "line 3: byte 0xd9");
    check("host=desk-1\n", "host=desk-1\r\n", "line 3: byte 0x0d");
    check("host=desk-1", "host=\tdesk-1", "line 3: byte 0x09");
    check("host=desk-1", "Host=desk-1", "expected `host=…`, found `Host`");
    check("host=desk-1", "host =desk-1", "expected `host=…`");
    let build = Hash::of(b"build").to_string();
    check(&build, &build.to_uppercase(), "64 characters");
    check(&build, &build[1..], "64 characters");
    check(&build, &"0".repeat(64), "build is all zero");
    check("limit.limits.max_daily_loss=5000", "limit.limits.max_daily_loss=5001", "digest");
    check("limit.limits.max_daily_loss=5000\n", "", "digest");
    check(
        "limit.limits.max_daily_loss=5000\nlimit.limits.max_order_qty=10\n",
        "limit.limits.max_order_qty=10\nlimit.limits.max_daily_loss=5000\n",
        "canonical",
    );
    check(
        "limit.limits.max_daily_loss=5000\n",
        "limit.limits.max_daily_loss=5000\nlimit.limits.max_daily_loss=5000\n",
        "stands there twice",
    );
    check("max_order_qty=10", "max_order_qty=\\u{31}0", "canonical");
    check("max_order_qty=10", "max_order_qty", "NAME=VALUE");
    check("as agreed", "as\\u{20}agreed", "canonical");
    check("as agreed", "as\\u{00e9}agreed", "canonical");
    check("as agreed", "as\\u{E9}agreed", "canonical");
    check("as agreed", "as\\u{d800}agreed", "wrong escape");
    check("as agreed", "as\\u{110000}agreed", "wrong escape");
    check("as agreed", "as\\u{}agreed", "wrong escape");
    check("first day, as agreed", "", "reason has 0 bytes");
    check("first day, as agreed", "  ", "not only spaces");
    check("first day, as agreed", &"x".repeat(129), "129 bytes");
    check("OPS-17", &"x".repeat(33), "33 bytes");
    check("requested_by=ada", "requested_by=Ada", "a-z0-9._-");
    check("nonce=07", "nonce=7", "32 characters");
    let (created, not_before, by) = (utc(CREATED), utc(CREATED + 60), utc(CREATED + 360));
    check(&created, &created.replace('Z', "+00:00"), "expected a time");
    check(&created, &created.replace('Z', ".0Z"), "expected a time");
    check(&created, &created.to_lowercase(), "expected a time");
    check(&created, &created.replace('T', " "), "expected a time");
    check(&created, &CREATED.to_string(), "expected a time");
    check(&created, "1969-12-31T23:59:59Z", "expected a time");
    check(&created, "2262-01-01T00:00:00Z", "expected a time");
    check(&created, &utc(CREATED + 61), "not_before is before created");
    check(&by, &not_before, "activate_by is 0 s behind");
    check(&by, &utc(CREATED + 661), "activate_by is 601 s behind");
    check("window_s=3600", "window_s=03600", "canonical");
    check("window_s=3600", "window_s=+3600", "canonical");
    check("window_s=3600", "window_s=3600.0", "whole number");
    check("window_s=3600", "window_s=0", "expected 1 to 86400");
    check("window_s=3600", "window_s=86401", "expected 1 to 86400");
    check("window_s=3600", "window_s=99999999999999999999", "whole number");
    refuse(good.trim_end(), "without its line end");
    refuse(&format!("{good}\n"), "expected the end");
    refuse(&format!("{good}more=1\n"), "expected the end");
    refuse(&format!("\n{good}"), "line 1");
    refuse(&format!("\u{feff}{good}"), "line 1: byte 0xef");
    refuse("", "line 1");
    refuse(&"x".repeat(300_000), "expected at most");
    println!("enabling: {count} other spellings of a record refused");
    assert_eq!(Request::decode(good.as_bytes()).unwrap().terms(), &terms());
}

#[test]
fn the_bytes_of_version_1_do_not_change() {
    let request = Request::new(Terms { reason: "caf\u{e9} \\ a=b\nline".to_owned(), ..terms() }).unwrap();
    let text = request.text();
    assert!(text.contains("\nreason=caf\\u{e9} \\\\ a=b\\u{a}line\n"), "{text}");
    let expected = format!(
        "tickpath-enable-v1\naction=enable_live\nhost=desk-1\nbuild={}\nconfig={}\nlimits={}\n\
         limit.limits.max_daily_loss=5000\nlimit.limits.max_order_qty=10\nreason=caf\\u{{e9}} \\\\ a=b\\u{{a}}line\nticket=OPS-17\nrequested_by=ada\n\
         nonce=07070707070707070707070707070707\ncreated=2026-11-21T12:00:00Z\nnot_before=2026-11-21T12:01:00Z\n\
         activate_by=2026-11-21T12:06:00Z\nwindow_s=3600\n",
        Hash::of(b"build"),
        Hash::of(b"config"),
        Hash::of(b"tickpath-limits-v1\nlimits.max_daily_loss=5000\nlimits.max_order_qty=10\n"),
    );
    assert_eq!(text, expected);
    assert_eq!(*request.hash(), Hash::of(expected.as_bytes()));
}
