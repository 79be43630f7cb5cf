//! Chromium without a window, steered over its DevTools pipe: JSON messages, each ended by a zero byte.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A browser with one page. Dropping it ends it.
pub(crate) struct Browser {
    child: Child,
    to: File,
    from: File,
    asked: u64,
    session: Option<String>,
}

impl Browser {
    /// Starts it with its profile and pipes in `dir`, and opens `url`.
    pub(crate) fn open(dir: &Path, url: &str) -> Browser {
        fs::create_dir_all(dir).unwrap();
        let (to, from) = (dir.join("to"), dir.join("from"));
        assert!(Command::new("mkfifo").arg(&to).arg(&from).status().unwrap().success());
        let log = File::create(dir.join("chromium.log")).unwrap();
        // Chromium reads commands from descriptor 3 and writes to 4; only a shell can give it those.
        let child = Command::new("sh")
            .args([
                "-c",
                "exec chromium \"$@\" 3<\"$TO\" 4>\"$FROM\"",
                "sh",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
            ])
            .args(["--remote-debugging-pipe", "--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1600,900"])
            .arg(format!("--user-data-dir={}", dir.join("profile").display()))
            .arg("about:blank")
            .env("TO", &to)
            .env("FROM", &from)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("chromium does not start ({error}); scripts/tools installs it"));
        // Each of these waits for the shell to open the other end.
        let to = OpenOptions::new().write(true).open(to).unwrap();
        let from = File::open(from).unwrap();
        let mut browser = Browser { child, to, from, asked: 0, session: None };
        let target = browser.ask("Target.createTarget", json!({"url": url}))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser
    }

    /// The value of a JavaScript expression in the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let answer = self.ask("Runtime.evaluate", json!({"expression": expression, "returnByValue": true}));
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer:#}");
        answer["result"]["value"].clone()
    }

    /// Gives a command of the DevTools protocol.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let mut message = json!({"id": self.asked, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        loop {
            let answer = self.read();
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {answer:#}");
                return answer["result"].clone();
            }
        }
    }

    /// The next message; when the browser ends, so does its pipe.
    fn read(&mut self) -> Value {
        let mut text = Vec::new();
        let mut byte = [0];
        loop {
            self.from.read_exact(&mut byte).expect("chromium talks until it is ended");
            if byte[0] == 0 {
                return serde_json::from_slice(&text).unwrap();
            }
            text.push(byte[0]);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // With its children: they would go on writing into a profile that is being removed.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
