//! The store's customers as the engine and the API know them, and files on their way into it.

use std::time::Instant;

use turno_base::Wall;

use super::file::{FileError, Reading, import};
use super::*;
use crate::shell::config;
use crate::shell::store::tests::Dir;

fn settings(dir: &Path) -> Settings {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let text = std::fs::read_to_string(config.join("turno.toml")).unwrap();
    let mut settings = config::parse("turno.toml", &text, &config, Some(BTreeMap::new())).settings.unwrap();
    settings.store.dir = dir.to_owned();
    settings
}

fn reading() -> Reading {
    Reading { mapping: turno_customers::import::Mapping::of_country("34"), ..Reading::default() }
}

fn bring(dir: &Path, name: &str, bytes: &[u8]) -> Result<file::Outcome, FileError> {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    import(&mut Kept::open(dir).unwrap(), &path, &reading(), Wall(1), false, |_| ())
}

fn id_of(customers: &Customers, number: &str) -> Option<String> {
    customers.look_up(E164::new(number).unwrap()).and_then(|customer| customer.id)
}

#[test]
fn a_running_node_knows_an_imported_customer_within_seconds() {
    let dir = Dir::new("known");
    let customers = Customers::new(&settings(&dir.0));
    customers.read();
    let _watch = customers.watch().unwrap();
    assert_eq!(id_of(&customers, "+34612045118").as_deref(), Some("C-1001"), "of the configured file");
    assert_eq!(id_of(&customers, "+34688111222"), None);
    bring(&dir.0, "a.csv", b"id;nombre;telefono\nX-1;Ana;688111222\n").unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while id_of(&customers, "+34688111222").is_none() && Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(id_of(&customers, "+34688111222").as_deref(), Some("X-1"));
    assert_eq!(id_of(&customers, "+34612045118").as_deref(), Some("C-1001"), "the file's are still known");
    assert_eq!(customers.search("ana", 5).first().map(|hit| hit.id.as_str()), Some("X-1"));
    Kept::open(&dir.0).unwrap().undo(None, Wall(2)).unwrap().unwrap();
    while id_of(&customers, "+34688111222").is_some() && Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(id_of(&customers, "+34688111222"), None);
    assert_eq!(customers.counts().0, 13);
}

#[test]
fn after_an_import_everybody_is_worth_what_the_rules_say_now() {
    let dir = Dir::new("worth-of-imported");
    let mut settings = settings(&dir.0);
    let rules = "[[rules]]\nname = \"press\"\nflag = \"press\"\nvalue = 7.5\n";
    settings.value_rules = Some(super::rules::rules_of(rules).unwrap());
    let customers = Customers::new(&settings);
    let value = |number: &str| customers.look_up(E164::new(number).unwrap()).map(|customer| customer.value_pm);
    let press = "id;nombre;telefono;flags\n";
    bring(&dir.0, "before.csv", format!("{press}X-0;Eva;688111000;press\n").as_bytes()).unwrap();
    let mut watched = Watched::default();
    customers.look(&mut watched);
    assert_eq!(value("+34688111000"), Some(1000), "what was there before is renewed when he calls, or by command");
    bring(&dir.0, "a.csv", format!("{press}X-1;Ana;688111222;press\nX-2;Bea;688111333;\n").as_bytes()).unwrap();
    customers.look(&mut watched);
    assert_eq!(["+34688111222", "+34688111333", "+34688111000"].map(value), [Some(7500), Some(1000), Some(7500)]);
    let kept = Kept::open(&dir.0).unwrap();
    let version = kept.version().unwrap();
    customers.look(&mut watched);
    assert_eq!(kept.version().unwrap(), version, "once for each import");
}

#[test]
fn a_file_of_any_kind_comes_in_and_its_faults_are_named() {
    let dir = Dir::new("files");
    let latin1: Vec<u8> = "id\tnombre\ttelefono\na\tNúñez\t612345678\nb\tx\t1\n".chars().map(|c| c as u8).collect();
    let outcome = bring(&dir.0, "latin1.txt", &latin1).unwrap();
    assert_eq!((outcome.counts.added, outcome.errors_count), (1, 1));
    assert_eq!(outcome.errors[0].line, 3);
    assert_eq!(outcome.columns[2], ("telefono".to_owned(), Some("numbers".to_owned())));
    assert_eq!(Kept::open(&dir.0).unwrap().get("a").unwrap().unwrap().name, "Núñez");
    let again = bring(&dir.0, "latin1.txt", &latin1).unwrap();
    assert_eq!((again.counts.added, again.counts.same), (0, 1));
    assert!(matches!(bring(&dir.0, "empty.csv", b""), Err(FileError::Header(_))));
    assert!(matches!(bring(&dir.0, "no.xlsx", b"PK no book"), Err(FileError::Sheet(..))));
    let missing = import(&mut Kept::open(&dir.0).unwrap(), Path::new("/none.csv"), &reading(), Wall(1), false, |_| ());
    assert!(matches!(missing, Err(FileError::Io(..))));
}

/// `tests/files/customers.xlsx`: the second sheet begins in the second row; a telephone number, a day and a value that the
/// program took for numbers.
#[test]
fn a_workbook_comes_in_as_it_was_typed() {
    let dir = Dir::new("book");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/customers.xlsx");
    let bring = |sheet: Option<&str>| {
        let reading = Reading { sheet: sheet.map(str::to_owned), ..reading() };
        import(&mut Kept::open(&dir.0).unwrap(), &path, &reading, Wall(1), false, |_| ())
    };
    let outcome = bring(Some("Clientes")).unwrap();
    let faults: Vec<String> = outcome.errors.iter().map(ToString::to_string).collect();
    let fault = "line 5, column mobile: \"nada\" is no telephone number; write + and the country code first";
    assert_eq!((outcome.counts.added, faults), (1, vec![fault.to_owned()]));
    let one = Kept::open(&dir.0).unwrap().get("x1").unwrap().unwrap();
    assert_eq!((one.name.as_str(), one.lines[0].number.to_string().as_str()), ("Núñez", "+34612345678"));
    assert_eq!(one.born.map(|day| day.to_string()).as_deref(), Some("1980-05-12"));
    assert_eq!(one.value.map(|value| value.pm), Some(2500));
    assert!(matches!(bring(None), Err(FileError::Header(_))), "the first sheet is another");
    assert_eq!(bring(Some("Hoja")).unwrap_err().to_string(), "there is no sheet \"Hoja\"; there are Notas, Clientes");
}
