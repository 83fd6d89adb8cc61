//! Edge: what is on the disk, whole or damaged.

use super::super::Store;
use super::*;
use std::path::Path;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("a/b")).unwrap();
    (dir, store)
}

fn activation(nonce: u8) -> Activation {
    Activation { record: Hash::of(b"r"), nonce: [nonce; 16], process: [1; 16], at_s: CREATED, until_s: CREATED + 9 }
}

#[test]
fn a_nonce_is_used_once_by_whoever_is_first_and_for_good() {
    let (_dir, store) = store();
    let won: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let mut store = store.clone();
                scope.spawn(move || (0..50u8).filter(|n| store.use_up(&activation(*n)).unwrap()).count())
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(won, 50);
    println!("enabling: 50 nonces, 8 threads after each: {won} activations");
    let mut again = Store::open(store.dir()).unwrap();
    assert!(again.is_used(&[7; 16]).unwrap());
    assert!(!again.use_up(&activation(7)).unwrap());
    assert!(!again.is_used(&[77; 16]).unwrap());
    assert!(again.activation_note(&[7; 16]).unwrap().unwrap().contains("until=2026-11-21T12:00:09Z"));
    // A note that was cut off or lost its text is still there.
    let note = store.dir().join("nonces").join(hex(&[7; 16]));
    for damage in [&b""[..], b"\xff\x00"] {
        std::fs::write(&note, damage).unwrap();
        assert!(again.is_used(&[7; 16]).unwrap());
    }
    std::fs::remove_file(&note).unwrap();
    std::os::unix::fs::symlink("nowhere", &note).unwrap();
    assert!(again.is_used(&[7; 16]).unwrap());
    assert!(!again.use_up(&activation(7)).unwrap());
    // Without its folder nobody knows what was used.
    std::fs::remove_dir_all(store.dir().join("nonces")).unwrap();
    assert!(again.is_used(&[77; 16]).unwrap_err().to_string().contains("nonces"));
    assert!(again.use_up(&activation(77)).is_err());
}

#[test]
fn requests_approvals_and_revocations_come_back() {
    let (_dir, store) = store();
    let world = World::new();
    let hash = world.request.hash();
    assert_eq!(store.requests().unwrap(), []);
    let path = store.add_request(&world.request).unwrap();
    for approval in &world.approvals {
        store.add_approval(approval).unwrap();
    }
    assert_eq!(store.requests().unwrap(), [*hash]);
    assert_eq!(store.request(hash).unwrap(), world.request);
    assert_eq!(Request::load(&path).unwrap(), world.request);
    assert_eq!(store.approvals(hash).unwrap(), world.approvals);
    assert_eq!(store.revocation(hash).unwrap(), None);
    let revocation =
        Revocation { record: *hash, by: "b=\n".to_owned(), reason: "caf\u{e9}\nat=x".to_owned(), at_s: CREATED };
    store.revoke(&revocation).unwrap();
    // The first is kept.
    store.revoke(&Revocation { by: "somebody else".to_owned(), ..revocation.clone() }).unwrap();
    assert_eq!(store.revocation(hash).unwrap(), Some(revocation));
    assert_eq!(store.approvals(hash).unwrap(), world.approvals);
}

#[test]
fn a_revocation_counts_however_damaged() {
    let (_dir, store) = store();
    let hash = Hash::of(b"r");
    let path = store.record_dir(&hash).join("revoked");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let check = |make: &dyn Fn(&Path)| {
        make(&path);
        let revoked = store.revocation(&hash).unwrap().unwrap();
        assert!(revoked.reason.contains("damaged"), "{revoked:?}");
        if path.is_dir() { std::fs::remove_dir(&path).unwrap() } else { std::fs::remove_file(&path).unwrap() }
    };
    check(&|path| std::fs::write(path, "").unwrap());
    check(&|path| std::fs::write(path, [0xff; 9000]).unwrap());
    check(&|path| std::fs::create_dir(path).unwrap());
    check(&|path| std::os::unix::fs::symlink("nowhere", path).unwrap());
    check(&|path| fifo(path));
    assert_eq!(store.revocation(&hash).unwrap(), None);
}

fn fifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

#[test]
fn what_does_not_belong_there_is_named() {
    let check = |make: &dyn Fn(&Store, &Hash), expected: &str| {
        let (_dir, store) = store();
        let world = World::new();
        let hash = *world.request.hash();
        store.add_request(&world.request).unwrap();
        store.add_approval(&world.approvals[0]).unwrap();
        make(&store, &hash);
        let read = || {
            for record in store.requests()? {
                store.request(&record)?;
                store.approvals(&record)?;
            }
            Ok::<_, super::super::store::StoreError>(())
        };
        let error = read().expect_err(expected).to_string();
        assert!(error.contains(expected), "`{expected}` is not in `{error}`");
    };
    let write = |store: &Store, hash: &Hash, name: &str, bytes: &[u8]| {
        std::fs::write(store.record_dir(hash).join(name), bytes).unwrap();
    };
    check(&|s, _| std::fs::write(s.dir().join("notes.txt"), "").unwrap(), "notes.txt");
    check(&|s, h| write(s, h, "notes.txt", b""), "notes.txt");
    check(&|s, h| write(s, h, "bob-1.approval", b""), "bob-1.approval: line 1");
    check(&|s, h| write(s, h, "bob 1.approval", b""), "KEY.approval");
    check(
        &|s, h| {
            let other = s.record_dir(h).join("bob-1.approval");
            std::fs::rename(s.record_dir(h).join("ada-1.approval"), other).unwrap();
        },
        "of another key",
    );
    check(&|s, h| write(s, h, "request", b"tickpath-enable-v1\n"), "request: line 2");
    check(&|s, h| write(s, h, "request", &vec![b'x'; 300_000]), "longer than");
    check(
        &|s, h| {
            let other = Request::new(Terms { window_s: 1, ..terms() }).unwrap();
            write(s, h, "request", other.bytes());
        },
        "not the name of its folder",
    );
    check(
        &|s, h| {
            std::fs::remove_file(s.record_dir(h).join("request")).unwrap();
            fifo(&s.record_dir(h).join("request"));
        },
        "ordinary file",
    );
}
