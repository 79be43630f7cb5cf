//! The web hook by https: records go to whom the certificate says, and to nobody else.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use tokio_rustls::rustls::{ServerConnection, StreamOwned};

use super::outs::{hook, is_whole, key, key_of, open_outs, refused_calls};
use super::*;
use crate::shell::authorities::Authorities;
use crate::shell::authorities::tests::{House, house};
use crate::shell::store::outs::{OutSettings, To};

fn secure(port: u16, trusts: &House) -> OutSettings {
    let mut out = hook(port);
    let To::Hook(settings) = &mut out.to else { panic!("a hook") };
    settings.secure = Some(Authorities::parse(trusts.ca_pem.as_bytes()).unwrap());
    // Of the handshake in a debug build on a busy machine.
    settings.deadline = Duration::from_secs(2);
    out
}

/// Takes connections one by one, until the test ends.
fn listener(serve: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    port
}

/// A peer by TLS that answers as it is told; gives what it was asked.
fn server(house: &House, answer: impl Fn(&str) -> &'static str + Send + 'static) -> (u16, Receiver<String>) {
    let (config, (asked, asks)) = (house.config.clone(), channel());
    let port = listener(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
        let (mut got, mut bytes) = (String::new(), [0; 65_536]);
        while !is_whole(&got) {
            match std::io::Read::read(&mut stream, &mut bytes) {
                Ok(n) if n > 0 => got.push_str(&String::from_utf8_lossy(&bytes[..n])),
                _ => return,
            }
        }
        let _ = write!(stream, "HTTP/1.1 {}\r\n\r\n", answer(key_of(&got)));
        let _ = stream.flush();
        let _ = asked.send(got);
    });
    (port, asks)
}

fn until_failing(store: &Store) {
    let until = Instant::now() + LONG;
    while !store.consumers()[1].failing {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
}

#[test]
fn a_hook_by_https_gets_each_record_and_a_redirect_is_not_followed() {
    let (dir, ours) = (Dir::new("https"), house("127.0.0.1"));
    let moved = key(1);
    let (port, asks) = server(&ours, move |key| match key == moved {
        true => "307 Moved\r\nlocation: http://127.0.0.1:1/",
        false => "204 No Content",
    });
    let store = open_outs(&dir, &[secure(port, &ours)]);
    append(&store, 0..4, 1);
    assert!(store.flush_all(LONG));
    store.close(LONG);
    let taken: Vec<String> = asks.try_iter().map(|request| key_of(&request).to_owned()).collect();
    assert_eq!(taken, (0..4).map(key).collect::<Vec<_>>());
    assert_eq!(refused_calls(&dir), [Some(call(1).to_string())]);
}

#[test]
fn a_hook_whose_certificate_is_not_in_order_hears_nothing_and_loses_nothing() {
    let (ours, theirs, other_name) = (house("127.0.0.1"), house("127.0.0.1"), house("billing.example"));
    for (who, trusts, why) in [(&theirs, &ours, "another authority"), (&other_name, &other_name, "another name")] {
        let dir = Dir::new("https-bad");
        let (port, asks) = server(who, |_| "200 OK");
        let store = open_outs(&dir, &[secure(port, trusts)]);
        append(&store, 0..3, 1);
        until_failing(&store);
        assert!(store.flush(LONG), "nobody else waits");
        store.close(Duration::from_millis(100));
        assert_eq!((asks.try_iter().count(), refused_calls(&dir).len()), (0, 0), "{why}");
        let (port, asks) = server(&ours, |_| "200 OK");
        let store = open_outs(&dir, &[secure(port, &ours)]);
        assert!(store.flush_all(LONG));
        store.close(LONG);
        assert_eq!(asks.try_iter().count(), 3, "{why}: they waited for it");
    }
}

#[test]
fn a_peer_that_speaks_no_tls_or_ever_so_slowly_is_given_up_at_the_deadline() {
    let ours = house("127.0.0.1");
    let silent = listener(std::mem::forget);
    let plain = listener(|mut stream| drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")));
    // The head of a long record of the handshake, and then a byte at a time for as long as anybody listens.
    let slow = listener(|mut stream| {
        let mut well = stream.write_all(&[22, 3, 3, 0x3f, 0xff]).is_ok();
        while well {
            std::thread::sleep(Duration::from_millis(20));
            well = stream.write_all(&[0]).is_ok();
        }
    });
    for port in [silent, plain, slow] {
        let dir = Dir::new("https-slow");
        let mut out = secure(port, &ours);
        let To::Hook(settings) = &mut out.to else { panic!("a hook") };
        settings.deadline = Duration::from_millis(300);
        let store = open_outs(&dir, &[out]);
        append(&store, 0..1, 1);
        until_failing(&store);
        store.close(Duration::from_millis(100));
        assert_eq!(refused_calls(&dir).len(), 0, "it was told nothing that it could refuse");
    }
}
