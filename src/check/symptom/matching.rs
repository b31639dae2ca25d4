//! Which symptom a text is like: loosely, because numbers, names and what stands before it
//! differ.

use std::collections::BTreeSet;

use super::{Symptom, all};

/// How many characters of a text are looked at.
pub const LONGEST: usize = 8 * 1024;
/// How much of a symptom's words, or of the text's, must be the other's.
const ENOUGH: f64 = 0.7;
/// How much of a symptom's words a part of it has at least: two words of a sentence may be
/// of another one.
const PART: f64 = 0.3;
/// The weight that common words must have together.
const LEAST: f64 = 3.0;
/// What a word weighs that says little.
const LITTLE: f64 = 0.5;
/// What a reply code weighs: servers send each with very many messages.
const OF_A_CODE: f64 = 1.0;
/// Of this many letters is the name of an option or of an error, such as `ECONNREFUSED`: it
/// may stand alone, and shorter words may not.
const NAME: usize = 12;
/// Words that any program prints. They are rare in the table, and say nothing all the same.
const EVERYDAY: &[&str] = &[
    "a",
    "address",
    "and",
    "by",
    "command",
    "complete",
    "denied",
    "directory",
    "error",
    "failed",
    "file",
    "for",
    "firewall",
    "in",
    "is",
    "no",
    "not",
    "of",
    "on",
    "operation",
    "or",
    "permission",
    "permitted",
    "server",
    "such",
    "table",
    "the",
    "to",
    "transfer",
    "with",
];

/// A symptom that a text is like.
#[derive(Debug, Clone, Copy)]
pub struct Likeness {
    /// Which.
    pub symptom: &'static Symptom,
    /// Which of its texts, by its place.
    pub text: usize,
    /// From 0 to 1.
    pub score: f64,
}

