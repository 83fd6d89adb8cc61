//! What clients cannot do: hold it up, fill it, hang it.

use super::{Reply, SECRET, Stand, because, config};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tickpath::control::http::auth::Tokens;
use tickpath::control::http::{Config, PlaneError, start};

fn impatient() -> Config {
    Config { header_timeout_ms: 300, request_timeout_ms: 600, journal_wait_ms: 100, ..config() }
}

/// Reads until the other side closes; how long that took.
fn until_closed(mut stream: TcpStream) -> (Vec<u8>, Duration) {
    let begun = Instant::now();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    (answer, begun.elapsed())
}

#[test]
fn a_half_open_connection_is_closed() {
    let stand = Stand::with(impatient());
    let (answer, took) = until_closed(stand.connect());
    assert_eq!(answer, b"");
    assert!(took < Duration::from_secs(5), "{took:?}");
    // One that asked once and then says nothing more.
    let mut stream = stand.connect();
    stream.write_all(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let (answer, took) = until_closed(stream);
    assert_eq!(Reply::parse(&answer).unwrap().status, 200);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_slow_loris_is_closed() {
    let stand = Stand::with(impatient());
    let mut stream = stand.connect();
    let mut writer = stream.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        for byte in b"GET /live HTTP/1.1\r\nHost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" {
            if writer.write_all(&[*byte]).is_err() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    });
    let mut answer = Vec::new();
    let begun = Instant::now();
    let _ = stream.read_to_end(&mut answer);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
    drop(stream);
    assert!(drip.join().unwrap(), "the other end of a closed connection can be written to for ever");
}

#[test]
fn a_slow_body_is_answered_and_has_no_effect() {
    let stand = Stand::with(impatient());
    let mut stream = stand.connect();
    let head = format!(
        "POST /kill HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\nX-Operator: ada\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"reason\""
    );
    stream.write_all(head.as_bytes()).unwrap();
    let (answer, took) = until_closed(stream);
    let reply = Reply::parse(&answer).unwrap();
    assert_eq!((reply.status, &reply.json()["reason"]), (408, &json!("request_timeout")));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(stand.desk.effects(), 0);
}

#[test]
fn an_oversize_body_is_refused_whether_it_says_its_length_or_not() {
    let stand = Stand::new();
    let head = format!(
        "POST /kill HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {SECRET}\r\nX-Operator: ada\r\n\
         Content-Type: application/json\r\n"
    );
    let told = [format!("{head}Content-Length: 70000\r\n\r\n").into_bytes(), vec![b' '; 70_000]].concat();
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for _ in 0..80 {
        chunked.extend(b"400\r\n");
        chunked.extend([b' '; 1024]);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    for bytes in [told, chunked] {
        let raw = stand.raw(&bytes);
        let reply = Reply::parse(&raw).unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(&raw)));
        assert_eq!((reply.status, &reply.json()["reason"]), (413, &json!("body_too_large")));
    }
    assert_eq!(stand.desk.effects(), 0);
}

