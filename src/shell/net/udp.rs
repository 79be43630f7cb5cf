//! Datagrams in batches: one thread per socket receives and parses; a turn's messages are written at once.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use turno_base::Mono;
use turno_engine::Input;
use turno_sip::flow::{Destination, Flow, ListenerId, Transport};
use turno_sip::message::Message;
use turno_sip::shed::Lane;
use turno_sip::ua::Count;

use crate::shell::inbox::{Inbox, Outside};
use crate::shell::metrics::Metrics;
use crate::shell::run::Gate;
use crate::shell::tap::Tap;

/// Datagrams read or written by one system call.
const BATCH: usize = 32;
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// How soon a receiving thread notices that the gate stopped.
const STOP_POLL: Duration = Duration::from_millis(200);
/// What an unreadable datagram is kept by.
const UNREADABLE_BYTES_MAX: usize = 4096;

/// Starts the receiving thread of `socket`.
pub(super) fn receive(
    socket: Arc<UdpSocket>,
    listener: ListenerId,
    inbox: Inbox,
    metrics: Arc<Metrics>,
    tap: Arc<Tap>,
    gate: Arc<Gate>,
) -> io::Result<()> {
    socket.set_read_timeout(Some(STOP_POLL))?;
    std::thread::Builder::new().name(format!("udp-{}", listener.0)).spawn(move || {
        let mut receiver = Receiver::new(listener, tap);
        while !gate.is_stopped() {
            receiver.batch(&socket, &inbox, &metrics);
        }
    })?;
    Ok(())
}

struct Receiver {
    listener: ListenerId,
    tap: Arc<Tap>,
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Vec<Vec<u8>>,
    /// Refusals of one batch.
    answers: Vec<(SocketAddr, Vec<u8>)>,
}

impl Receiver {
    fn new(listener: ListenerId, tap: Arc<Tap>) -> Receiver {
        Receiver {
            listener,
            tap,
            headers: MultiHeaders::preallocate(BATCH, None),
            buffers: vec![vec![0; DATAGRAM_BYTES_MAX]; BATCH],
            answers: Vec::new(),
        }
    }

    fn batch(&mut self, socket: &UdpSocket, inbox: &Inbox, metrics: &Metrics) {
        let mut got: [(usize, Option<SocketAddr>); BATCH] = [(0, None); BATCH];
        let count = {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
            match recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None) {
                Ok(messages) => {
                    let mut count = 0;
                    for (to, message) in got.iter_mut().zip(messages) {
                        *to = (message.bytes, message.address.as_ref().and_then(address_of));
                        count += 1;
                    }
                    count
                }
                Err(Errno::EAGAIN | Errno::EINTR) => 0,
                Err(error) => {
                    tracing::warn!(%error, listener = self.listener.0, "receiving failed");
                    // An error that stays must not turn the thread into a busy loop.
                    std::thread::sleep(Duration::from_millis(10));
                    0
                }
            }
        };
        if count == 0 {
            return;
        }
        let at = inbox.clock().mono();
        for ((bytes, peer), buffer) in got.iter().take(count).zip(&self.buffers) {
            if let (Some(peer), Some(datagram)) = (peer, buffer.get(..*bytes)) {
                metrics.received_udp.inc();
                let flow = Flow { transport: Transport::Udp, listener: self.listener, peer: *peer, connection: 0 };
                if let Some(answer) = take(datagram, flow, at, inbox, metrics, &self.tap) {
                    self.tap.sends(&Destination::Flow(flow), &answer);
                    self.answers.push((*peer, answer));
                }
            }
        }
        if !self.answers.is_empty() {
            metrics.sent_udp.inc_by(self.answers.len() as u64);
            send(socket, &self.answers, |_| metrics.send_failed.inc());
            self.answers.clear();
        }
        // After the refusals, which are owed at once. Behind a full batch there is more to read.
        match count < BATCH {
            true => inbox.batch_is_in(),
            false => inbox.wake(),
        }
    }
}

/// Parses one datagram and hands it in, or gives the answer that keeps it out. Keep-alives (CRLF, zero bytes) are nobody's
/// message.
fn take(datagram: &[u8], flow: Flow, at: Mono, inbox: &Inbox, metrics: &Metrics, tap: &Tap) -> Option<Vec<u8>> {
    if datagram.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return None;
    }
    tap.read(&flow, datagram);
    let (lane, input) = match Message::parse(datagram.to_vec()) {
        Ok(message) => match inbox.admit(flow, &message) {
            Ok(lane) => (lane, Input::Sip { flow, message }),
            Err(Outside::Ignored) => return None,
            Err(Outside::Refused(answer)) => {
                metrics.count(Count::Shed);
                return Some(answer);
            }
        },
        Err(rejected) => {
            let kept = datagram.get(..UNREADABLE_BYTES_MAX).unwrap_or(datagram);
            (Lane::Fresh, Input::Unreadable { flow, bytes: kept.to_vec(), rejected })
        }
    };
    inbox.datagram(lane, at, input);
    None
}

fn address_of(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::from((v4.ip(), v4.port())));
    }
    address.as_sockaddr_in6().map(|v6| SocketAddr::from((v6.ip(), v6.port())))
}

thread_local! {
    /// Room for a batch's headers, kept for the next batch.
    static HEADERS: RefCell<MultiHeaders<SockaddrStorage>> = RefCell::new(MultiHeaders::preallocate(BATCH, None));
}

