//! Streams over loopback: framing, keep-alive and every bound.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::shell::clock::Clock;
use crate::shell::inbox::{Outlet, inbox};

const MESSAGE: &[u8] = b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
    From: <sip:a@b>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: 1@test\r\nCSeq: 1 OPTIONS\r\nContent-Length: 4\r\n\r\nbody";

struct Place {
    streams: Arc<Streams>,
    address: SocketAddr,
    outlet: Outlet,
    metrics: Arc<Metrics>,
}

fn place(limits: StreamLimits) -> Place {
    let (inbox, outlet) = inbox(Clock::begin());
    let metrics = Arc::new(Metrics::new());
    let runtime = tokio::runtime::Handle::current();
    let streams = Arc::new(Streams::new(
        limits,
        vec![[127, 0, 0, 1].into()],
        inbox,
        metrics.clone(),
        crate::shell::tap::Tap::new(&[]),
        runtime,
    ));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    streams.listen(listener, ListenerId(0)).unwrap();
    Place { streams, address, outlet, metrics }
}

impl Place {
    /// The next input; a failure if none comes.
    async fn next(&self) -> Input {
        for _ in 0..1000 {
            let Outlet { inside, fresh, house, .. } = &self.outlet;
            if let Some(arrival) = [inside, fresh, house].into_iter().find_map(|lane| lane.try_recv().ok()) {
                return arrival.input;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no input came");
    }

    async fn next_flow(&self) -> Flow {
        match self.next().await {
            Input::Sip { flow, .. } => flow,
            other => panic!("{other:?}"),
        }
    }
}

fn short() -> StreamLimits {
    StreamLimits { message_limit: Duration::from_millis(150), ..StreamLimits::default() }
}

/// What the peer reads until the end.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut bytes).await;
    bytes
}

#[tokio::test]
async fn messages_arrive_whole_however_they_are_cut_and_replies_go_back_on_the_flow() {
    let place = place(StreamLimits::default());
    let mut peer = TcpStream::connect(place.address).await.unwrap();
    let two = [MESSAGE, MESSAGE].concat();
    for part in two.chunks(7) {
        peer.write_all(part).await.unwrap();
    }
    let flow = place.next_flow().await;
    assert_eq!((flow, flow.peer), (place.next_flow().await, peer.local_addr().unwrap()));
    place.streams.send_on(flow, b"SIP/2.0 200 OK\r\n\r\n".to_vec(), 1);
    place.streams.send_to(ListenerId(0), flow.peer, b"SIP/2.0 202 OK\r\n\r\n".to_vec(), 2);
    place.streams.close(flow);
    assert_eq!(rest(&mut peer).await, b"SIP/2.0 200 OK\r\n\r\nSIP/2.0 202 OK\r\n\r\n");
    assert_eq!(place.next().await, Input::FlowClosed(flow));
    place.streams.send_on(flow, b"late".to_vec(), 77);
    assert_eq!(place.next().await, Input::SendFailed(77));
}

#[tokio::test]
async fn a_ping_is_answered() {
    let place = place(StreamLimits::default());
    let mut peer = TcpStream::connect(place.address).await.unwrap();
    peer.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    peer.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"\r\n");
}

#[tokio::test]
async fn a_half_sent_message_and_a_silent_newcomer_are_cut_and_a_quiet_acquaintance_is_not() {
    let place = place(short());
    let mut silent = TcpStream::connect(place.address).await.unwrap();
    let mut half = TcpStream::connect(place.address).await.unwrap();
    let mut known = TcpStream::connect(place.address).await.unwrap();
    known.write_all(MESSAGE).await.unwrap();
    let flow = place.next_flow().await;
    half.write_all(&MESSAGE[..40]).await.unwrap();
    assert_eq!(rest(&mut silent).await, b"");
    assert_eq!(rest(&mut half).await, b"");
    assert_eq!(place.metrics.streams_cut.get(), 2);
    place.streams.send_on(flow, b"still".to_vec(), 0);
    let mut still = [0; 5];
    known.read_exact(&mut still).await.unwrap();
}

#[tokio::test]
async fn a_drip_does_not_prolong_a_message() {
    let place = place(short());
    let (mut read, mut write) = TcpStream::connect(place.address).await.unwrap().into_split();
    let drip = tokio::spawn(async move {
        for byte in MESSAGE {
            if write.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut got = Vec::new();
    let _ = read.read_to_end(&mut got).await;
    assert_eq!(place.metrics.streams_cut.get(), 1);
    drip.abort();
}

#[tokio::test]
async fn connections_are_bounded_per_address_and_in_all() {
    let place = place(StreamLimits { connections_per_address_max: 2, ..StreamLimits::default() });
    let mut known = Vec::new();
    for _ in 0..2 {
        let mut peer = TcpStream::connect(place.address).await.unwrap();
        peer.write_all(MESSAGE).await.unwrap();
        place.next_flow().await;
        known.push(peer);
    }
    let mut third = TcpStream::connect(place.address).await.unwrap();
    assert_eq!(rest(&mut third).await, b"");
    assert_eq!(place.metrics.streams_refused.get(), 1);
    drop(known.pop());
    assert!(matches!(place.next().await, Input::FlowClosed(_)));
    let mut fourth = TcpStream::connect(place.address).await.unwrap();
    fourth.write_all(MESSAGE).await.unwrap();
    place.next_flow().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_closed_and_its_messages_reported() {
    let place = place(StreamLimits { queue_bytes_max: 100_000, ..StreamLimits::default() });
    let mut peer = TcpStream::connect(place.address).await.unwrap();
    peer.write_all(MESSAGE).await.unwrap();
    let flow = place.next_flow().await;
    let mut token = 0;
    while place.metrics.streams_slow.get() == 0 {
        token += 1;
        place.streams.send_on(flow, vec![b'x'; 50_000], token);
        tokio::task::yield_now().await;
        assert!(token < 10_000);
    }
    assert_eq!(place.next().await, Input::FlowClosed(flow));
    // The one that was too much, and those that waited for the peer to read.
    assert!(place.outlet.house.len() >= 2);
    assert!(place.outlet.house.try_iter().all(|a| matches!(a.input, Input::SendFailed(_))));
}

#[tokio::test]
async fn what_goes_to_an_address_opens_one_connection_and_reports_when_it_cannot() {
    let place = place(StreamLimits::default());
    let target = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = target.local_addr().unwrap();
    place.streams.send_to(ListenerId(0), to, b"one ".to_vec(), 1);
    place.streams.send_to(ListenerId(0), to, b"two".to_vec(), 2);
    let (mut stream, _) = target.accept().await.unwrap();
    let mut got = [0; 7];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"one two");
    stream.write_all(MESSAGE).await.unwrap();
    assert_eq!(place.next_flow().await.peer, to);

    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = nobody.local_addr().unwrap();
    drop(nobody);
    place.streams.send_to(ListenerId(0), to, b"lost".to_vec(), 3);
    assert_eq!(place.next().await, Input::SendFailed(3));
}

#[tokio::test]
async fn what_is_no_sip_is_reported_and_closed() {
    let place = place(StreamLimits::default());
    let mut peer = TcpStream::connect(place.address).await.unwrap();
    peer.write_all(&[b"INVITE sip:x SIP/2.0\r\nX: ".as_slice(), &vec![b'y'; 70_000]].concat()).await.unwrap();
    match place.next().await {
        Input::Unreadable { bytes, .. } => assert!(bytes.len() <= UNREADABLE_BYTES_MAX),
        other => panic!("{other:?}"),
    }
    assert_eq!(rest(&mut peer).await, b"");
}
