//! Guests: what nft makes of their words is what they are, in tables of any family, and
//! they need nothing else there.

use ftpnat::facts::Facts;
use ftpnat::plan::plan;
use ftpnat::render::native::guests;
use ftpnat::ruleset::live::expression::Expression;
use ftpnat::ruleset::live::print;
use ftpnat::ruleset::live::table::{Maker, Table, TableFamily};
use libtest_mimic::{Failed, Trial};

use crate::held::held;
use crate::support::directory;
use crate::support::netns::Namespace;
use crate::support::profiles;
use crate::support::rules::nft;
use crate::{SHIPPED, read, shipped};
use ftpnat::model::filter::Statement;
use ftpnat::profile::Profile;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = SHIPPED
        .into_iter()
        .map(|name| Trial::test(format!("guests/{name}"), move || stand(&shipped(&[name])?)))
        .collect();
    trials.push(Trial::test("guests/any", || {
        (0..40).try_for_each(|seed| stand(&[read(&profiles::any(seed))?]))
    }));
    trials
}

const FAMILIES: [(TableFamily, &str); 3] = [
    (TableFamily::Ip, "ip"),
    (TableFamily::Ip6, "ip6"),
    (TableFamily::Inet, "inet"),
];

fn stand(profiles: &[Profile]) -> Result<(), Failed> {
    let plan = plan(profiles, &Facts::default());
    let dir = directory();
    for (family, word) in FAMILIES {
        let wanted: Vec<_> = plan
            .rules()
            .filter(|rule| rule.statement == Statement::Accept)
            .flat_map(|rule| guests(rule, family))
            .collect();
        let needs_a_set = |e: &Expression| matches!(e, Expression::Lookup { .. });
        if wanted.iter().flat_map(|g| &g.expressions).any(needs_a_set) {
            return Err(format!("a guest needs a set: {wanted:#?}").into());
        }
        let table = Table::new(family, "t", Maker::Nft);
        let lines: Vec<String> = wanted.iter().map(|g| print::rule(g, "c", &table)).collect();
        let text = format!(
            "table {word} t {{\nchain c {{\n{}\n}}\n}}",
            lines.join("\n")
        );
        let host = Namespace::new("host", dir.path());
        nft(&host, &text);
        let found = held(&host)?;
        if found[0].chains[0].rules != wanted {
            let found = &found[0].chains[0].rules;
            return Err(format!("{text}\nheld as {found:#?}\nnot {wanted:#?}").into());
        }
    }
    Ok(())
}