/// The symptoms that a text is like, the likest first. A reply code alone is like all that
/// have it.
#[must_use]
pub fn like(text: &str) -> Vec<Likeness> {
    let text: String = text.chars().take(LONGEST).collect();
    let asked = words(&text);
    let is_code_alone = asked.len() == 1 && asked.iter().all(|word| is_code(word));
    let weights = Weights::new();
    let mut found: Vec<Likeness> = all()
        .filter_map(|symptom| {
            // Of equals the last is the greatest: reversed, the first of them.
            let texts = symptom.texts.iter().enumerate().rev();
            let scores = texts.map(|(place, text)| {
                let known = words(text);
                let score = if is_code_alone {
                    f64::from(u8::from(asked.is_subset(&known)))
                } else {
                    weights.score(&asked, &known)
                };
                (place, score)
            });
            let (text, score) = scores.max_by(|a, b| a.1.total_cmp(&b.1))?;
            (score >= ENOUGH).then_some(Likeness {
                symptom,
                text,
                score,
            })
        })
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

/// The words of a text: lower case, no punctuation, no numbers but reply codes and those of
/// errors, `GnuTLS error -15`.
fn words(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let all: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let is_number = |word: &str| word.chars().all(|c| c.is_ascii_digit());
    let numbered = all
        .windows(2)
        .filter(|pair| pair[0] == "error" && is_number(pair[1]))
        .map(<[&str]>::concat);
    let plain = all.iter().filter(|word| is_code(word) || !is_number(word));
    plain
        .map(|word| (*word).to_owned())
        .chain(numbered)
        .collect()
}

/// Whether it is a reply of FTP that says no, or names a data port.
fn is_code(word: &str) -> bool {
    let is_number = word.len() == 3 && word.bytes().all(|b| b.is_ascii_digit());
    is_number && matches!(word.as_bytes()[0], b'4' | b'5') || matches!(word, "226" | "227" | "229")
}

/// How much each word says: the rarer in the table, the more.
struct Weights {
    texts: Vec<BTreeSet<String>>,
}

impl Weights {
    fn new() -> Self {
        let texts = all().map(|symptom| {
            let all = symptom.texts.iter().flat_map(|text| words(text));
            all.collect()
        });
        Self {
            texts: texts.collect(),
        }
    }

    /// From [`LITTLE`] to about 4.
    fn of(&self, word: &str) -> f64 {
        if is_code(word) {
            return OF_A_CODE;
        }
        if EVERYDAY.contains(&word) {
            return LITTLE;
        }
        let having = self.texts.iter().filter(|text| text.contains(word)).count();
        let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        (count(self.texts.len()) / count(having.max(1)))
            .ln()
            .max(LITTLE)
    }

    fn sum<'a>(&self, words: impl Iterator<Item = &'a String>) -> f64 {
        words.map(|word| self.of(word)).sum()
    }

    /// A log line has more words than the symptom, a part of it has fewer: what counts is how
    /// much of the shorter one the other has.
    fn score(&self, asked: &BTreeSet<String>, known: &BTreeSet<String>) -> f64 {
        let common = self.sum(asked.intersection(known));
        // An everyday word beside one other makes no message of it.
        let mut telling = asked
            .intersection(known)
            .filter(|word| !EVERYDAY.contains(&word.as_str()));
        let is_one =
            matches!((telling.next(), telling.next()), (Some(word), None) if word.len() < NAME);
        if common < LEAST || is_one {
            return 0.0;
        }
        let of_known = common / self.sum(known.iter());
        let of_asked = common / self.sum(asked.iter());
        if of_known < PART {
            return 0.0;
        }
        // The whole symptom beats a part of another.
        of_known.max(0.95 * of_asked) * (1.0 - 0.02 * (1.0 - of_known.min(of_asked)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_first(text: &str, symptom: &Symptom) {
        let found = like(text);
        let best = found.first().map_or(0.0, |first| first.score);
        // Rows may share a text: then both are the first.
        let mut likest = found.iter().filter(|one| one.score >= best - 1e-9);
        assert!(
            likest.any(|one| std::ptr::eq(one.symptom, symptom)),
            "{text}: {:?}",
            found
                .iter()
                .map(|f| (f.symptom.texts[0], f.score))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn each_text_finds_its_symptom_however_it_is_printed() {
        for symptom in all() {
            for text in symptom.texts {
                is_first(text, symptom);
                is_first(&text.to_uppercase(), symptom);
                let other: String = text
                    .split_inclusive([',', ' '])
                    .map(
                        |part| match part.trim_end_matches([',', ' ']).parse::<u8>() {
                            Ok(number) if number < 100 => part.replacen(char::is_numeric, "7", 1),
                            _ => part.to_owned(),
                        },
                    )
                    .collect();
                is_first(&other, symptom);
                is_first(
                    &format!("Nov 27 02:13:07 web01 client[812]: <--- {text}"),
                    symptom,
                );
            }
        }
    }

    #[test]
    fn the_table_has_all_its_rows_and_each_says_what_to_do() {
        assert!(all().count() >= 47, "{}", all().count());
        for symptom in all() {
            assert!(!symptom.causes.is_empty() && !symptom.cure.is_empty());
            assert!(!symptom.next.is_empty() && !symptom.source.is_empty());
        }
    }

    #[test]
    fn what_is_like_nothing_finds_nothing() {
        for text in [
            "",
            "segmentation fault",
            "hello world",
            "disk full",
            "no space left on device",
            "the server",
            "425 hamsters",
            "permission denied (publickey)",
            "ftp",
        ] {
            assert!(
                like(text).is_empty(),
                "{text}: {:?}",
                like(text)[0].symptom.texts
            );
        }
    }

    #[test]
    fn a_code_alone_finds_all_that_have_it() {
        let found = like("522");
        assert_eq!(found.len(), 1);
        assert!(like("425").len() >= 4);
        assert!(like("599").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_ends(text in any::<String>()) {
            let found = like(&text);
            prop_assert!(found.iter().all(|one| one.score <= 1.0));
        }
    }
}
