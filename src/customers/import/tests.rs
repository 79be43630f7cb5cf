//! Files as people have them, in, and what came of each row, out.

use super::*;

fn listed(portfolio: &Portfolio) -> String {
    let mut out = String::new();
    for one in portfolio.iter() {
        let numbers: Vec<String> = one.numbers.iter().map(E164::to_string).collect();
        let name = |n: Option<Name>| n.map_or("-".to_owned(), |n| n.to_string());
        let (segment, language) = (name(one.segment.map(|s| s.0)), name(one.language));
        let numbers = numbers.join(" ");
        out.push_str(&format!("{} {:?} {numbers} {segment} {:?} {language}\n", one.id, one.name, one.value_pm));
    }
    out
}

fn report(bytes: &[u8]) -> String {
    let (portfolio, errors) = Portfolio::parse_csv(bytes, "34");
    let mut out = listed(&portfolio);
    errors.iter().for_each(|error| out.push_str(&format!("{error}\n")));
    out
}

#[test]
fn a_sheet_as_people_write_it() {
    let sheet = "Código;Nombre;Teléfonos;Segmento;Valor;Idioma;Notas\n\
                 7;Ana Núñez;\"612 345 678; 91 234 56 78\";Platinum;10;catalan;x\n\
                 \n\
                 8;\"Pérez; e Hijos\";+33 1 70 18 99 00;;2,5;\n";
    let want = "7 \"Ana Núñez\" +34612345678 +34912345678 platinum Some(10000) catalan\n\
                8 \"Pérez; e Hijos\" +33170189900 - Some(2500) -\n";
    assert_eq!(report(sheet.as_bytes()), want);
    let latin1: Vec<u8> = sheet.chars().map(|c| c as u8).collect();
    assert_eq!(report(&latin1), want, "Latin-1");
    let utf16: Vec<u8> = sheet.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(report(&utf16), want, "UTF-16");
    for other in ["\t", "^", "~"] {
        let sheet = sheet.replace("; ", "| ").replace(';', other);
        assert_eq!(report(sheet.as_bytes()), want.replace("Pérez;", "Pérez|"), "{other:?}");
    }
}

#[test]
fn a_row_with_a_fault_is_left_out_and_named() {
    let sheet = "external_id,name,numbers,segment,value,language\n\
                 a,Ana,612345678,,,\n\
                 ,Eva,612345679,,,\n\
                 \n\
                 a,Ana,612345670,,,\n\
                 b,Luis,1004,,,\n\
                 c,Mar,612345678,,,\n\
                 d,Leo,612345671,muy vip,,\n\
                 e,Pia,612345672,,mucho,\n\
                 f,Teo,612345673,,1000001,\n\
                 g,Zoe,612345674,,1,\n";
    let want = "a \"Ana\" +34612345678 - None -\n\
         c \"Mar\" +34612345678 - None -\n\
         g \"Zoe\" +34612345674 - Some(1000) -\n\
         line 3, column external_id: the cell is empty; fill it in\n\
         line 5, column external_id: the id is on line 2 already; put all numbers there, with ';' between\n\
         line 6, column numbers: \"1004\" is no telephone number; write + and the country code first\n\
         line 8, column segment: \"muy vip\" is no name; use a-z, 0-9, '-', '_' and '.'\n\
         line 9, column value: \"mucho\" is no value; write a number such as 1 or 2.5, at most 1000000\n\
         line 10, column value: \"1000001\" is no value; write a number such as 1 or 2.5, at most 1000000\n";
    assert_eq!(report(sheet.as_bytes()), want);
}

#[test]
fn every_field_has_its_fault_and_its_remedy() {
    let sheet = "id|tipo|nombre|apellido 1|apellido 2|fecha de nacimiento|móvil|correo|nif|cuit|dirección|cp|gestor|marcas\n\
                 1|empresa|Ruiz|||31/12/1980|612345678|a@b.es;C@D.ES|A28015865||Mayor 1|28001|anna|vip;press\n\
                 2|gremio||||||||||||\n\
                 3|||||31/31/1980||||||||\n\
                 4|||||||ana.example.es||||||\n\
                 5||||||||12345678A|||||\n\
                 6||||||||12345678Z|20-12345678-5||||\n\
                 7||Luis|Gil|Roca|||||||||\n\
                 8|||||||||||||no such flag!\n\
                 9|||||||||||||\n";
    let (customers, errors) = parse_csv(sheet.as_bytes(), Mapping::of_country("34"), Wall(7));
    let faults: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "line 3, column kind: \"gremio\" is neither; write person or company",
            "line 4, column born: \"31/31/1980\" is no day; write it as 1980-12-31 or 31/12/1980",
            "line 5, column email: \"ana.example.es\" is no e-mail address; write name@host, several with ';' between",
            "line 6, column tax_id: \"12345678A\" as dni has a wrong digit: with the others as they are it ends in Z",
            "line 7, column cuit: \"20-12345678-5\" as cuit has a wrong digit: with the others as they are it ends in 6",
            "line 9, column flags: \"flag!\" is no name; use a-z, 0-9, '-', '_' and '.'",
        ]
    );
    let one = &customers["1"];
    assert_eq!((one.kind, one.name.as_str(), one.lines[0].kind), (Kind::Company, "Ruiz", LineKind::Mobile));
    assert_eq!(one.emails, ["a@b.es", "c@d.es"]);
    assert_eq!((one.addresses[0].street.as_str(), one.addresses[0].postcode.as_str()), ("Mayor 1", "28001"));
    assert_eq!((one.owner, one.flags.len()), (AgentId::new("anna").ok(), 2));
    assert_eq!(one.born, Day::parse("1980-12-31"));
    assert_eq!(customers["7"].surnames, "Gil Roca");
    assert_eq!(customers.keys().collect::<Vec<_>>(), ["1", "7", "9"]);
}

