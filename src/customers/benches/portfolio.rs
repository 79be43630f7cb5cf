//! A million invented customers with two million numbers: `cargo bench -p turno-customers [-- COUNT]` prints how long reading
//! their file, packing, look-ups, searches and the search for duplicates take, and how much memory.

#![expect(clippy::disallowed_types, reason = "a bench measures time")]
#![expect(clippy::disallowed_methods, reason = "a bench asks the system what it used")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use turno_base::{E164, Seeded, Wall};
use turno_customers::duplicates::{Finder, Verdict};
use turno_customers::import::{Importer, Mapping, csv_rows};
use turno_customers::{Customer, Packer, Portfolio};

const GIVEN: &[&str] = &[
    "María",
    "Carmen",
    "Ana",
    "Isabel",
    "Laura",
    "Cristina",
    "Marta",
    "Lucía",
    "Begoña",
    "Nerea",
    "Montserrat",
    "Uxía",
    "Rocío",
    "Elena",
    "Raquel",
    "José",
    "Antonio",
    "Juan",
    "Manuel",
    "Francisco",
    "David",
    "Javier",
    "Daniel",
    "Iker",
    "Oriol",
    "Jordi",
    "Xavier",
    "Hernán",
    "Álvaro",
    "Gonzalo",
    "Víctor",
    "Ángel",
];
const ROOTS: &[&str] = &[
    "García",
    "González",
    "Rodríguez",
    "Fernández",
    "López",
    "Martínez",
    "Sánchez",
    "Pérez",
    "Gómez",
    "Martín",
    "Jiménez",
    "Ruiz",
    "Hernández",
    "Díaz",
    "Moreno",
    "Muñoz",
    "Álvarez",
    "Romero",
    "Alonso",
    "Gutiérrez",
    "Navarro",
    "Torres",
    "Vázquez",
    "Ramos",
    "Gil",
    "Serrano",
    "Blanco",
    "Molina",
    "Suárez",
    "Castro",
    "Ortega",
    "Rubio",
    "Llorente",
    "Etxeberria",
    "Casals",
];
const STARTS: &[&str] =
    &["Al", "Bar", "Ca", "Del", "Es", "Fon", "Gar", "He", "Ibar", "Ju", "La", "Men", "Nu", "Or", "Pa", "Que"];
const MIDDLES: &[&str] =
    &["ba", "ce", "di", "fo", "gue", "lla", "me", "no", "pe", "que", "rre", "sa", "ti", "vi", "za"];
const ENDS: &[&str] = &["no", "ra", "ta", "do", "les", "món", "gui", "ña", "rez", "da", "co", "lla"];

fn pick<'a>(seeded: &mut Seeded, of: &[&'a str]) -> &'a str {
    of.get(seeded.below(of.len() as u64) as usize).copied().unwrap_or("")
}

/// Few surnames have many bearers, and many have few.
fn surname(seeded: &mut Seeded) -> String {
    match seeded.below(10) {
        0..4 => pick(seeded, ROOTS).to_owned(),
        _ => format!("{}{}{}", pick(seeded, STARTS), pick(seeded, MIDDLES), pick(seeded, ENDS)),
    }
}

