//! A snapshot's manifest: read or refused, and never a path that leads elsewhere.
#![no_main]

use ftpnat::facts::snapshot::Snapshot;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let read = Snapshot::parse(text, |path| {
        assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."));
        Ok(String::new())
    });
    if let Ok(snapshot) = read {
        let files = snapshot.files();
        let again = Snapshot::parse(&files[0].1, |_| Ok(String::new()));
        assert_eq!(again.as_ref(), Ok(&snapshot));
    }
});
