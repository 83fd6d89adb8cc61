//! Edge: keyrings that are refused.

use super::super::keyring::KeyringError;
use super::*;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn odd_keyrings_are_refused() {
    let mut count = 0;
    let mut check = |from: &str, to: &str, expected: &str| {
        let text = keyring_text();
        assert!(text.contains(from), "`{from}` is not in the keyring");
        let error = Keyring::parse(&text.replacen(from, to, 1)).expect_err(expected).to_string();
        assert!(error.contains(expected), "{from} → {to}: `{expected}` is not in: {error}");
        count += 1;
    };
    let (ada, ada2, bob) = (public(1), public(2), public(3));
    check("version = 1", "version = 2", "expected 1");
    check("version = 1", "", "missing field `version`");
    check("version = 1", "version = 1\nthreshold = 1", "unknown field `threshold`");
    check("name = \"Bob M\"", "name = \"Bob M\"\nrole = \"x\"", "unknown field `role`");
    check("{ id = \"bob-1\"", "{ curve = 1, id = \"bob-1\"", "unknown field `curve`");
    check("person = \"bob\"", "person = \"ada\"", "`ada` stands there twice");
    check("person = \"bob\"", "person = \"Bob\"", "a-z0-9._-");
    check("person = \"bob\"", "person = \"\"", "a-z0-9._-");
    check("person = \"bob\"", "person = \"b\u{43e}b\"", "a-z0-9._-");
    check("person = \"bob\"", &format!("person = \"{}\"", "b".repeat(24)), "a-z0-9._-");
    check("name = \"Bob M\"", "name = \" ada  L\"", "`ada l` stands there twice");
    check("name = \"Bob M\"", "name = \"Ada\"", "`ada` stands there twice");
    check("name = \"Bob M\"", "name = \" \"", "a name and at least one key");
    check("id = \"bob-1\"", "id = \"ada-1\"", "`ada-1` stands there twice");
    check("id = \"bob-1\"", "id = \"../bob\"", "expected 1 to 48 characters");
    check("id = \"bob-1\"", "id = \".bob\"", "expected 1 to 48 characters");
    check(&bob, &ada, "`ada-1` and `bob-1` are the same public key");
    check(&ada2, &ada, "`ada-1` and `ada-2` are the same public key");
    check(&bob, &bob[2..], "62 characters");
    check(&bob, &bob.to_uppercase(), "64 characters");
    check(&bob, &"zz".repeat(32), "64 characters");
    // No point of the curve.
    check(&bob, &format!("02{}", "00".repeat(31)), "bob-1");
    check(&bob, "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----\\n", "bob-1");
    check("2026-11-21T13:00:00Z", "soon", "expected a time");
    check("revoked = true", "revoked = 1", "expected a boolean");
    println!("enabling: {count} odd keyrings refused");
    let one = keyring_text().split("[[person]]").take(2).collect::<Vec<_>>().join("[[person]]");
    assert!(matches!(Keyring::parse(&one), Err(KeyringError::TooFewPeople(1))));
    assert!(matches!(Keyring::parse("version = 1\n"), Err(KeyringError::TooFewPeople(0))));
}

#[test]
fn points_of_small_order_are_no_keys() {
    // All eight points of small order, in every spelling that is taken for one of them.
    let points = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    for point in points {
        let error = Keyring::parse(&keyring_text().replace(&public(3), point)).expect_err(point);
        assert!(matches!(error, KeyringError::WeakKey(_) | KeyringError::PublicKey { .. }), "{point}: {error}");
    }
    println!("enabling: {} spellings of points of small order: no key", points.len());
}

#[test]
fn keys_are_found_by_id_bytes_and_signature() {
    let keyring = Keyring::parse(&keyring_text()).unwrap();
    assert_eq!(keyring.keys().len(), 5);
    let bob = keyring.key("bob-1").unwrap();
    assert_eq!((bob.person.as_str(), bob.name.as_str(), bob.revoked, bob.not_after_s), ("bob", "Bob M", false, None));
    assert_eq!(keyring.key_of(secret(4).verifying_key().as_bytes()).unwrap().not_after_s, Some(CREATED + 3600));
    assert!(keyring.key_of(&[0; 32]).is_none());
    let request = Request::new(terms()).unwrap();
    assert_eq!(keyring.signer(&request, &approve(&request, "", 2).signature).unwrap().id, "ada-2");
    assert!(keyring.signer(&request, &approve(&request, "", 9).signature).is_none());
}

#[test]
fn a_public_key_may_be_given_as_pem() {
    // RFC 8410, section 10.1; the same key as in hexadecimal.
    let pem = "-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\\n-----END PUBLIC KEY-----\\n";
    let hex_text = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
    let of = |public: &str| Keyring::parse(&keyring_text().replace(&super::public(3), public)).unwrap();
    assert_eq!(of(pem).key("bob-1").unwrap().public, of(hex_text).key("bob-1").unwrap().public);
}

#[test]
fn a_file_that_others_may_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyring.toml");
    assert!(Keyring::load(&path).unwrap_err().to_string().contains("keyring.toml"));
    std::fs::write(&path, keyring_text()).unwrap();
    for (mode, good) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false), (0o666, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let loaded = Keyring::load(&path);
        assert_eq!(loaded.is_ok(), good, "{mode:o}: {loaded:?}");
    }
    assert!(Keyring::load(dir.path()).unwrap_err().to_string().contains("ordinary file"));
}
