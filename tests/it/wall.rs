//! The demo as a newcomer sees it: it runs, its wallboard moves in a real browser, its metrics are what Prometheus reads.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::browser::Browser;
use crate::demo::{Demo, until};

/// Calls that entered, as the page shows them.
fn entered(browser: &mut Browser) -> Option<u64> {
    let shown = browser.value("document.querySelector('#totals b')?.textContent ?? ''");
    shown.as_str()?.parse().ok()
}

#[test]
fn the_wall_of_the_demo_moves_and_its_metrics_pass_promtool() {
    let demo = Demo::open();
    let url = format!("http://127.0.0.1:{}/wall/?lang=es", demo.http);
    let mut browser = Browser::open(&demo.dir.join("browser"), &url);
    until("the wall is live", || (browser.value("document.body?.dataset.feed") == "live").then_some(()));
    let first = until("calls enter", || entered(&mut browser).filter(|&calls| calls > 0));
    until("more calls enter", || entered(&mut browser).filter(|&calls| calls > first + 2));
    let count = |browser: &mut Browser, selector: &str| {
        browser.value(&format!("document.querySelectorAll('{selector}').length"))
    };
    for (selector, all) in [("#queues tbody tr", 5), ("#people .state", 24)] {
        until("all are shown", || (count(&mut browser, selector) == all).then_some(()));
    }
    assert_eq!(browser.value("document.documentElement.scrollWidth <= window.innerWidth"), Value::from(true));
    let talking = "document.querySelectorAll('#people .state.talking').length";
    until("somebody talks", || browser.value(talking).as_u64().filter(|&talking| talking > 0));
    assert_eq!(browser.value("document.querySelector('#waiting-h').textContent"), Value::from("En espera"));

    let page = demo.get("/metrics").unwrap();
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("text/plain"), "{head}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool does not start ({error}); scripts/tools installs it"));
    promtool.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let said_text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success() && said_text.is_empty(), "{said_text}");
    for name in ["turno_heals_total", "turno_panics_total"] {
        let samples = body.lines().filter(|line| line.starts_with(name) && !line.ends_with(" 0"));
        assert_eq!(samples.collect::<Vec<_>>(), Vec::<&str>::new(), "{name}");
    }
}
