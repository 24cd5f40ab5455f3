//! Refusals that are decided before any message is sent to the kernel.

use super::*;
use crate::host;
use crate::record::{Outcome, Query, Recording, Source};

#[test]
fn safe_kernels_are_recognised() {
    for sound in [
        "4.4.0",
        "4.4.0-210-generic",
        "5.10.0-46-amd64",
        "6.1.0-56-cloud-amd64",
        "10.0",
        "3.10.0-366.el7.x86_64",
        "3.10.0-1160.119.1.el7.x86_64",
    ] {
        assert!(is_sound(sound), "{sound}");
    }
    for unsound in [
        "",
        "4.3.9",
        "3.10.0",
        "3.10.0-327.36.3.el7.x86_64",
        "3.10.0-1160",
        "2.6.32-754.el6.x86_64",
        "4.1.12-124.el7uek.x86_64",
        "garbage",
        "4",
    ] {
        assert!(!is_sound(unsound), "{unsound}");
    }
}

fn refused(kernel: &str, status: &str, state: &str) -> Option<String> {
    let mut recording = Recording::new(Source::Machine, None);
    let mut say = |query, of: &str, text: &str| recording.push(query, of, Outcome::Answered(text.to_owned()));
    say(Query::Uname, "", &format!("Linux {kernel} x86_64"));
    say(Query::DmVersion, "", "4.47.0");
    say(Query::DmList, "", "253:0 0 pool");
    say(Query::DmTable, "pool", "0 4096 thin-pool 7:1 7:0 128 64 1 skip_block_zeroing ");
    say(
        Query::DmInfo,
        "pool",
        &format!("Name:              pool\nState:             {state}\nTables present:    LIVE\n"),
    );
    say(Query::DmStatus, "pool", &format!("0 4096 thin-pool {status}"));
    let host = host::read(&recording);
    refusal(&host, host.pools.first().unwrap())
}

#[test]
fn unsuitable_pool_states_are_refused() {
    let kernel = "6.1.0-56-cloud-amd64";
    let good = "7 120/2048 5/32 - rw discard_passdown queue_if_no_space - 512 ";
    assert_eq!(refused(kernel, good, "ACTIVE"), None);
    assert_eq!(refused(kernel, &good.replace("rw", "out_of_data_space"), "ACTIVE"), None);
    for (status, state, words) in [
        (good.to_owned(), "SUSPENDED", "suspended"),
        (good.replace("rw", "ro"), "ACTIVE", "read-only"),
        (good.replace("space - ", "space needs_check "), "ACTIVE", "needs_check"),
        (good.replace("120/", "1600/"), "ACTIVE", "nearly full"),
        (good.replace(" - rw", " 77 rw"), "ACTIVE", "--held-root"),
        (good.replace(" - rw", " 77 rw"), "ACTIVE", "dmsetup message pool 0 release_metadata_snap"),
        ("Fail".to_owned(), "ACTIVE", "failed"),
        (String::new(), "ACTIVE", "not known"),
    ] {
        let why = refused(kernel, &status, state).unwrap_or_default();
        assert!(why.contains(words), "{status}: {why}");
    }
    assert!(refused("3.10.0-327.el7.x86_64", good, "ACTIVE").unwrap().contains("3.10.0-327.el7.x86_64"));
}

/// The guardian reports the missing pool and ends.
#[test]
fn a_missing_pool_is_an_error() {
    let taken =
        Snapshot::take("no-such-pool-of-thinspect", Path::new("/nonexistent"), Duration::from_secs(5));
    assert!(matches!(taken, Err(Error::NotTaken(_))), "{taken:?}");
}

/// Two blocks that cannot be read do not count as equal.
#[test]
fn only_the_snapshot_that_was_taken_is_released() {
    let own = |contents: Option<&[u8]>| {
        let mut own = messages::Own::at("pool", Path::new("/nonexistent"), 7);
        own.contents = contents.map(<[u8]>::to_vec);
        own
    };
    assert_eq!(own(Some(b"a")).why_not(7, Some(b"a")), None);
    let other = "another is held now, in metadata block";
    assert!(own(Some(b"a")).why_not(7, Some(b"b")).unwrap().starts_with(other));
    assert!(own(Some(b"a")).why_not(8, Some(b"a")).unwrap().starts_with(other));
    for (taken, now) in [(None, None), (Some(&b"a"[..]), None), (None, Some(&b"a"[..]))] {
        assert!(own(taken).why_not(7, now).unwrap().contains("dmsetup message pool 0 release_metadata_snap"));
    }
}
