//! Plans from a pasted report alone: LVM's in every format, and what an old `docker info` excludes.

use thinspect::host;
use thinspect::plan::{self, Free, Grow, Number, Overlay2, Plan, Repair};
use thinspect::record::paste::paste;

/// `lvs` and `vgs`, `lvdisplay` and `vgdisplay`, and LVM's JSON.
const FORMS: [&str; 3] = [
    "  LV     VG  Attr       LSize    Pool Origin Data%  Meta%  Move Log Cpy%Sync Convert\n  \
     data   pve twi-aotz-- <794.30g             97.21  4.12\n  root   pve -wi-ao----   96.00g\n  \
     VG  #PV #LV #SN Attr   VSize    VFree\n  pve   1   3   0 wz--n- <931.01g 16.00g\n",
    "  --- Logical volume ---\n  LV Name                data\n  VG Name                pve\n  \
     LV UUID                Zc2Bka-Ow9l-kTL3-rzd0-SJPW-qDR0-2sZdPt\n  LV Write Access        read/write\n  \
     LV Pool metadata       data_tmeta\n  LV Pool data           data_tdata\n  LV Status              available\n  \
     # open                 0\n  LV Size                794.30 GiB\n  Allocated pool data    97.21%\n  \
     Allocated metadata     4.12%\n  Current LE             203341\n\n  --- Volume group ---\n  \
     VG Name               pve\n  VG Size               <931.01 GiB\n  PE Size               4.00 MiB\n  \
     Free  PE / Size       4096 / 16.00 GiB\n",
    "{\"report\":[{\"lv\":[{\"lv_name\":\"data\",\"vg_name\":\"pve\",\"lv_attr\":\"twi-aotz--\",\
     \"lv_size\":\"852853260288B\",\"data_percent\":\"97.21\",\"metadata_percent\":\"4.12\"}]}]}\n\
     {\"report\":[{\"vg\":[{\"vg_name\":\"pve\",\"vg_size\":\"999653638144B\",\"vg_free\":\"17179869184B\"}]}]}\n",
];

fn plans(text: &str) -> (Plan, Plan, Plan) {
    let host = host::read(&paste(text));
    assert_eq!(host.pools.len(), 1, "{text}");
    let pool = &host.pools[0];
    (
        plan::grow(&host, pool, &Grow::default()),
        plan::free(&host, pool, &Free::default()),
        plan::repair(&host, pool, &Repair::default()),
    )
}

#[test]
fn every_form_of_lvms_reports_is_enough() {
    for form in FORMS {
        let (grow, free, repair) = plans(form);
        assert!(grow.possible, "{form}: {:?}", grow.blocked_by);
        let commands: Vec<&String> = grow.steps.iter().flat_map(|s| &s.commands).collect();
        assert!(
            commands.iter().any(|c| c.starts_with("lvextend -L 8697") && c.ends_with("b pve/data")),
            "{commands:?}"
        );
        // The chunk size is unknown, so no block is counted and no script checks blocks.
        for name in [Number::BlockBytes, Number::TotalBlocks, Number::FreeBlocks, Number::GrowthBlocks] {
            assert_eq!(grow.numbers.get(name), None, "{name:?} in {form}");
        }
        assert!(grow.numbers.get(Number::GrowthBytes).is_some_and(|bytes| bytes > 15 << 30), "{form}");
        assert!(grow.unscriptable().is_some());
        let over = free.numbers.get(Number::Over80PercentBytes).unwrap();
        assert!((136_u64 << 30..137 << 30).contains(&over), "{over} in {form}");
        assert!(!repair.possible, "{form}");
    }
    let (_, _, sound) = plans(FORMS[0]);
    assert!(sound.blocked_by[0].plain().contains("nothing to repair"), "{:?}", sound.blocked_by);
    let (_, _, broken) = plans(&FORMS[0].replace("twi-aotz--", "twi-cotzM-"));
    assert!(broken.possible, "{:?}", broken.blocked_by);
}

#[test]
fn a_report_that_says_its_chunks_is_counted_in_blocks() {
    let text = "docker-thinpool: 0 19914752 thin-pool 4 2575/25600 16000/19448 - rw discard_passdown queue_if_no_space - 1024\n\
                docker-thinpool: 0 19914752 thin-pool 253:1 253:2 1024 0 1 skip_block_zeroing\n";
    let (grow, ..) = plans(text);
    assert_eq!(grow.numbers.get(Number::BlockBytes), Some(512 << 10));
}

#[test]
fn what_an_old_report_rules_out_of_overlay2_is_said() {
    let plan_of = |kernel: &str, version: &str| {
        let text = format!(
            "Storage Driver: devicemapper\n Pool Name: docker-8:1-131188-pool\n Data Space Used: 291.5 MB\n \
             Data Space Total: 107.4 GB\nKernel Version: {kernel}\n{version}"
        );
        let host = host::read(&paste(&text));
        let plan = plan::overlay2(&host, &host.pools[0], &Overlay2::default());
        let all = plan.blocked_by.iter().chain(&plan.warnings);
        all.map(|text| text.plain()).collect::<Vec<_>>().join("\n")
    };
    let old = plan_of("3.13.0-29-generic", "");
    for piece in
        ["needs kernel 4.0", "3.13.0-29-generic", "came with Docker 1.12", "docker save", "update the system"]
    {
        assert!(old.contains(piece), "{piece}: {old}");
    }
    // Controls: Red Hat's kernel has the backport, and a newer Docker supports it.
    let young = plan_of("3.10.0-1160.el7.x86_64", "Server Version: 19.03.5\n");
    assert!(!young.contains("needs kernel") && !young.contains("came with Docker"), "{young}");
}