/// The file, and by customer the first who is the same person.
fn file(count: u64, seeded: &mut Seeded) -> (String, Vec<u32>) {
    let mut text = String::from(
        "id;nombre de pila;apellido 1;apellido 2;telefonos;email;dni;nacimiento;calle;cp;ciudad;segmento;valor\n",
    );
    let mut last: Option<(String, String, String, String, String)> = None;
    let mut persons: Vec<u32> = Vec::new();
    for n in 0..count {
        let twice = seeded.below(25) == 0 && n > 0;
        persons.push(if twice { persons.last().copied().unwrap_or(0) } else { n as u32 });
        let fresh = (
            pick(seeded, GIVEN).to_owned(),
            surname(seeded),
            surname(seeded),
            format!("6{:08};9{:08}", seeded.below(100_000_000), seeded.below(100_000_000)),
            format!("{}-{:02}-{:02}", 1930 + seeded.below(75), 1 + seeded.below(12), 1 + seeded.below(28)),
        );
        let (given, first, second, numbers, born) = last.take().filter(|_| twice).unwrap_or(fresh);
        let dni = 10_000_000 + n;
        let letter = "TRWAGMYFPDXBNJZSQVHLCKE".chars().nth((dni % 23) as usize).unwrap_or('T');
        // Half of them have an id; a second record never has another.
        let id = if twice || n % 2 == 0 { String::new() } else { format!("{dni}{letter}") };
        let email = format!("{}.{n}@example.es", turno_customers::text::fold(&first));
        let _ = writeln!(
            text,
            "{n:07};{given};{first};{second};\"{numbers}\";{email};{id};{born};Calle {} {};{:05};Ciudad {};standard;{}",
            surname(seeded),
            seeded.below(120),
            1000 + seeded.below(9000),
            seeded.below(400),
            seeded.below(12)
        );
        last = Some((given, first, second, numbers, born));
    }
    (text, persons)
}

fn customers(text: &str) -> Vec<Customer> {
    let mut importer: Option<Importer> = None;
    let mut all = Vec::new();
    csv_rows(text, b';', |line, cells| {
        match importer.as_mut() {
            None => {
                importer = Some(Importer::new(Mapping::of_country("34"), cells).expect("the bench's header is whole"))
            }
            Some(importer) => {
                let row = importer.on_row(line, cells, Wall(0)).expect("the bench's rows are right");
                all.extend(row.map(|row| row.onto(None)));
            }
        }
        true
    })
    .expect("the bench's file is CSV");
    all
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |pm: usize| times.get((times.len() * pm / 1000).min(times.len() - 1)).copied().unwrap_or_default();
    println!(
        "{what:<50} n {:>7}  p50 {:>11?}  p95 {:>11?}  p99 {:>11?}  max {:>11?}",
        times.len(),
        at(500),
        at(950),
        at(990),
        at(1000)
    );
}

/// Time that this thread has had a core, which a busy machine does not lengthen.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

fn main() {
    let count = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(1_000_000);
    let mut seeded = Seeded::new(1);
    let (text, persons) = file(count, &mut seeded);
    println!("{count} customers, file of {} MB", text.len() >> 20);

    let begun = Instant::now();
    let all = customers(&text);
    println!("{:<34} {:?} (cpu so far {:?})", "rows to customers", begun.elapsed(), cpu());
    let begun = Instant::now();
    let mut packer = Packer::default();
    all.iter().for_each(|one| packer.push(one).expect("ids ascend"));
    let portfolio = packer.finish();
    let (look_up, search) = portfolio.bytes();
    println!(
        "{:<34} {:?}, {} numbers; bytes a customer: {} look-up, {} search",
        "packed",
        begun.elapsed(),
        portfolio.numbers_len(),
        look_up as u64 / count,
        search as u64 / count
    );
    look_ups(&portfolio, &all, &mut seeded);
    searches(&portfolio, &all, &mut seeded);
    duplicates(&all, &persons);
}

fn look_ups(portfolio: &Portfolio, all: &[Customer], seeded: &mut Seeded) {
    let mut times = Vec::new();
    for n in 0..200_000_u64 {
        let one = &all[seeded.below(all.len() as u64) as usize];
        // One in four is a stranger.
        let stranger = E164::new(&format!("+346{:08}", seeded.below(100_000_000))).expect("digits");
        let number = one.lines.first().map(|line| line.number).filter(|_| n % 4 > 0).unwrap_or(stranger);
        let begun = Instant::now();
        std::hint::black_box(portfolio.by_number(number));
        times.push(begun.elapsed());
    }
    report("look-up", times);
}

