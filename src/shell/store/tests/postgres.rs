//! Records in a real PostgreSQL, where there is one on this machine.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::outs::{open_outs, refused_calls};
use super::*;
use crate::shell::store::outs::{OutSettings, To};

/// A server of its own, with its files, gone with the test.
struct Server {
    dir: Dir,
    port: u16,
    child: Option<Child>,
}

/// Root may not run it: then it is whoever the packages make for it.
fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    if nix::unistd::geteuid().is_root()
        && let Ok(Some(postgres)) = nix::unistd::User::from_name("postgres")
    {
        command.uid(postgres.uid.as_raw()).gid(postgres.gid.as_raw());
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    command
}

impl Server {
    /// None: there is no PostgreSQL here.
    fn new() -> Option<Server> {
        let dir = Dir::new("pg");
        if nix::unistd::geteuid().is_root() {
            let postgres = nix::unistd::User::from_name("postgres").ok()??;
            nix::unistd::chown(&dir.0, Some(postgres.uid), Some(postgres.gid)).ok()?;
        }
        // Below 32768: from there the kernel draws ports for everybody else, also before the server begins and while it is dead.
        let first = std::process::id() % 5000;
        let mut ports = (0..5000).map(|n| 20_000 + ((first + n) % 5000) as u16);
        let port = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())?;
        let data = dir.0.join("data");
        let made = program("initdb").args(["-A", "trust", "-U", "turno", "-N", "-D"]).arg(&data).status().ok()?;
        made.success().then_some(())?;
        Some(Server { dir, port, child: None })
    }

    fn start(&mut self) {
        let mut command = program("postgres");
        command.arg("-D").arg(self.dir.0.join("data")).args([
            "-p",
            &self.port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
        ]);
        command.arg(format!("unix_socket_directories={}", self.dir.0.display()));
        self.child = Some(command.spawn().unwrap());
    }

    /// As if its machine had lost power.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
            let _ = std::fs::remove_file(self.dir.0.join("data/postmaster.pid"));
        }
    }

    fn connection(&self) -> String {
        format!("host=127.0.0.1 port={} user=turno dbname=postgres", self.port)
    }

    fn out(&self) -> OutSettings {
        OutSettings { name: "central".into(), to: To::Postgres(self.connection().parse().unwrap()) }
    }

    fn client(&mut self) -> ::postgres::Client {
        let until = Instant::now() + LONG * 3;
        loop {
            match ::postgres::Client::connect(&self.connection(), ::postgres::NoTls) {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            // While processes of the one that was killed are about it refuses to begin, and is begun anew, as service managers do.
            if self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
                self.start();
            }
            // It begins the sooner the less is asked of the machine meanwhile.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn calls_in(client: &mut ::postgres::Client) -> Vec<String> {
    let rows = client.query("SELECT call, record::text, arrived FROM turno_calls ORDER BY arrived, call", &[]);
    rows.unwrap_or_default().iter().map(|row| row.get(0)).collect()
}

fn ids(calls: std::ops::Range<u64>) -> Vec<String> {
    calls.map(|n| call(n).to_string()).collect()
}

#[test]
fn a_database_gets_each_record_once_though_it_is_killed_and_not_there_at_first() {
    let Some(mut server) = Server::new() else { return println!("no PostgreSQL on this machine") };
    let dir = Dir::new("pg-records");
    let store = open_outs(&dir, &[server.out()]);
    let mut next = append(&store, 0..5, 1);
    assert!(store.flush(LONG), "the tables do not wait for it");
    server.start();
    drop(server.client());
    assert!(store.flush_all(LONG * 3));
    assert_eq!(calls_in(&mut server.client()), ids(0..5));

    server.kill();
    next = append(&store, 5..10, next);
    assert!(store.flush(LONG));
    server.start();
    drop(server.client());
    assert!(store.flush_all(LONG * 3));
    store.close(LONG);

    // What it does not take is set aside: zeros are no text to it.
    let store = open_outs(&dir, &[server.out()]);
    let mut twisted = rows(10).pop().unwrap();
    if let Kind::Close(record) = &mut twisted.kind {
        record.customer = Some("zero\0".into());
    }
    store.append(next, twisted).unwrap();
    append(&store, 11..13, next + 1);
    assert!(store.flush_all(LONG * 3));
    store.close(LONG);
    let mut client = server.client();
    assert_eq!(calls_in(&mut client), [ids(0..10), ids(11..13)].concat());
    assert_eq!(refused_calls(&dir), [Some(call(10).to_string())]);
    let total: i64 =
        client.query_one("SELECT sum(total_ms)::bigint FROM turno_calls WHERE queue = 'averias'", &[]).unwrap().get(0);
    let want: u64 = (0..13).filter(|n| n % 2 == 0 && *n != 10).map(|n| record(n).total_ms).sum();
    assert_eq!(total, want as i64);
    let arrived: bool = client
        .query_one(
            "SELECT arrived = '2026-03-10 11:00:00.003+00' FROM turno_calls WHERE call = $1",
            &[&call(3).to_string()],
        )
        .unwrap()
        .get(0);
    assert!(arrived);
}
