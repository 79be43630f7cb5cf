//! The chart through helm itself: what it makes fits the schemas of Kubernetes, and the engine in it starts from the file that
//! `turno init` writes.
//!
//! `scripts/chart` unpacks helm and the schemas below `target`. Where they are not to be had the test says so and tries nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Where the tools are, or why not.
fn tools() -> Result<PathBuf, String> {
    let below = root().join("target/peers/chart");
    if below.join("installed.txt").exists() {
        return Ok(below.join("venv/bin"));
    }
    Err(fs::read_to_string(below.join("absent")).expect("scripts/chart (make tools) unpacks it"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A command that succeeds.
fn done(command: &mut Command) -> Output {
    let out = command.current_dir(root()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {told}");
    out
}

/// What the chart makes with these arguments, each held against the schema of its kind.
fn rendered(bin: &Path, dir: &Path, arguments: &[String]) -> Vec<Value> {
    let out = done(Command::new(bin.join("helm")).args(["template", "turno", "deploy/helm/turno"]).args(arguments));
    let file = dir.join("made.yaml");
    fs::write(&file, &out.stdout).unwrap();
    // Nothing that Kubernetes would drop in silence either.
    done(Command::new(bin.join("kubernetes-validate")).arg("--strict").arg(&file));
    let as_json = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let out = done(Command::new(bin.join("python")).args(["-c", as_json]).arg(&file));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn of_kind<'a>(made: &'a [Value], kind: &str) -> &'a Value {
    made.iter().find(|each| each["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {made:#?}"))
}

/// Whether the engine would start in the pod: the file that is mounted, the environment of the container, and of the image what
/// its Dockerfile copies there.
fn is_accepted(dir: &Path, made: &[Value]) {
    let config = of_kind(made, "ConfigMap")["data"]["turno.toml"].as_str().unwrap();
    let mounted = dir.join("mounted");
    fs::create_dir_all(&mounted).unwrap();
    fs::write(mounted.join("turno.toml"), config).unwrap();
    let container = &of_kind(made, "StatefulSet")["spec"]["template"]["spec"]["containers"][0];
    let mut check = Command::new(env!("CARGO_BIN_EXE_turno"));
    check.arg("check").arg(mounted.join("turno.toml"));
    let image = root().join("config").display().to_string();
    for set in container["env"].as_array().into_iter().flatten() {
        let value = set["value"].as_str().unwrap().replace("/usr/share/turno", &image);
        check.env(set["name"].as_str().unwrap(), value);
    }
    done(&mut check);
}

#[test]
fn helm_makes_of_the_chart_what_kubernetes_takes_and_an_engine_starts_from() {
    let bin = match tools() {
        Ok(bin) => bin,
        Err(why) => return println!("the chart was not tried with helm, there is none here: {why}"),
    };
    let dir = std::env::temp_dir().join(format!("turno-chart-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    done(Command::new(bin.join("helm")).args(["lint", "--strict", "deploy/helm/turno"]));

    let made = rendered(&bin, &dir, &[]);
    is_accepted(&dir, &made);

    // As the page on installing says it, with what `turno init` has written.
    let init = ["init", "--pbx", "freeswitch", "--pbx-ip", "127.0.0.9", "--ip", "127.0.0.1", "--dir"];
    done(Command::new(env!("CARGO_BIN_EXE_turno")).args(init).arg(&dir));
    let page = fs::read_to_string(root().join("docs/how-to/install.md")).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("helm install turno deploy/helm/turno ")).unwrap();
    let file = dir.join("turno.toml").display().to_string();
    let arguments =
        line.split(' ').map(|word| word.trim_matches('\'').replace("config=turno.toml", &format!("config={file}")));
    let made = rendered(&bin, &dir, &arguments.collect::<Vec<_>>());
    let spec = &of_kind(&made, "StatefulSet")["spec"]["template"]["spec"];
    assert_eq!(spec["nodeSelector"]["kubernetes.io/hostname"], "voice1", "{spec:#}");
    assert_eq!(of_kind(&made, "ConfigMap")["data"]["turno.toml"], fs::read_to_string(&file).unwrap());
    is_accepted(&dir, &made);

    // Each further value at once.
    let more = [
        "secretEnv=secrets",
        "prometheus.scrape=true",
        "persistence.storageClass=fast",
        "tolerations[0].key=voice",
        "tolerations[0].operator=Exists",
        "promptsDir=",
        "image.tag=9",
    ];
    let arguments: Vec<String> = more.iter().flat_map(|set| ["--set".to_owned(), (*set).to_owned()]).collect();
    let made = rendered(&bin, &dir, &arguments);
    let spec = &of_kind(&made, "StatefulSet")["spec"]["template"]["spec"];
    let container = &spec["containers"][0];
    assert_eq!(container["envFrom"][0]["secretRef"]["name"], "secrets");
    assert_eq!((&container["image"], &container["env"]), (&"turno:9".into(), &Value::Null));
    assert_eq!(spec["tolerations"][0]["key"], "voice");
    fs::remove_dir_all(dir).unwrap();
}
