//! `tickpath enable` as two people use it, with keys of this program's making and of openssl's.

use crate::support::{arg, run, run_json, tickpath};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with a store, a keyring and keys.
struct Desk {
    dir: tempfile::TempDir,
}

fn hex(bytes: &[u8]) -> String {
    tickpath::control::enable::text::hex(bytes)
}

/// Seeds that stand out wherever they are printed.
fn seed(of: u8) -> [u8; 32] {
    std::array::from_fn(|at| of.wrapping_mul(37).wrapping_add((at as u8).wrapping_mul(11)) ^ 0xa5)
}

impl Desk {
    fn new() -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(desk.store()).unwrap();
        for (at, name) in ["ada-1", "ada-2", "bob-1", "eve-1"].iter().enumerate() {
            let pem = SigningKey::from_bytes(&seed(at as u8)).to_pkcs8_pem(LineEnding::LF).unwrap();
            desk.write_key(name, pem.as_bytes());
        }
        let public = |at: u8| format!("\"{}\"", hex(SigningKey::from_bytes(&seed(at)).verifying_key().as_bytes()));
        desk.write_keyring(&[public(0), public(1), public(2)]);
        desk
    }

    fn write_key(&self, name: &str, pem: &[u8]) {
        std::fs::write(self.key(name), pem).unwrap();
        std::fs::set_permissions(self.key(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn write_keyring(&self, [ada1, ada2, bob]: &[String; 3]) {
        let path = self.store().join("keyring.toml");
        std::fs::write(
            &path,
            format!(
                "version = 1\n[[person]]\nperson = \"ada\"\nname = \"Ada L\"\nkeys = [{{ id = \"ada-1\", public = {ada1} }}, {{ id = \"ada-2\", public = {ada2} }}]\n\
                 [[person]]\nperson = \"bob\"\nname = \"Bob M\"\nkeys = [{{ id = \"bob-1\", public = {bob} }}]\n"
            ),
        )
        .unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    fn key(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.pem"))
    }

    fn arguments<'a>(store: &'a Path, verb: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["enable", verb, "--store", arg(store)], more].concat()
    }

    fn json(&self, verb: &str, more: &[&str], code: i32) -> Value {
        run_json(&Self::arguments(&self.store(), verb, more), code)
    }

    fn request(&self) -> (String, String) {
        let shown = self.json(
            "request",
            &["--person", "ada", "--reason", "first day", "--ticket", "OPS-17", "--window", "2h"],
            0,
        );
        (shown["request"].as_str().unwrap().to_owned(), shown["record"].as_str().unwrap().to_owned())
    }

    fn approve(&self, request: &str, key: &str, code: i32) -> Value {
        self.json("approve", &["--request", request, "--key", arg(&self.key(key))], code)
    }

    fn state(&self) -> (String, i64) {
        let shown = self.json("show", &[], 0);
        assert_eq!(shown["requests"].as_array().unwrap().len(), 1, "{shown}");
        let one = &shown["requests"][0];
        (one["state"].as_str().unwrap().to_owned(), one["people_missing"].as_i64().unwrap())
    }
}

#[test]
fn two_people_approve_and_one_takes_it_back() {
    let help = String::from_utf8(run(&["enable", "--help"]).stdout).unwrap();
    assert!(help.contains("[[person]]\n") && help.contains("openssl pkeyutl -sign -rawin"), "{help}");
    let desk = Desk::new();
    assert_eq!(desk.json("show", &[], 0)["requests"], serde_json::json!([]));
    let (request, record) = desk.request();
    let text = std::fs::read_to_string(&request).unwrap();
    for part in [
        "tickpath-enable-v1\naction=enable_live\nhost=tickpath-1\nbuild=",
        "\nlimit.limits.max_order_notional=50000\n",
        "\nreason=first day\nticket=OPS-17\nrequested_by=ada\nnonce=",
        "\nwindow_s=7200\n",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    assert_eq!(desk.state(), ("waiting".to_owned(), 2));
    let first = desk.approve(&request, "ada-1", 0);
    assert_eq!((&first["complete"], &first["person"]), (&Value::from(false), &Value::from("ada")));
    assert_eq!(desk.state(), ("waiting".to_owned(), 1));
    // Her other key makes her no second person.
    let second = desk.approve(&request, "ada-2", 0);
    assert_eq!((&second["complete"], &second["why"]), (&Value::from(false), &Value::from("one_person")));
    assert_eq!(desk.state(), ("one_person".to_owned(), 1));
    let third = desk.approve(&request, "bob-1", 0);
    assert_eq!(third["complete"], true, "{third}");
    assert_eq!(desk.state(), ("ready".to_owned(), 0));
    let shown = desk.json("show", &["--request", &request], 0);
    assert_eq!(shown["requests"][0]["text"], text);
    assert_eq!(shown["requests"][0]["approvals"].as_array().unwrap().len(), 3);

    // Another configuration is not what was approved.
    let arguments =
        Desk::arguments(&desk.store(), "show", &["--json"]).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let output =
        tickpath().args(&arguments).env("TICKPATH__RISK__LIMITS__MAX_ORDER_NOTIONAL", "\"50001\"").output().unwrap();
    let other: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(other["requests"][0]["state"], "other_config");

    let none = desk.json("revoke", &["--record", "00000000", "--person", "bob", "--reason", "storm"], 2);
    assert!(none["error"].to_string().contains("0 requests"), "{none}");
    desk.json("revoke", &["--record", &record[..12], "--person", "bob", "--reason", " "], 2);
    assert_eq!(desk.state().0, "ready");
    desk.json("revoke", &["--record", &record[..12], "--person", "bob", "--reason", "storm"], 0);
    assert_eq!(desk.state().0, "revoked");
    let text = String::from_utf8(run(&Desk::arguments(&desk.store(), "show", &[])).stdout).unwrap();
    assert!(text.contains("revoked by bob at ") && text.contains(": storm"), "{text}");
}

#[test]
fn what_may_not_be_signed_is_refused() {
    let desk = Desk::new();
    let (request, record) = desk.request();
    let mut count = 0;
    let mut check = |more: &[&str], code: i32, expected: &str| {
        let refused = desk.json("approve", &[&["--request", &request], more].concat(), code);
        let error = refused["error"].to_string();
        assert!(error.contains(expected), "`{expected}` is not in {error}");
        count += 1;
    };
    let (ada, bob, eve) = (desk.key("ada-1"), desk.key("bob-1"), desk.key("eve-1"));
    check(&["--key", arg(&eve)], 1, "is not in the keyring");
    check(&["--key", arg(&bob), "--person", "ada"], 1, "is bob's, not `ada`'s");
    check(&["--key", arg(&bob), "--record", &"0".repeat(64)], 1, "read it again");
    check(&["--key", "nothing.pem"], 2, "nothing.pem");
    check(&["--key", &request], 1, "may be read by others");
    check(&["--signature", arg(&ada)], 2, "expected 64 bytes");
    let file = desk.dir.path().join("x");
    desk.write_key("../x", b"");
    std::fs::write(&file, [0; 64]).unwrap();
    check(&["--signature", arg(&file)], 1, "no valid signature");
    std::fs::write(&file, [0; 63]).unwrap();
    check(&["--signature", arg(&file)], 1, "63 bytes");
    for (text, expected) in [
        ("", "no Ed25519 key"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "is encrypted"),
        // RFC 8410, section 10.3, with its last letters changed.
        (
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9Ed\n-----END PRIVATE KEY-----\n",
            "no Ed25519 key",
        ),
        (&"x".repeat(5000), "no Ed25519 key"),
    ] {
        desk.write_key("odd", text.as_bytes());
        check(&["--key", arg(&desk.key("odd"))], 1, expected);
    }
    // Taken out of use since.
    let keyring = desk.store().join("keyring.toml");
    let text = std::fs::read_to_string(&keyring).unwrap();
    std::fs::write(&keyring, text.replace("id = \"bob-1\"", "revoked = true, id = \"bob-1\"")).unwrap();
    check(&["--key", arg(&bob)], 1, "key `bob-1` is revoked");
    std::fs::write(&keyring, &text).unwrap();
    std::fs::set_permissions(&keyring, std::fs::Permissions::from_mode(0o666)).unwrap();
    check(&["--key", arg(&bob)], 4, "may be written by others");
    std::fs::set_permissions(&keyring, std::fs::Permissions::from_mode(0o600)).unwrap();
    // A record that was altered on its way is another record: nobody has approved it.
    let altered = desk.dir.path().join("altered");
    let changed = std::fs::read_to_string(&request).unwrap().replace("window_s=7200", "window_s=72000");
    std::fs::write(&altered, changed).unwrap();
    let error = desk.json("approve", &["--request", arg(&altered), "--key", arg(&bob), "--record", &record], 1);
    assert!(error["error"].to_string().contains("read it again"));
    assert_eq!(desk.state(), ("waiting".to_owned(), 2), "nothing was kept of all that");
    println!("enabling: {} refusals to sign", count + 1);

    for (more, expected) in [
        (["--window", "25h", "--reason", "r"], "expected 1 to 86400"),
        (["--activate-within", "11m", "--reason", "r"], "expected 1 to 600"),
        (["--not-before", "2020-01-01T00:00:00Z", "--reason", "r"], "not_before is before created"),
        (["--window", "1h", "--reason", ""], "reason has 0 bytes"),
    ] {
        let refused = desk.json("request", &[&["--person", "ada", "--ticket", "T"], &more[..]].concat(), 2);
        assert!(refused["error"].to_string().contains(expected), "{refused}");
    }
}

#[test]
fn no_secret_is_shown() {
    let desk = Desk::new();
    let (request, _) = desk.request();
    let mut told = String::new();
    let mut tell = |more: &[&str]| {
        for json in [&["--json"][..], &[]] {
            let output =
                run(&[&Desk::arguments(&desk.store(), "approve", &["--request", &request]), more, json].concat());
            told.push_str(&String::from_utf8_lossy(&output.stdout));
            told.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    };
    for name in ["ada-1", "bob-1", "eve-1"] {
        tell(&["--key", arg(&desk.key(name))]);
        tell(&["--signature", arg(&desk.key(name))]);
    }
    // A key file with a fault in it: the message must not quote it.
    let pem = std::fs::read_to_string(desk.key("bob-1")).unwrap();
    desk.write_key("torn", &pem.as_bytes()[..pem.len() - 40]);
    tell(&["--key", arg(&desk.key("torn"))]);
    // What was written, too.
    for entry in walk(&desk.store()) {
        told.push_str(&String::from_utf8_lossy(&std::fs::read(entry).unwrap()));
    }
    assert!(told.contains("approved") && told.contains("keyring"));
    let mut canaries = 0;
    for (at, name) in ["ada-1", "ada-2", "bob-1", "eve-1"].iter().enumerate() {
        let pem = std::fs::read_to_string(desk.key(name)).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        // Any eight letters of the key's part of the file, and any four bytes of the seed.
        let seed = hex(&seed(at as u8));
        let pieces = (24..56).map(|from| body[from..from + 8].to_owned());
        for canary in pieces.chain((0..28).map(|from| seed[from * 2..from * 2 + 8].to_owned())) {
            assert!(!told.contains(&canary), "{name}: `{canary}` was shown");
            canaries += 1;
        }
    }
    println!("enabling: {canaries} pieces of private keys in {} bytes of output and files: 0 hits", told.len());
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}

#[test]
fn openssl_signs_the_same() {
    let openssl = |args: &[&str]| Command::new("openssl").args(args).output();
    if !openssl(&["version"]).is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED openssl_signs_the_same: no openssl");
        return;
    }
    let desk = Desk::new();
    let must = |args: &[&str]| {
        let output = openssl(args).unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let publics = ["ada-1", "ada-2", "bob-1"].map(|name| {
        let path = desk.key(name);
        std::fs::remove_file(&path).unwrap();
        must(&["genpkey", "-algorithm", "ed25519", "-out", arg(&path)]);
        format!("'''{}'''", must(&["pkey", "-in", arg(&path), "-pubout"]))
    });
    desk.write_keyring(&publics);
    let (request, _) = desk.request();
    let approved = desk.approve(&request, "ada-1", 0);
    let signature = desk.dir.path().join("bob.sig");
    must(&["pkeyutl", "-sign", "-rawin", "-inkey", arg(&desk.key("bob-1")), "-in", &request, "-out", arg(&signature)]);
    let added = desk.json("approve", &["--request", &request, "--signature", arg(&signature), "--person", "bob"], 0);
    assert_eq!((&added["complete"], &added["key"]), (&Value::from(true), &Value::from("bob-1")), "{added}");
    assert_eq!(desk.state(), ("ready".to_owned(), 0));
    // And openssl takes ours: Ed25519 has one signature for a key and a message.
    let file = approved["approval"].as_str().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let ours = desk.dir.path().join("ada.sig");
    must(&["pkeyutl", "-sign", "-rawin", "-inkey", arg(&desk.key("ada-1")), "-in", &request, "-out", arg(&ours)]);
    assert!(text.contains(&format!("signature={}\n", hex(&std::fs::read(ours).unwrap()))), "{text}");
}
