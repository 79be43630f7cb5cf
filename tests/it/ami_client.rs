//! A client of the manager interface on the wire, in the clear or by TLS.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use crate::house::{House, SOON};

/// Secret of every login.
pub(crate) const SECRET: &str = "a-long-and-random-one";

/// A connection to the engine, as soon as it listens there.
pub(crate) fn connected(house: &House, port: u16) -> TcpStream {
    let stream = house.until("somebody listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// A client that is logged in and hears no events.
pub(crate) struct Client<S>(S);

impl<S: Read + Write> Client<S> {
    /// Greeted and logged in.
    pub(crate) fn begin(stream: S, login: &str) -> Client<S> {
        let mut client = Client(stream);
        assert_eq!(client.until("\r\n"), "Asterisk Call Manager/9.0.0\r\n");
        let said = client.ask(&format!("Action: Login\nUsername: {login}\nSecret: {SECRET}\nEvents: off"));
        assert!(said.contains("Authentication accepted"), "{said}");
        client
    }

    /// Everything up to that text, or to the end.
    fn until(&mut self, end: &str) -> String {
        let (mut got, mut byte) = (Vec::new(), [0]);
        while !got.ends_with(end.as_bytes()) && matches!(self.0.read(&mut byte), Ok(1)) {
            got.push(byte[0]);
        }
        String::from_utf8(got).unwrap()
    }

    /// The answer, and the list behind it if it announces one.
    pub(crate) fn ask(&mut self, request: &str) -> String {
        self.0.write_all(format!("{request}\n\n").replace('\n', "\r\n").as_bytes()).unwrap();
        self.0.flush().unwrap();
        let mut said = self.until("\r\n\r\n");
        while said.contains("EventList: start") && !said.contains("EventList: Complete") {
            let block = self.until("\r\n\r\n");
            assert!(!block.is_empty(), "the list ends: {said}");
            said.push_str(&block);
        }
        said
    }
}
