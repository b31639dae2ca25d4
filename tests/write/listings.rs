//! What nft loads, read and written on another host: `nft list ruleset` prints the same.

use std::path::Path;

use ftpnat::ruleset::difference::differences;
use libtest_mimic::{Failed, Trial};
use snapbox::assert_data_eq;

use crate::host::{Host, replaced};
use crate::support::{BackEnd, emitted};

pub(crate) fn trials() -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let files = std::fs::read_dir(folder).expect("the profiles");
    let mut files: Vec<Vec<String>> = files
        .map(|file| vec![file.expect("a file").path().display().to_string()])
        .collect();
    files.sort();
    files.push(
        files
            .iter()
            .flatten()
            .filter(|f| f.contains("/two-servers"))
            .cloned()
            .collect(),
    );
    let mut trials: Vec<Trial> = files
        .into_iter()
        .map(|files| {
            let names: Vec<&str> = files
                .iter()
                .filter_map(|file| file.rsplit('/').next())
                .collect();
            Trial::test(format!("listings::{}", names.join("+")), move || {
                profile(&files)
            })
        })
        .collect();
    for (name, text) in [
        ("maps", include_str!("maps.nft")),
        ("families", include_str!("families.nft")),
    ] {
        trials.push(Trial::test(format!("listings::{name}"), move || {
            written_as_by_nft(text);
            Ok(())
        }));
    }
    trials
}

fn profile(files: &[String]) -> Result<(), Failed> {
    let mut arguments = vec!["nft", "--base", "none"];
    for file in files {
        arguments.extend(["--profile", file]);
    }
    let host = Host::new();
    let text = emitted(BackEnd::Nft, &host.namespace, &arguments, "")?;
    written_as_by_nft(&text);
    Ok(())
}

/// On an empty host, and twice: it replaces what is there.
fn written_as_by_nft(text: &str) {
    let by_nft = Host::with(text);
    let ours = Host::new();
    let operations = replaced(by_nft.tables());
    assert!(!operations.is_empty());
    for _ in 0..2 {
        let (_, generation) = ours.read();
        ours.commit(&operations, generation).expect("a commit");
        assert_data_eq!(ours.listing(), by_nft.listing());
    }
    // What nft does not print is the same as well.
    for (planned, read) in by_nft.tables().iter().zip(ours.tables()) {
        assert_eq!(differences(planned, &read), []);
    }
}