fn searches(portfolio: &Portfolio, all: &[Customer], seeded: &mut Seeded) {
    let clip = |text: &str, of: usize| text.chars().take(of).collect::<String>();
    type Ask<'a> = &'a dyn Fn(&Customer, u64) -> String;
    let kinds: [(&str, Ask<'_>); 9] = [
        ("search: given name", &|one, _| one.given.clone()),
        ("search: two letters", &|one, _| clip(&one.surnames, 2)),
        ("search: beginnings of both names", &|one, _| format!("{} {}", clip(&one.given, 2), clip(&one.surnames, 3))),
        ("search: whole name", &|one, _| one.name.clone()),
        ("search: surnames, as they sound", &|one, _| {
            one.surnames.replace('z', "s").replace('v', "b").replace('h', "")
        }),
        ("search: part of a number", &|one, n| {
            let digits = one.lines.first().map(|line| line.number.digits().to_owned()).unwrap_or_default();
            digits.get((n % 4) as usize..5 + (n % 5) as usize).unwrap_or("555").to_owned()
        }),
        ("search: digits that nobody has", &|_, n| format!("0{n:06}99")),
        ("search: e-mail", &|one, _| one.emails.first().map(|email| clip(email, 12)).unwrap_or_default()),
        ("search: two letters, two letters", &|one, _| format!("{} {}", clip(&one.surnames, 2), clip(&one.given, 1))),
    ];
    let mut every = Vec::new();
    for (what, ask) in kinds {
        let mut times = Vec::new();
        let cpu_before = cpu();
        for n in 0..300 {
            let question = ask(&all[seeded.below(all.len() as u64) as usize], n);
            let begun = Instant::now();
            std::hint::black_box(portfolio.search(&question, 20));
            times.push(begun.elapsed());
        }
        every.extend(times.iter().copied());
        let mean = (cpu() - cpu_before) / 300;
        report(&format!("{what} (cpu {mean:?})"), times);
    }
    report("search: all", every);
}

/// With `-v` on the command line the first wrong pairs are explained.
fn duplicates(all: &[Customer], persons: &[u32]) {
    let (begun, cpu_before) = (Instant::now(), cpu());
    let mut finder = Finder::default();
    all.iter().for_each(|one| finder.push(one));
    let found = finder.find(|_| ());
    let groups = finder.groups(&found);
    let same = found.pairs.iter().filter(|pair| pair.verdict == Verdict::Same).count();
    println!(
        "{:<34} {:?} (cpu {:?}): {} pairs compared, {same} the same, {} for people, {} groups, {} keys too common",
        "duplicates",
        begun.elapsed(),
        cpu() - cpu_before,
        found.compared,
        found.pairs.len() - same,
        groups.len(),
        found.too_common
    );
    let is_one = |a: u32, b: u32| persons.get(a as usize) == persons.get(b as usize);
    let mut of_person = std::collections::BTreeMap::<u32, u64>::new();
    persons.iter().for_each(|person| *of_person.entry(*person).or_insert(0) += 1);
    let all_right: u64 = of_person.values().map(|many| many * (many - 1) / 2).sum();
    let (mut given, mut right) = (0_u64, 0_u64);
    let mut wrong = Vec::new();
    for group in &groups {
        for (at, &a) in group.iter().enumerate() {
            for &b in group.iter().skip(at + 1) {
                given += 1;
                right += u64::from(is_one(a, b));
                if !is_one(a, b) {
                    wrong.push((a, b));
                }
            }
        }
    }
    let to_people = found.pairs.iter().filter(|pair| pair.verdict == Verdict::Maybe && is_one(pair.a, pair.b)).count();
    println!(
        "{:<34} {given} pairs given as one, {right} of the {all_right} that are: precision {:.5}, recall {:.5}; of the rest {to_people} \
         to people",
        "judged by the inventor",
        right as f64 / given.max(1) as f64,
        right as f64 / all_right.max(1) as f64
    );
    if std::env::args().any(|arg| arg == "-v") {
        let evidence = finder.evidence();
        for (a, b) in wrong.into_iter().take(20) {
            println!("{a} {:?}\n{b} {:?}", all[a as usize], all[b as usize]);
            println!("   {:?}", finder.explain(&evidence, a, b));
        }
    }
}
