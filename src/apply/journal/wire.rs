//! The journal's shape in its file, frozen.

use serde::{Deserialize, Serialize};

use crate::apply::intent::Program;
use crate::apply::record::{
    Record, RecordError, is_module_name, is_profile_name, is_settable, is_value, require_format,
};
use crate::apply::system::SysctlStep;
use crate::ruleset::hexadecimal::{self, digits};
use crate::ruleset::live::decode::Dump;
use crate::ruleset::save::Save;

use super::{Before, FORMAT, Journal, Stage, Verb, Watch};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    format: String,
    id: String,
    verb: Verb,
    epoch: String,
    pid: u32,
    since: u64,
    profiles: Vec<String>,
    watch: Option<Watch>,
    stage: Stage,
    before: BeforeWire,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BeforeWire {
    record: Option<serde_json::Value>,
    nft: Option<DumpWire>,
    saves: Vec<SaveWire>,
    modules: Vec<String>,
    sysctls: Vec<SysctlStep>,
}

/// Messages as the kernel dumps them, in hexadecimal digits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DumpWire {
    tables: String,
    chains: String,
    rules: String,
    sets: String,
    elements: String,
    objects: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaveWire {
    program: String,
    text: String,
}

impl Wire {
    pub(super) fn of(journal: &Journal) -> Result<Self, serde_json::Error> {
        let before = &journal.before;
        let record = before.record.as_ref().map(Record::to_value).transpose()?;
        let saves = before.saves.iter().map(|(program, save)| SaveWire {
            program: program.name().to_owned(),
            text: save.text(),
        });
        Ok(Self {
            format: FORMAT.to_owned(),
            id: journal.id.clone(),
            verb: journal.verb,
            epoch: journal.epoch.clone(),
            pid: journal.pid,
            since: journal.since,
            profiles: journal.profiles.clone(),
            watch: journal.watch.clone(),
            stage: journal.stage.clone(),
            before: BeforeWire {
                record,
                nft: before.nft.as_ref().map(DumpWire::of),
                saves: saves.collect(),
                modules: before.modules.clone(),
                sysctls: before.sysctls.clone(),
            },
        })
    }
}

impl DumpWire {
    fn of(dump: &Dump) -> Self {
        Self {
            tables: digits(&dump.tables),
            chains: digits(&dump.chains),
            rules: digits(&dump.rules),
            sets: digits(&dump.sets),
            elements: digits(&dump.elements),
            objects: digits(&dump.objects),
        }
    }

    fn dump(&self) -> Result<Dump, RecordError> {
        Ok(Dump {
            tables: bytes(&self.tables)?,
            chains: bytes(&self.chains)?,
            rules: bytes(&self.rules)?,
            sets: bytes(&self.sets)?,
            elements: bytes(&self.elements)?,
            objects: bytes(&self.objects)?,
            flowtables: Vec::new(),
        })
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Journal, RecordError> {
    let value: serde_json::Value = serde_json::from_slice(bytes)?;
    require_format(&value, FORMAT)?;
    let wire: Wire = serde_json::from_value(value)?;
    let before = wire.before;
    let saves = before.saves.iter().map(|save| {
        let program = Program::named(&save.program)
            .ok_or_else(|| RecordError::Value(save.program.clone(), "program of iptables"))?;
        let parsed = Save::parse(&save.text).map_err(|error| {
            RecordError::Value(error.to_string(), "text that iptables-save printed")
        })?;
        Ok((program, parsed))
    });
    let journal = Journal {
        id: wire.id,
        verb: wire.verb,
        epoch: wire.epoch,
        pid: wire.pid,
        since: wire.since,
        profiles: wire.profiles,
        watch: wire.watch,
        stage: wire.stage,
        before: Before {
            record: before.record.map(Record::of_value).transpose()?,
            nft: before.nft.map(|nft| nft.dump()).transpose()?,
            saves: saves.collect::<Result<_, RecordError>>()?,
            modules: before.modules,
            sysctls: before.sysctls,
        },
    };
    fault(&journal).map_or(Ok(journal), Err)
}

/// The first value that ftpnat does not write.
fn fault(journal: &Journal) -> Option<RecordError> {
    let faulty = |value: &str, what| RecordError::Value(format!("{value:?}"), what);
    let name = journal.profiles.iter().find(|name| !is_profile_name(name));
    let module = journal.before.modules.iter().find(|m| !is_module_name(m));
    let steps = &journal.before.sysctls;
    let settings = || {
        let main = steps.iter().map(|s| (&s.key, &s.from));
        let ends = steps.iter().map(|s| (&s.key, &s.to));
        let others = steps
            .iter()
            .flat_map(|s| s.overwrites.iter().chain(&s.then));
        main.chain(ends).chain(others.map(|s| (&s.key, &s.value)))
    };
    let key = settings().find(|(key, _)| !is_settable(key));
    let value = settings().find(|(_, value)| !is_value(value));
    name.map(|name| faulty(name, "profile's name"))
        .or_else(|| module.map(|module| faulty(module, "module's name")))
        .or_else(|| key.map(|(key, _)| faulty(key, "sysctl that ftpnat sets")))
        .or_else(|| value.map(|(_, value)| faulty(value, "value of a sysctl")))
}

fn bytes(digits: &str) -> Result<Vec<u8>, RecordError> {
    let bytes = hexadecimal::bytes(digits);
    bytes.ok_or_else(|| RecordError::Value("a dump".to_owned(), "row of hexadecimal digits"))
}
