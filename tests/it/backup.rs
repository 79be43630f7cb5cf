//! A backup while calls run, restored elsewhere: records right, registrations and places there.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use turno_engine::{Answer, Command as Ask};

use super::rig::{Plan, Rig};

const CALLBACKS: &str = r#"
[calls]
callback_class = "spain"
callback_shows = "+34900100101"
[outside.spain.allow]
"+34" = ["pstn"]
"#;

fn turno(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_turno")).args(args).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_backup_under_calls_restores_records_registrations_agents_and_callbacks() {
    let queue = "[queues.averias.callback]\nkey = \"1\"\nfirst = \"agent\"";
    let mut rig = Rig::open(Plan { queue, more: CALLBACKS, ..Plan::default() });
    rig.rate = 15.0;
    rig.lasts = Duration::from_secs(2);
    rig.play(Duration::from_secs(4));
    let number = "+34612999999".parse().unwrap();
    rig.ask(Ask::CallbackAdd { number, queue: "averias".parse().unwrap(), at: Some(far()) });
    let config = rig.dir.join("turno.toml");
    let backups: Vec<_> = (0..3).map(|n| rig.dir.join(format!("backup{n}"))).collect();
    for to in &backups {
        let (config, to) = (config.clone(), to.clone());
        // Calls go on meanwhile.
        let making = std::thread::spawn(move || turno(&["backup", text(&to), "--config", text(&config)]));
        while !making.is_finished() {
            rig.play(Duration::from_millis(20));
        }
        let out = making.join().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        rig.play(Duration::from_secs(1));
    }
    rig.rate = 0.0;
    let data = rig.dir.join("data");
    let verified = |records: &Path| turno(&["cdr", "--records", text(records), "verify"]);
    for to in &backups {
        rig.kill();
        fs::remove_dir_all(&data).unwrap();
        let refused = turno(&["restore", text(to), text(&rig.dir)]);
        assert_eq!(refused.status.code(), Some(1), "the configuration is there");
        let out = turno(&["restore", text(to), text(&rig.dir), "--force"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let registrations = rig.registrations();
        rig.start();
        // Who was registered is, without having come again; who was at work is; who wanted to be called back will be.
        let Answer::Reachable { stations, .. } = rig.ask(Ask::RegShow) else { panic!("shown") };
        assert!(stations.iter().all(|station| station.reachable), "{stations:?}");
        assert_eq!(rig.registrations(), registrations);
        let Answer::Agents(agents) = rig.ask(Ask::AgentShow(None)) else { panic!("shown") };
        assert!(agents.iter().all(|agent| agent.state != "logged-out"), "{agents:?}");
        let Answer::Callbacks(callbacks) = rig.ask(Ask::CallbackShow(None)) else { panic!("shown") };
        assert_eq!(callbacks.iter().map(|c| c.number.as_str()).collect::<Vec<_>>(), ["+34612999999"]);
        // Calls go on.
        let call = rig.call_till_taken(Duration::from_millis(500));
        rig.until("it ends", |rig| rig.callers[&call].ended.is_some());
        rig.until("records are right", |_| verified(&data.join("records")).status.success());
    }
}

/// Not during this test.
fn far() -> turno_base::Wall {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    turno_base::Wall::from_secs(i64::try_from(now.as_secs()).unwrap() + 6 * 3600)
}