/// Sends all of `datagrams` by `socket`, in order; calls `failed` with the index of each that did not leave.
pub fn send(socket: &UdpSocket, datagrams: &[(SocketAddr, Vec<u8>)], mut failed: impl FnMut(usize)) {
    let mut at = 0;
    while let Some(rest) = datagrams.get(at..).filter(|rest| !rest.is_empty()) {
        let batch = rest.get(..BATCH).unwrap_or(rest);
        let sent = match batch {
            // Most turns send one message, and headers for a batch of one cost as much as the copy.
            [(to, bytes)] => socket.send_to(bytes, to).map(|_| 1),
            batch => HEADERS.with_borrow_mut(|headers| send_batch(headers, socket, batch)).map_err(io::Error::from),
        };
        match sent {
            Ok(sent) if sent > 0 => at += sent,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The first of the batch is the one that failed; the others get their turn.
            Ok(_) | Err(_) => {
                failed(at);
                at += 1;
            }
        }
    }
}

fn send_batch(
    headers: &mut MultiHeaders<SockaddrStorage>,
    socket: &UdpSocket,
    batch: &[(SocketAddr, Vec<u8>)],
) -> Result<usize, Errno> {
    let slices: Vec<[IoSlice<'_>; 1]> = batch.iter().map(|(_, bytes)| [IoSlice::new(bytes)]).collect();
    let addresses: Vec<Option<SockaddrStorage>> =
        batch.iter().map(|(to, _)| Some(SockaddrStorage::from(*to))).collect();
    let none: [ControlMessage<'_>; 0] = [];
    let sent = sendmmsg(socket.as_raw_fd(), headers, &slices, &addresses, none, MsgFlags::empty())?;
    Ok(sent.count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::clock::Clock;
    use crate::shell::inbox::inbox;

    #[test]
    fn batches_arrive_whole_in_order_and_from_the_right_peer() {
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = here.local_addr().unwrap();
        let datagrams: Vec<_> = (0..70).map(|n| (to, format!("SIP/2.0 200 {n}\r\n\r\n").into_bytes())).collect();
        send(&there, &datagrams, |n| panic!("datagram {n} did not leave"));
        let (inbox, outlet) = inbox(Clock::begin());
        let metrics = Metrics::new();
        let mut receiver = Receiver::new(ListenerId(3), Tap::new(&[]));
        while outlet.len() < 70 {
            receiver.batch(&here, &inbox, &metrics);
        }
        let from = there.local_addr().unwrap();
        for ((_, sent), arrival) in datagrams.iter().zip(outlet.inside.try_iter()) {
            let (flow, bytes) = match arrival.input {
                Input::Sip { flow, message } => (flow, message.bytes().to_vec()),
                Input::Unreadable { flow, bytes, .. } => (flow, bytes),
                other => panic!("{other:?}"),
            };
            assert_eq!((flow.peer, flow.listener, &bytes), (from, ListenerId(3), sent));
        }
    }

    #[test]
    fn what_would_wait_too_long_is_answered_at_once_by_the_thread_that_read_it() {
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        let caller = UdpSocket::bind("127.0.0.1:0").unwrap();
        caller.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (inbox, outlet) = inbox(Clock::begin());
        (0..1000).for_each(|_| inbox.datagram(Lane::Fresh, Mono(0), Input::Deadline));
        let invite = "INVITE sip:900@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n\
                      To: <sip:900@x>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
        let bye = invite.replace("INVITE", "BYE").replace("To: <sip:900@x>", "To: <sip:900@x>;tag=2");
        for text in [invite, &bye] {
            caller.send_to(text.as_bytes(), here.local_addr().unwrap()).unwrap();
        }
        let (metrics, mut receiver) = (Metrics::new(), Receiver::new(ListenerId(0), Tap::new(&[])));
        while outlet.inside.is_empty() {
            receiver.batch(&here, &inbox, &metrics);
        }
        let mut buffer = [0; 1000];
        let length = caller.recv(&mut buffer).unwrap();
        let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(answer.starts_with("SIP/2.0 503 ") && answer.contains("\r\nRetry-After: "), "{answer}");
        assert_eq!((outlet.fresh.len(), outlet.inside.len(), metrics.sent_udp.get()), (1000, 1, 1));
    }

    #[test]
    fn a_datagram_that_cannot_leave_is_named_and_the_others_leave() {
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = there.local_addr().unwrap();
        let datagrams = [(to, b"a".to_vec()), (to, vec![0; 70_000]), (to, b"c".to_vec())];
        let mut failed = Vec::new();
        send(&here, &datagrams, |n| failed.push(n));
        assert_eq!(failed, [1]);
        let mut buffer = [0; 10];
        assert_eq!(there.recv(&mut buffer).unwrap(), 1);
        assert_eq!((there.recv(&mut buffer).unwrap(), buffer[0]), (1, b'c'));
    }

    #[test]
    fn keep_alives_are_nobodys_message() {
        let (inbox, outlet) = inbox(Clock::begin());
        for bytes in [&b"\r\n\r\n"[..], b"\0\0\0\0", b""] {
            let peer = "127.0.0.1:5060".parse().unwrap();
            let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer, connection: 0 };
            assert_eq!(take(bytes, flow, Mono(0), &inbox, &Metrics::new(), &Tap::new(&[])), None);
        }
        assert!(outlet.is_empty());
    }
}
