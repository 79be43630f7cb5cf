//! Agents put into queues and taken out of them by a connector, over TLS, and what is left of it after a crash.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::ami_client::{Client, SECRET, connected};
use crate::house::{House, Plan, free_port};
use crate::sipp::seat;

type Secure = Client<StreamOwned<ClientConnection, TcpStream>>;

/// A client that speaks TLS.
fn open(house: &House, port: u16, trusted: &CertificateDer<'static>) -> Secure {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(config, name).unwrap();
    Client::begin(StreamOwned::new(connection, connected(house, port)), "connector")
}

/// Queues in which the agent is a member, with his penalty.
fn queues(client: &mut Secure) -> Vec<(String, String)> {
    let said = client.ask("Action: QueueStatus");
    let members = said.split("\r\n\r\n").filter(|block| block.starts_with("Event: QueueMember"));
    let line = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim_start_matches(": ").to_owned()
    };
    members.map(|block| (line(block, "Queue"), line(block, "Penalty"))).collect()
}

fn is_done(said: &str, sentence: &str) {
    assert!(said.contains("Response: Success") && said.contains(sentence), "{said}");
}

fn logged(house: &House) -> Vec<String> {
    let text = std::fs::read_to_string(house.dir.join("queue_log")).unwrap_or_default();
    let his = text.lines().filter(|line| line.contains("|anna|"));
    his.map(|line| line.splitn(3, '|').nth(2).unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_connector_moves_an_agent_between_queues_over_tls_and_a_crash_leaves_it_so() {
    let (port, secret_port) = (free_port(), free_port());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let dir = std::env::temp_dir().join(format!("turno-ami-tls-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = |name: &str, text: String| {
        std::fs::write(dir.join(name), text).unwrap();
        Path::new(&dir).join(name).display().to_string()
    };
    let (cert, key) = (file("c.pem", made.cert.pem()), file("k.pem", made.signing_key.serialize_pem()));
    let more = format!(
        "[ami]\nlisten = \"127.0.0.1:{port}\"\ntls_listen = \"127.0.0.1:{secret_port}\"\n\
         [ami.tls]\ncert = \"{cert}\"\nkey = \"{key}\"\n[ami.logins.connector]\nsecret = \"{SECRET}\"\nwrite = [\"agent\"]\n\
         [[store.out]]\nname = \"queue-log\"\nto = \"queue-log\"\npath = \"queue_log\"\n"
    );
    let sip = "digests = [\"md5\", \"sha-256\"]";
    let mut house = House::open(&Plan { agents: &[("anna", 5)], sip, queue: "", more: &more });
    seat(&house, 0, "anna");
    let trusted = made.cert.der().clone();
    let mut client = open(&house, secret_port, &trusted);
    let pair = |queue: &str, penalty: &str| (queue.to_owned(), penalty.to_owned());
    house.until("anna is a member", || (queues(&mut client).len() == 2).then_some(()));
    is_done(&client.ask("Action: QueueRemove\nQueue: general\nInterface: PJSIP/1001"), "Removed interface from queue");
    assert_eq!(queues(&mut client), [pair("averias", "0")], "what was done shows in the next list");
    is_done(
        &client.ask("Action: QueuePenalty\nInterface: PJSIP/1001\nPenalty: 7"),
        "Interface penalty set successfully",
    );
    assert_eq!(queues(&mut client), [pair("averias", "7")]);
    is_done(&client.ask("Action: QueueRemove\nQueue: averias\nInterface: PJSIP/1001"), "Removed interface from queue");
    house.until_agent("anna", "logged-out");
    is_done(
        &client.ask("Action: QueueAdd\nQueue: general\nInterface: PJSIP/1001\nPenalty: 3"),
        "Added interface to queue",
    );
    house.until_agent("anna", "ready");
    assert_eq!(queues(&mut client), [pair("general", "3")], "a login by a queue is for that queue");
    let said = client.ask("Action: QueueAdd\nQueue: general\nInterface: PJSIP/1001");
    assert!(said.contains("Already there"), "{said}");

    house.crash();
    house.start();
    let mut client = open(&house, secret_port, &trusted);
    assert_eq!(queues(&mut client), [pair("general", "3")], "the crash changed nothing");
    is_done(&client.ask("Action: QueueAdd\nQueue: averias\nInterface: PJSIP/1001"), "Added interface to queue");
    house.ask(&["agent", "logout", "anna"]);
    house.log_in("anna");
    house.until("the next shift is as configured", || {
        (queues(&mut client) == [pair("averias", "0"), pair("general", "0")]).then_some(())
    });
    let wanted = [
        "averias|anna|ADDMEMBER|",
        "general|anna|ADDMEMBER|",
        "general|anna|REMOVEMEMBER|",
        "averias|anna|PENALTY|7",
        "averias|anna|REMOVEMEMBER|",
        "general|anna|ADDMEMBER|",
        "averias|anna|ADDMEMBER|",
        "general|anna|REMOVEMEMBER|",
        "averias|anna|REMOVEMEMBER|",
        "averias|anna|ADDMEMBER|",
        "general|anna|ADDMEMBER|",
    ];
    house.until("queue_log tells it all", || (logged(&house).len() >= wanted.len()).then_some(()));
    let (mut got, mut wanted) = (logged(&house), wanted.map(str::to_owned).to_vec());
    // A login adds to both queues at once.
    got.sort();
    wanted.sort();
    assert_eq!(got, wanted);
    house.is_clean();
    let _ = std::fs::remove_dir_all(dir);
}
