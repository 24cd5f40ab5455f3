//! Replays the fuzzers' findings and seeds through the fuzzed functions (`tests/fuzz`).

#[path = "../fuzz/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(path)
}

fn names(path: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(path).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_input_is_read() {
    for (name, target) in targets::ALL {
        let corpus = fuzz("corpus").join(name);
        let inputs = names(&corpus);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            target(&std::fs::read(corpus.join(&input)).unwrap());
        }
        target(&[]);
    }
}

#[test]
fn every_target_is_one_of_these() {
    let listed: BTreeSet<String> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    let bins: BTreeSet<String> =
        names(&fuzz("fuzz_targets")).iter().map(|n| n.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(bins, listed);
    let manifest = std::fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for name in &listed {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in the manifest");
        let target = std::fs::read_to_string(fuzz("fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(target.contains(&format!("targets::{name}(data)")), "{name}");
    }
}
