//! Files put together, secrets in files of their own, and live sections that the store holds.

use std::fs;

use super::*;
use crate::shell::config::{check, load};
use crate::shell::store::tests::Dir;

const MAIN: &str = r#"
[[sip.listeners]]
address = "127.0.0.1:5060"
[accounts.1001]
password = "x"
[queues.averias]
length_max = 5
[agents.anna]
queues = ["averias"]
station = "1001"
[segments.standard]
[customers]
segment_default = "standard"
[[routes]]
dnis = "+34910000001"
to = "queue:averias"
"#;

fn house(files: &[(&str, &str)]) -> (Dir, PathBuf) {
    let dir = Dir::new("sources");
    for (name, text) in files {
        let path = dir.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let file = dir.0.join("turno.toml");
    (dir, file)
}

/// The problems of the house, its folder left out.
fn problems(dir: &Dir, file: &Path) -> Vec<String> {
    let folder = format!("{}/", dir.0.display());
    load(file, Some(BTreeMap::new())).problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
}

#[test]
fn files_of_conf_d_stand_above_the_file_in_the_order_of_their_names() {
    let (dir, file) = house(&[
        ("turno.toml", MAIN),
        ("conf.d/20-more.toml", "[queues.averias]\nlength_max = 20\n[[routes]]\ndnis = \"*\"\nto = \"refuse:404\"\n"),
        ("conf.d/10-first.toml", "[queues.averias]\nlength_max = 10\nring_limit = \"15s\"\n"),
        ("conf.d/30-note.txt", "this is no configuration"),
    ]);
    assert_eq!(problems(&dir, &file), Vec::<String>::new());
    let settings = load(&file, Some(BTreeMap::new())).settings.unwrap();
    let queue = settings.engine.acd.queues.values().next().unwrap();
    assert_eq!((queue.length_max, queue.ring_limit.as_secs()), (20, 15));
    let routes: Vec<&str> = settings.engine.call.routes.iter().map(|route| route.dnis.as_str()).collect();
    assert_eq!(routes, ["+34910000001", "*"]);
}

#[test]
fn a_problem_names_the_file_and_line_that_counts() {
    let (dir, file) = house(&[
        ("turno.toml", MAIN),
        (
            "conf.d/a.toml",
            "\n[queues.averias]\nlength_max = \"many\"\n[[routes]]\ndnis = \"*\"\nto = \"queue:nobody\"\n",
        ),
        ("conf.d/b.toml", "[log]\nlevl = \"info\"\n"),
    ]);
    assert_eq!(
        problems(&dir, &file),
        [
            "conf.d/a.toml:3: queues.averias.length_max: \"many\" does not fit; write a whole number from 1 to 100000, for \
             example 1000",
            "conf.d/a.toml:6: routes[1].to: there is no queue \"nobody\"; add it, or name one that exists",
            "conf.d/b.toml:2: log.levl: there is no such key; did you mean \"level\"?",
        ]
    );
}

#[test]
fn more_files_than_are_read_are_refused() {
    let (dir, file) = house(&[("turno.toml", MAIN), ("conf.d/x.toml", "")]);
    for n in 0..FILES_MAX {
        fs::write(dir.0.join(format!("conf.d/{n}.toml")), "").unwrap();
    }
    assert_eq!(problems(&dir, &file), ["conf.d: has more than 1000 files; put some together"]);
    fs::remove_file(dir.0.join("conf.d/x.toml")).unwrap();
    assert_eq!(problems(&dir, &file), Vec::<String>::new());
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let main = MAIN.replace("password = \"x\"", "password_file = \"secrets/1001\"");
    let (dir, file) = house(&[("turno.toml", &main), ("secrets/1001", "geheim\n")]);
    let settings = load(&file, Some(BTreeMap::new())).settings.unwrap();
    let secret = &settings.engine.sip.accounts.first().unwrap().secret;
    assert_eq!(*secret, turno_sip::config::Secret::Password("geheim".to_owned()));

    fs::write(dir.0.join("secrets/1001"), "x".repeat(5000)).unwrap();
    let long = "turno.toml:5: accounts.1001.password_file: secrets/1001 is longer than 4096 bytes";
    assert_eq!(problems(&dir, &file), [long]);
    fs::remove_file(dir.0.join("secrets/1001")).unwrap();
    assert!(problems(&dir, &file)[0].contains("accounts.1001.password_file: secrets/1001 cannot be read"));
    let both = MAIN.replace("password = \"x\"", "password = \"x\"\npassword_file = \"secrets/1001\"");
    fs::write(&file, both).unwrap();
    assert!(problems(&dir, &file)[0].contains("password_file: stands beside password; keep one of them"));
}

#[test]
fn live_sections_of_the_file_are_named_once_the_store_holds_them() {
    let (held, _) = Document::parse("[queues.ventas]\nlength_max = \"few\"\n[segments.standard]\n").unwrap();
    let sources = |source: Option<Source>| Sources {
        held: Some(Held { document: held.clone(), source, since: 7 }),
        ..Sources::text("turno.toml", MAIN, Path::new("."))
    };
    let said = |source| -> Vec<String> {
        let checked = check(&sources(source), Some(BTreeMap::new()));
        checked.problems.iter().map(ToString::to_string).collect()
    };
    let not_read = "is not read here: the store has held it since revision 7; change it by command, or take this file \
                    again with `turno apply`";
    let odd = |line: usize, section: &str| format!("turno.toml:{line}: warning: {section}: {not_read}");
    let sentence =
        "queues.ventas.length_max: \"few\" does not fit; write a whole number from 1 to 100000, for example 1000";
    let nobody = "warning: queues.ventas: no agent serves it";
    let expected = [odd(4, "accounts"), odd(8, "agents"), odd(6, "queues"), odd(14, "routes"), odd(11, "segments")];
    let mut all = said(None);
    for line in expected {
        assert!(all.contains(&line), "{line} is not in {all:#?}");
        all.retain(|other| *other != line);
    }
    assert_eq!(all, [format!("live configuration: {nobody}"), format!("live configuration: {sentence}")]);
    // What was just read from a text has its lines.
    let text = Source { name: "new.toml".to_owned(), text: "\n\n[queues.ventas]\nlength_max = \"few\"\n".to_owned() };
    let all = said(Some(text));
    assert!(all.contains(&format!("new.toml:4: {sentence}")), "{all:#?}");
    assert!(all.contains(&format!("new.toml:3: {nobody}")), "{all:#?}");
}