#[test]
fn a_file_without_the_columns_gives_nothing() {
    for (text, want) in [
        ("", "line 1, column external_id: the header lacks this column; add it or map another to it\n"),
        (
            "name,numbers\nx,1\n",
            "line 1, column external_id: the header lacks this column; add it or map another to it\n",
        ),
        ("id,nothing\nx,1\n", "line 1, column numbers: the header lacks this column; add it or map another to it\n"),
        ("id,name,nombre\n", "line 1, column name: two headers mean this column; rename one\n"),
    ] {
        assert_eq!(report(text.as_bytes()), want);
    }
}

#[test]
fn headers_are_mapped_as_the_operator_says() {
    let mapping = Mapping {
        country: "34".into(),
        columns: vec![
            ("Ref.".into(), Field::ExternalId),
            ("Contacto".into(), Field::Name),
            ("Nº".into(), Field::Number(LineKind::Home)),
        ],
        keep_others: true,
    };
    let sheet = "Ref.,Contacto,Nº,Contrato\nx,Ana,912345678,7-44\n";
    let (customers, errors) = parse_csv(sheet.as_bytes(), mapping.clone(), Wall(0));
    assert_eq!(errors, []);
    let one = &customers["x"];
    assert_eq!(
        (one.name.as_str(), one.lines[0].kind, one.custom["Contrato"].as_str()),
        ("Ana", LineKind::Home, "7-44")
    );
    let (_, errors) = parse_csv(b"Ref.,Contacto\n", mapping, Wall(0));
    assert_eq!(errors[0].column, "Nº");
    for (name, want) in [("numbers", true), ("custom:plan", true), ("custom:", false), ("x:y", false), ("plan", false)]
    {
        assert_eq!(Field::named(name).is_some(), want, "{name}");
    }
}

#[test]
fn a_row_changes_only_what_the_file_has_a_column_for() {
    let first = "id,name,numbers,value,ciudad,email\na,Ana,612345678;912345678,4,Bilbao,a@b.es\n";
    let (mut customers, _) = parse_csv(first.as_bytes(), Mapping::of_country("34"), Wall(1));
    let mut known = customers.remove("a").unwrap();
    known.lines[0].validity = crate::customer::Validity::Good;
    let again = |text: &str, at| {
        let mut importer = None;
        let mut out = None;
        csv_rows(text, b',', |line, cells| {
            match importer.as_mut() {
                None => importer = Importer::new(Mapping::of_country("34"), cells).ok(),
                Some(importer) => out = importer.on_row(line, cells, at).unwrap(),
            }
            true
        })
        .unwrap();
        out.unwrap().onto(Some(&known))
    };
    assert_eq!(again(first, Wall(2)), known, "the same file, a day later");
    let next = again("id,numbers,calle,value\na,612345678;688000000,Mayor 1,5\n", Wall(3));
    assert_eq!((next.name.as_str(), next.emails.len()), ("Ana", 1));
    assert_eq!((next.lines.len(), next.lines[0].validity), (2, crate::customer::Validity::Good));
    assert_eq!((next.addresses[0].street.as_str(), next.addresses[0].town.as_str()), ("Mayor 1", "Bilbao"));
    assert_eq!(next.value.as_ref().map(|value| (value.pm, value.at)), Some((5000, Wall(3))));
    assert_eq!(again("id,numbers\na,\n", Wall(4)).lines, [], "an empty cell empties");
}

#[test]
fn the_sample_loads_without_a_fault() {
    let (portfolio, errors) = Portfolio::parse_csv(include_bytes!("../../../config/customers.csv"), "34");
    assert_eq!(errors, []);
    assert!(portfolio.len() >= 12);
    let found = portfolio.by_number(E164::new("+34612045118").unwrap()).unwrap();
    assert_eq!((found.id, found.segment), ("C-1001", SegmentId::new("platinum").ok()));
}