#[test]
fn a_head_that_is_too_long_or_no_http_is_refused() {
    let stand = Stand::new();
    for (bytes, statuses) in [
        (format!("GET /live HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "x".repeat(40_000)), &[431][..]),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(40_000)), &[414, 431]),
        (format!("GET /live HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(100)), &[431]),
        ("hello\r\n\r\n".to_owned(), &[400]),
        ("GET /live HTTP/1.1\r\nHost : x\r\n\r\n".to_owned(), &[400]),
        ("POST /kill HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(), &[400]),
    ] {
        let raw = stand.raw(bytes.as_bytes());
        let reply = Reply::parse(&raw)
            .unwrap_or_else(|| panic!("{}: {:?}", &bytes[..30.min(bytes.len())], String::from_utf8_lossy(&raw)));
        assert!(statuses.contains(&reply.status), "{}: {reply:?}", &bytes[..30.min(bytes.len())]);
    }
    assert_eq!(stand.get("/live").status, 200);
}

/// Reads one answer of known length from a connection that may stay open.
fn read_one(stream: &mut TcpStream) -> Option<u16> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = head.split("content-length: ").nth(1)?.lines().next()?.trim().parse().ok()?;
            if body.len() >= length {
                return head.split(' ').nth(1)?.parse().ok();
            }
        }
        match stream.read(&mut part) {
            Ok(n) if n > 0 => bytes.extend(&part[..n]),
            _ => return None,
        }
    }
}

#[test]
fn a_thousand_requests_at_once_are_all_answered() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let stand = Stand::new();
    let begun = Instant::now();
    let mut streams: Vec<TcpStream> = (0..1000)
        .map(|_| {
            let mut stream = stand.connect();
            stream.write_all(b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let statuses: Vec<Option<u16>> = streams.iter_mut().map(read_one).collect();
    let good = statuses.iter().filter(|s| **s == Some(200)).count();
    println!(
        "1000 requests at once over {} connections: {good} answered in {:?}",
        config().connections_max,
        begun.elapsed()
    );
    assert_eq!(good, 1000, "{statuses:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_client_that_never_reads_gives_its_place_back() {
    let stand = Stand::with(Config {
        connections_max: 8,
        connection_lifetime_ms: 1_000,
        requests_per_second: 100_000,
        ..impatient()
    });
    let request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(500);
    let deaf: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = stand.connect();
            stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
            // As much as the buffers between us hold.
            let _ = stream.write_all(&request);
            stream
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(stand.get("/live").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(deaf);
}

#[test]
fn shutdown_lets_open_requests_finish_and_cuts_off_the_rest() {
    let stand = Stand::with(Config { shutdown_ms: 1_500, journal_wait_ms: 400, ..config() });
    stand.desk.inside().journal_stalled = true;
    let mut idle = stand.connect();
    idle.write_all(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(read_one(&mut idle), Some(200));
    let mut half = stand.connect();
    half.write_all(b"GET /live HTT").unwrap();
    let body = because(json!({"scope": "host"})).to_string();
    let mut open = stand.connect();
    let head = format!(
        "POST /flatten HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\nX-Operator: ada\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    open.write_all(head.as_bytes()).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while stand.desk.effects() == 0 {
        assert!(Instant::now() < until, "the command did not arrive");
        std::thread::sleep(Duration::from_millis(5));
    }
    let begun = Instant::now();
    stand.plane.stop();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(read_one(&mut open), Some(202), "the open request was answered");
    assert_eq!(read_one(&mut half), None, "the half request was cut off");
    assert_eq!(read_one(&mut idle), None, "the idle connection was closed");
    assert!(TcpStream::connect(stand.plane.address()).is_err(), "nothing listens any more");
    stand.plane.stop();
}

#[test]
fn a_taken_port_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = taken.local_addr().unwrap();
    let desk = Arc::new(super::Desk::default());
    let error = start(Config { bind, ..config() }, Tokens::none(), desk, || {}).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, PlaneError::PortTaken(address) if address == bind), "{text}");
    for part in [bind.to_string(), format!("sport = :{}", bind.port()), "[http] bind".to_owned()] {
        assert!(text.contains(&part), "{part} is not in: {text}");
    }
    let desk = Arc::new(super::Desk::default());
    let far = Config { bind: "192.0.2.1:8080".parse().unwrap(), ..config() };
    let text = start(far, Tokens::none(), desk, || {}).unwrap_err().to_string();
    assert!(text.contains("192.0.2.1:8080") && text.contains("an address of this machine"), "{text}");
}

#[test]
fn the_plane_runs_on_its_own_thread_and_may_be_started_again() {
    let (tell, told) = std::sync::mpsc::channel();
    let desk = Arc::new(super::Desk::default());
    let plane = start(config(), Tokens::none(), Arc::clone(&desk) as _, move || {
        tell.send(std::thread::current().name().map(ToOwned::to_owned)).unwrap();
    })
    .unwrap();
    assert_eq!(told.recv_timeout(Duration::from_secs(5)).unwrap().as_deref(), Some("http"));
    let address = plane.address();
    drop(plane);
    // The port is free at once, though connections of before may still fade.
    let again = start(Config { bind: address, ..config() }, Tokens::none(), desk, || {}).unwrap();
    assert_eq!(again.address(), address);
}
