//! A softphone that knows SHA-256: linphone registers where nothing else is taken, and takes a queued call.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::caller::Caller;
use crate::house::{AVERIAS, House, PASSWORD, Plan, account, free_port};

/// A linphone that answers by itself. It ends when its input does.
struct Linphone(Child);

impl Linphone {
    fn open(house: &House, at: usize) -> Linphone {
        let user = account(at);
        let dir = house.dir.join(format!("linphone-{user}"));
        fs::create_dir_all(dir.join(".local/share/linphone")).unwrap();
        let config = include_str!("peers/linphone.rc")
            .replace("@IP@", &house.phone(at).to_string())
            .replace("@RTP@", &(free_port() & !1).to_string());
        // The account as the page on phones has it.
        let page = include_str!("../../docs/how-to/phones.md");
        let from = page.find("[proxy_0]\n").unwrap();
        let account = page[from..].split("```").next().unwrap();
        let engine = house.sip().ip().to_string();
        let account = account.replace("1001", &user).replace("10.0.0.20", &engine).replace("the-password", PASSWORD);
        fs::write(dir.join("rc"), config + &account).unwrap();
        let log = fs::File::create(house.dir.join(format!("linphone-{user}.log"))).unwrap();
        let child = Command::new("linphonec")
            .args(["-a", "-c"])
            .arg(dir.join("rc"))
            .env("HOME", &dir)
            .current_dir(&dir)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("linphonec does not start ({error}); scripts/tools installs it"));
        Linphone(child)
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn linphone_registers_by_sha_256_and_takes_a_call() {
    let digests = "digests = [\"sha-256\"]";
    let house = House::open(&Plan { agents: &[("anna", 5)], sip: digests, queue: "ring_limit = \"10s\"", more: "" });
    let _phone = Linphone::open(&house, 0);
    house.until_registered(0);
    house.log_in("anna");
    let mut caller = Caller::at_carrier(&house, 440);
    let leg = caller.call(AVERIAS);
    caller.until("anna talks", |_| house.agent("anna") == "talking");
    caller.listen(Duration::from_secs(1));
    caller.hang_up(leg);
    let record = &house.records(1)[0];
    assert_eq!((record["outcome"].as_str(), record["agent"].as_str()), (Some("answered"), Some("anna")));
    assert_eq!(house.metric("turno_sip_events_total{event=\"auth_failed\"}"), 0.0);
    house.until_agent("anna", "ready");
    house.is_clean();
}
