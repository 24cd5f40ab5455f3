//! Effects of the move to LVM on a disk: none, unless it is the chosen disk and still empty.

use super::fake_disks::WWID;
use super::fake_tools::{Run, Stage};

/// Whether a tool wrote to a disk or added it to LVM.
fn touches(run: &Run) -> bool {
    ["pvcreate", "vgcreate", "wipefs", "pvremove"].iter().any(|tool| run.called(tool))
}

#[test]
fn the_disk_that_was_meant_becomes_a_group_once() {
    let stage = Stage::new();
    let text = stage.disk();
    let run = stage.run(&text, &["--yes"]);
    // Volumes cannot be created here.
    assert!(!run.ok() && run.said.contains("in step 3"), "{run:?}");
    assert!(run.said.contains(WWID), "the question names the disk: {run:?}");
    assert!(
        run.called("pvcreate -q --norestorefile --uuid") && run.called("vgcreate --addtag thinspect docker"),
        "{run:?}"
    );
    assert!(!run.called("wipefs") && !stage.exists("copies/grouping"), "{run:?}");
    let again = stage.run(&text, &["--yes"]);
    assert!(!touches(&again) && again.said.contains("step 2 is done"), "{again:?}");
}

#[test]
fn a_group_that_was_made_is_known_whatever_its_disk_is_called() {
    let stage = Stage::new();
    let text = stage.disk();
    stage.run(&text, &["--yes"]);
    // Names were reassigned: the old name is now another disk of the same size, a physical volume hidden from LVM.
    stage.write("sys/devices/pci0/block/sdb/wwid", "naa.other\n");
    stage.write("label", "of-somebody-else");
    let run = stage.run(&text, &["--yes", "--yes-destroy"]);
    assert!(!touches(&run) && run.said.contains("step 2 is done"), "{run:?}");
}

type Change = fn(&Stage);

#[test]
fn another_disk_of_that_name_is_left_alone() {
    let cases: [(&str, Change); 9] = [
        ("is another disk", |s| s.write("sys/devices/pci0/block/sdb/wwid", "naa.5000c500ffffffff\n")),
        ("is another disk", |s| s.write("sys/devices/pci0/block/sdb/wwid", "")),
        ("not as large", |s| s.write("disk-size", "1")),
        ("holds something", |s| s.write("label", "of-somebody-else")),
        ("cannot be read", |s| s.write("unreadable", "")),
        ("is in use", |s| s.write("sys/devices/pci0/block/sdb/holders/dm-3", "")),
        ("cannot be told", |s| s.sh("rmdir sys/devices/pci0/block/sdb/holders").clear()),
        ("is in use", |s| s.write("sys/devices/pci0/block/sdb/sdb1/partition", "1")),
        ("larger sectors", |s| s.write("sector", "4096")),
    ];
    for (words, change) in cases {
        let stage = Stage::new();
        let text = stage.disk();
        change(&stage);
        let run = stage.run(&text, &["--yes", "--yes-destroy"]);
        assert!(run.failed_saying(words), "{words}: {run:?}");
        assert!(!touches(&run), "{words}: {run:?}");
    }
}

/// A run was interrupted while creating the group; then names are swapped, and the disk with the old name is a
/// foreign physical volume that a filter hides.
#[test]
fn notes_of_an_interrupted_run_do_not_serve_another_disk() {
    for change in [|s: &Stage| s.write("sys/devices/pci0/block/sdb/wwid", "naa.other\n"), |_: &Stage| {}] {
        let stage = Stage::new();
        let text = stage.disk();
        stage.refuse("dies");
        stage.run(&text, &["--yes"]);
        stage.allow("dies");
        assert!(stage.exists("copies/grouping"));
        stage.sh("rm pvs.*");
        stage.write("label", "of-somebody-else");
        change(&stage);
        let run = stage.run(&text, &["--yes", "--yes-destroy"]);
        assert!(run.status == 1 && !touches(&run), "{run:?}");
        let run = stage.run(&text, &["--back", "--yes", "--yes-destroy"]);
        assert!(!run.called("wipefs") && !run.called("pvremove"), "{run:?}");
    }
}

#[test]
fn what_an_interrupted_run_left_is_wiped_only_when_that_is_agreed_to() {
    let stage = Stage::new();
    let text = stage.disk();
    stage.refuse("dies");
    stage.run(&text, &["--yes"]);
    stage.allow("dies");
    // LVM does not answer, so the disk's owner is unknown.
    stage.refuse("silent");
    let run = stage.run(&text, &["--yes", "--yes-destroy"]);
    assert!(run.status == 1 && !touches(&run), "{run:?}");
    stage.allow("silent");
    let run = stage.run(&text, &["--yes"]);
    assert!(run.failed_saying("--yes-destroy goes on") && !run.called("wipefs"), "{run:?}");
    let run = stage.run(&text, &["--yes", "--yes-destroy"]);
    assert!(run.called("wipefs -a") && run.called("vgcreate"), "{run:?}");
}
