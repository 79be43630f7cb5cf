//! `turno rate`: what a call would cost and why, cases a line each, and a period rated again.

mod again;

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use turno_base::Wall;
use turno_tariff::batch::{Batch, LINE_BYTES_MAX};
use turno_tariff::{Call, Deck, Key, Numbering, Payer, explain, key_of, rate as price};

use crate::cli::REFUSED;
use crate::shell::clock::wall;
use crate::shell::instant::wall_of;

/// What else than to price one call.
#[derive(Debug, Subcommand)]
pub(super) enum RateCommand {
    /// Rate the calls of a period again and post what the price book says differently now. Done twice, it posts once.
    Again(again::AgainArgs),
}

/// What to price.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct RateArgs {
    #[command(subcommand)]
    command: Option<RateCommand>,
    /// Called number; the same as --to.
    #[arg(conflicts_with_all = ["to", "batch"])]
    number: Option<String>,
    /// Called number.
    #[arg(long, required_unless_present_any = ["number", "batch"], conflicts_with = "batch")]
    to: Option<String>,
    /// Talk time, seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Calling number.
    #[arg(long, default_value = "")]
    from: String,
    /// Price book: CSV or JSON.
    #[arg(long, value_name = "FILE", default_value = "tariff.csv")]
    deck: PathBuf,
    /// Who pays: company, caller, or another that the deck names.
    #[arg(long, default_value = "company")]
    payer: String,
    /// When it was answered; now if absent.
    #[arg(long, value_parser = wall_of)]
    at: Option<Wall>,
    /// Country code without '+', for numbers in national form.
    #[arg(long, default_value = "34")]
    country: String,
    /// Take cases from standard input, one JSON object a line, and answer each in a line (docs/tariffs.md).
    #[arg(long)]
    batch: bool,
}

/// Prices a call that did not happen, or a batch of cases.
pub(super) fn rate(args: &RateArgs, as_json: bool) -> u8 {
    if let Some(RateCommand::Again(args)) = &args.command {
        return again::again(args, as_json);
    }
    if args.batch {
        return batch();
    }
    let deck = match load(&args.deck) {
        Ok(deck) => deck,
        Err(error) => {
            eprintln!("{error}");
            return REFUSED;
        }
    };
    let to = args.to.as_ref().or(args.number.as_ref()).map_or("", String::as_str);
    let b = key_of(to, &args.country);
    if b == Key::EMPTY {
        eprintln!("{to:?} is no telephone number; write + and the country code first");
        return REFUSED;
    }
    let Ok(payer) = args.payer.parse().map(Payer) else {
        eprintln!("{:?} is no payer; the deck has {}", args.payer, payers(&deck));
        return REFUSED;
    };
    let call = Call {
        a: key_of(&args.from, &args.country),
        b,
        answer: args.at.unwrap_or_else(wall),
        duration_ms: u64::from(args.seconds) * 1000,
        answered: true,
    };
    let rated = price(&deck, &call, payer);
    let kind = Numbering::shipped().seen_from(b, &args.country).map(|kind| kind.as_str());
    if as_json {
        let mut object = json!(rated);
        object["number_type"] = json!(kind);
        println!("{object}");
        return 0;
    }
    print!("{}", explain(&deck, &call, payer));
    if let Some(kind) = kind {
        println!("  {b} is {kind}");
    }
    if rated.net.is_none() {
        println!("the deck has {}", payers(&deck));
    }
    0
}

/// A price book from a file, or why not in a sentence.
fn load(path: &Path) -> Result<Deck, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}; name the price book with --deck", path.display()))?;
    Deck::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn payers(deck: &Deck) -> String {
    let payers: Vec<String> = deck.payers().map(|payer| payer.to_string()).collect();
    payers.join(", ")
}

/// Lines from standard input to standard output, in order.
fn batch() -> u8 {
    let from = BufReader::with_capacity(1 << 16, io::stdin());
    match answer_all(from, &mut BufWriter::with_capacity(1 << 16, io::stdout().lock())) {
        Ok(true) => 0,
        Ok(false) => REFUSED,
        // A reader that went away (`| head`) has seen what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            eprintln!("{error}");
            REFUSED
        }
    }
}

/// Answers each line as soon as nothing more is at hand, so that whoever waits for an answer before he asks on gets it. False
/// if some line was refused.
fn answer_all(mut from: BufReader<impl Read>, to: &mut impl Write) -> io::Result<bool> {
    let (mut batch, mut all_good) = (Batch::default(), true);
    let (mut bytes, mut out) = (Vec::new(), String::new());
    loop {
        bytes.clear();
        let read = from.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            to.flush()?;
            return Ok(all_good);
        }
        if read > LINE_BYTES_MAX && bytes.last() != Some(&b'\n') {
            from.skip_until(b'\n')?;
        }
        let line = bytes.trim_ascii();
        if line.is_empty() {
            continue;
        }
        out.clear();
        // What is not UTF-8 is no JSON either, and answered as such.
        all_good &= batch.line(std::str::from_utf8(line).unwrap_or("\u{fffd}"), &mut out);
        to.write_all(out.as_bytes())?;
        if from.buffer().is_empty() {
            to.flush()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_answered_in_order_and_a_bad_one_does_not_stop_the_rest() {
        let line = |id: u32| {
            format!("{{\"id\":{id},\"op\":\"allocate\",\"input\":{{\"total\":\"1\",\"weights\":[1],\"scale\":0}}}}\n")
        };
        let run = |given: &[u8]| {
            let mut out = Vec::new();
            let good = answer_all(BufReader::with_capacity(16, given), &mut out).unwrap();
            (good, String::from_utf8(out).unwrap())
        };
        let answer = |id: u32| format!("{{\"id\":{id},\"parts\":[\"1\"]}}\n");
        assert_eq!(run((line(1) + "\n" + line(2).trim_end()).as_bytes()), (true, answer(1) + &answer(2)));
        let bad = [line(1).as_bytes(), b"\xff{\n", line(2).as_bytes()].concat();
        let malformed = "{\"id\":null,\"error\":\"malformed\"}\n";
        assert_eq!(run(&bad), (false, answer(1) + malformed + &answer(2)));
    }

    #[test]
    fn a_line_beyond_the_bound_is_one_error_and_the_next_is_read() {
        let long = vec![b'x'; LINE_BYTES_MAX + 100];
        let given =
            [long.as_slice(), b"\n{\"id\":2,\"op\":\"normalize\",\"input\":{\"raw\":\"112\",\"country\":\"34\"}}\n"]
                .concat();
        let mut out = Vec::new();
        assert!(!answer_all(BufReader::new(given.as_slice()), &mut out).unwrap());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"id\":null,\"error\":\"malformed\"}\n{\"id\":2,\"key\":\"34112\"}\n"
        );
    }
}
